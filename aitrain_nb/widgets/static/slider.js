// The project's one slider: a native range with a label, a unit and a number field. Linear or logarithmic.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const POSITIONS_A_DECADE = 40; // of a logarithmic range: an arrow key changes the value by 6 %

/** A number as people write it: 0.003, 5e-5, 12. */
function shortNumber(value) {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(3))) : value.toExponential(2);
  return text.replace(/\.?0+e/, "e").replace("e+", "e");
}

/**
 * @param options label, unit, help, min, max, step (0: continuous), log, value, zero (what 0 is called), onInput(value)
 * @returns {element, set(value), disable(boolean), value()}
 */
function makeSlider(options) {
  const { label, unit = "", help = "", min, max, step = 0, log = false, zero = "", onInput } = options;
  let current = options.value;
  const element = document.createElement("div");
  element.className = "aitrain-slider";
  element.dataset.lmSuppressShortcuts = "true"; // or the notebook eats the arrow keys
  element.addEventListener("keydown", (event) => event.stopPropagation());
  const id = `aitrain-${Math.random().toString(36).slice(2)}`;
  const name = document.createElement("label");
  name.htmlFor = id;
  name.textContent = label;
  if (help) name.title = help;
  const range = document.createElement("input");
  range.type = "range";
  range.id = id;
  const field = document.createElement("input");
  field.type = "text";
  field.inputMode = "decimal";
  field.size = 7;
  field.autocomplete = "off";
  field.setAttribute("aria-label", unit ? `${label}, ${unit}` : label);
  const after = document.createElement("span");
  after.className = "aitrain-unit";
  after.textContent = unit;
  const wrong = document.createElement("span");
  wrong.className = "aitrain-wrong";
  wrong.setAttribute("role", "alert");
  element.append(name, range, field, after, wrong);
  const positions = log ? Math.max(20, Math.round(POSITIONS_A_DECADE * Math.log10(max / min))) : 0;
  if (log) {
    range.min = 0;
    range.max = positions;
    range.step = 1;
  } else {
    range.min = min;
    range.max = max;
    range.step = step || (max - min) / 100;
  }
  const position = (value) => (log ? (positions * Math.log(value / min)) / Math.log(max / min) : value);
  const snapped = (value) => {
    const kept = Math.min(max, Math.max(min, value));
    return step ? Math.min(max, min + Math.round((kept - min) / step) * step) : kept;
  };
  const at = (place) => {
    if (!log) return snapped(place);
    const exact = min * (max / min) ** (place / positions);
    return step ? snapped(exact) : Number(exact.toPrecision(3));
  };
  const said = (value) => (value === 0 && zero ? zero : shortNumber(value));
  function show() {
    range.value = position(current);
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
  range.addEventListener("input", () => take(at(Number(range.value))));
  field.addEventListener("change", () => {
    const typed = field.value.trim().replace(",", ".");
    const value = zero && typed.toLowerCase() === zero.toLowerCase() ? 0 : Number(typed);
    if (typed === "" || !Number.isFinite(value) || value < min || value > max) {
      field.setAttribute("aria-invalid", "true"); // the last good value goes on to hold
      wrong.textContent = `a number from ${shortNumber(min)} to ${shortNumber(max)}`;
    } else take(step ? snapped(value) : value);
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
