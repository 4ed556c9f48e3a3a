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
  const size = Math.abs(value);
  const power = size < 1e-3 || size >= 1e6;
  const text = power ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return power ? text.replace(/\.?0+e/, "e").replace("e+", "e") : text;
}

/** Elements of a slider, with their names for a screen reader. */
function sliderParts({ label, unit, help }) {
  const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
  const id = `aitrain-${Math.random().toString(36).slice(2)}`;
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
function sliderScale({ min, max, step, log, zero }) {
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

/**
 * @param options label, unit, help, min, max, step (0: continuous), log, value, zero (what 0 is called), onInput(value)
 * @returns {element, set(value), disable(boolean), value()}
 */
function makeSlider(options) {
  const { label, unit = "", help = "", min, max, step = 0, log = false, zero = "", onInput } = options;
  const { element, range, field, wrong } = sliderParts({ label, unit, help });
  const scale = sliderScale({ min, max, step, log, zero });
  Object.assign(range, { min: scale.min, max: scale.max, step: scale.step });
  let current = options.value;
  const said = (value) => (value === 0 && zero ? zero : plainOrPower(value, Number.isInteger(value) ? 15 : 6));
  function show() {
    range.value = scale.position(current);
    range.setAttribute("aria-valuetext", `${said(current)}${unit && !(current === 0 && zero) ? ` ${unit}` : ""}`);
    field.value = said(current);
    field.removeAttribute("aria-invalid");
    wrong.textContent = "";
  }
  function take(value) {
    current = value;
    show();
    onInput(current);
  }
  range.addEventListener("input", () => take(scale.at(Number(range.value))));
  field.addEventListener("change", () => {
    const typed = field.value.trim().replace(",", ".");
    const named = zero && (typed.toLowerCase() === zero.toLowerCase() || Number(typed) === 0);
    const value = named && typed ? 0 : Number(typed);
    if (typed === "" || !Number.isFinite(value) || (!named && (value < min || value > max))) {
      field.setAttribute("aria-invalid", "true"); // the last good value goes on to hold
      wrong.textContent = `a number from ${shortNumber(min)} to ${shortNumber(max)}${zero ? `, or ${zero}` : ""}`;
    } else take(step && !named ? scale.snapped(value) : value);
  });
  show();
  return {
    element,
    value: () => current,
    set(value) {
      if (value === current || element.contains(document.activeElement) && document.activeElement === field) return;
      current = value;
      show();
    },
    disable(off) {
      range.disabled = field.disabled = off;
    },
  };
}
