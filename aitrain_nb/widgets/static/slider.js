// The project's one slider: a native range with a label, a unit and a number field. Linear or logarithmic.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const POSITIONS_A_DECADE = 40; // of a logarithmic range: an arrow key changes the value by 6 %

/** A number as people write it, to three digits: 0.00312, 5e-5, 12; whole numbers stay whole. */
function shortNumber(value) {
  if (value === null || value === undefined) return "";
  if (!Number.isFinite(value)) return String(value).toLowerCase();
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return String(value);
  if (size >= 1000 && size < 1e6) return String(Math.round(value));
  return plainOrPower(value, 3);
}

/** A number as it is, to so many digits: what is typed is shown as it was typed. */
function plainOrPower(value, digits) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  const power = size < 1e-3 || size >= 1e6;
  const text = power ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return power ? text.replace(/\.?0+e/, "e").replace("e+", "e") : text;
}

/** A number as it stands in a field: whole numbers with all their digits, others to six. */
function asTyped(value) {
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : plainOrPower(value, 6);
}

/** Elements of a slider, with their names for a screen reader. */
function sliderParts({ label, unit, help }) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const id = uniqueId();
  const element = make("div", { className: "aitrain-slider" });
  keepKeys(element); // or the notebook eats the arrow keys
  const name = make("label", { htmlFor: id, textContent: label, title: help });
  const range = make("input", { type: "range", id });
  const field = make("input", { type: "text", inputMode: "decimal", size: 7, autocomplete: "off" });
  field.setAttribute("aria-label", unit ? `${label}, ${unit}` : label);
  const wrong = make("span", { className: "aitrain-wrong" });
  wrong.setAttribute("role", "alert");
  element.append(name, range, field, make("span", { className: "aitrain-unit", textContent: unit }), wrong);
  return { element, range, field, wrong };
}

/** Between positions of the native range and values: equal ways are equal differences, or with `log` equal ratios. */
function sliderScale({ min, max, step, log, zero, stops }) {
  if (stops && stops.length) return stopsScale(stops);
  const snapped = (value) => {
    const kept = Math.min(max, Math.max(min, value));
    return step ? Math.min(max, min + Math.round((kept - min) / step) * step) : kept;
  };
  if (!log) return { min, max, step: step || (max - min) / 100, snapped, position: (value) => value, at: snapped };
  const positions = Math.max(20, Math.round(POSITIONS_A_DECADE * Math.log10(max / min)));
  const last = zero ? positions + 1 : positions; // what 0 stands for lies beyond the largest number
  return {
    min: 0, max: last, step: 1, snapped,
    position: (value) => (value === 0 && zero ? last : (positions * Math.log(value / min)) / Math.log(max / min)),
    at: (place) => {
      if (zero && place > positions) return 0;
      const exact = min * (max / min) ** (place / positions);
      return step ? snapped(exact) : Number(exact.toPrecision(3));
    },
  };
}

/** The same where there are few values: each is a position, and what lies between is moved to the nearest, by ratio where all are above 0. */
function stopsScale(stops) {
  const far = (stop, value) => (stops[0] > 0 && value > 0 ? Math.abs(Math.log(stop / value)) : Math.abs(stop - value));
  const position = (value) => stops.reduce((best, stop, place) => (far(stop, value) < far(stops[best], value) ? place : best), 0);
  return { min: 0, max: stops.length - 1, step: 1, position, at: (place) => stops[place], snapped: (value) => stops[position(value)] };
}

/** What a number field says of what was typed: `null` where it may be left empty, NaN where it is no number that is allowed. */
function typedNumber(text, { least, most, zero, automatic }) {
  const typed = text.trim().replace(",", ".");
  if (typed === "") return automatic === undefined ? NaN : null;
  if (zero && (typed.toLowerCase() === zero.toLowerCase() || Number(typed) === 0)) return 0;
  const value = Number(typed);
  return value >= least && value <= most ? value : NaN;
}

/**
 * @param options label, unit, help, min, max, step (0: continuous), log, value, zero (what 0 is called), stops (all values there are), onInput(value); least and most: what
 *   may be typed, where that is more than the range shows; automatic: what holds while the field is left empty, which is the value `null`
 * @returns {element, set(value, automatic), refuse(words), disable(boolean), value()}
 */
function makeSlider(options) {
  const { label, unit = "", help = "", min, max, step = 0, log = false, zero = "", stops = [], least = min, most = max, onInput } = options;
  const { element, range, field, wrong } = sliderParts({ label, unit, help });
  const scale = sliderScale({ min, max, step, log, zero, stops });
  Object.assign(range, { min: scale.min, max: scale.max, step: scale.step });
  let { value: current, automatic } = options;
  const said = (value) => (value === 0 && zero ? zero : asTyped(value));
  const inWords = (value) => `${said(value)}${unit && !(value === 0 && zero) ? ` ${unit}` : ""}`;
  function show() {
    const shown = current === null ? automatic : current;
    range.value = scale.position(shown);
    range.setAttribute("aria-valuetext", `${inWords(shown)}${current === null ? ", automatic" : ""}`);
    field.value = current === null ? "" : said(current);
    field.placeholder = current === null ? `auto ${said(shown)}` : "";
    field.removeAttribute("aria-invalid");
    wrong.textContent = "";
  }
  function refuse(words) {
    field.setAttribute("aria-invalid", "true"); // the last good value goes on to hold
    wrong.textContent = words;
  }
  function take(value) {
    current = value;
    show();
    onInput(current);
  }
  range.addEventListener("input", () => take(scale.at(Number(range.value))));
  field.addEventListener("change", () => {
    const value = typedNumber(field.value, { least, most, zero, automatic });
    if (Number.isNaN(value)) {
      refuse(`a number from ${shortNumber(least)} to ${shortNumber(most)}${zero ? `, or ${zero}` : ""}`);
    } else take((step || stops.length) && value >= min && value <= max ? scale.snapped(value) : value);
  });
  show();
  return {
    element,
    value: () => current,
    set(value, instead = automatic) {
      const same = value === current && instead === automatic;
      if (same || (element.contains(document.activeElement) && document.activeElement === field)) return;
      [current, automatic] = [value, instead];
      show();
    },
    refuse,
    disable(off) {
      range.disabled = field.disabled = off;
    },
  };
}
