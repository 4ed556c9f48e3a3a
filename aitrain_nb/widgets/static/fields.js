// The fields of a form, made from what a config says of itself: one way to build, to show and to refuse a value.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const SHORT_UNIT = 11; // letters of a unit that has room beside its field; a longer one stands in the help alone
const FIELD_HAND = 600; // milliseconds in which a field that was moved listens to nobody else

/** What a person typed, as the kernel takes it: empty is null, a number is a number; anything else goes as it is, to be refused in words. */
function typedValue(text, kind) {
  const typed = text.trim();
  if (typed === "") return null;
  if (kind === "text") return typed;
  const number = Number(typed.replace(",", "."));
  return Number.isFinite(number) ? number : typed;
}

/** A slider that stands in a form. */
function sliderField(about, change) {
  const slider = makeSlider({ ...about, ...about.slider, value: about.value, automatic: about.automatic ?? undefined, onInput: change });
  return {
    element: slider.element,
    set: (value, automatic) => slider.set(value, automatic ?? undefined),
    refuse(words, value, automatic) {
      slider.set(value, automatic ?? undefined);
      slider.refuse(words);
    },
  };
}

/** One of a few names, or yes and no. */
function choiceField(about, change, id) {
  const isSwitch = about.kind === "switch";
  const input = isSwitch
    ? make("input", { type: "checkbox", id })
    : make("select", { id }, {}, ...about.choices.map((name) => make("option", { value: name, textContent: name })));
  input.addEventListener("change", () => change(isSwitch ? input.checked : input.value));
  const set = (value, automatic) => {
    if (isSwitch) input.checked = value;
    else input.value = value;
    const auto = input.querySelector('option[value="auto"]');
    if (auto) auto.textContent = automatic && automatic !== "auto" ? `auto: ${automatic}` : "auto";
  };
  return { input, set, refuse: (_words, value, automatic) => set(value, automatic) };
}

/** A number or a text; empty where that means "as it fits". */
function typedField(about, change, id) {
  const input = make("input", { type: "text", id, autocomplete: "off", spellcheck: false });
  if (about.kind !== "text") input.inputMode = "decimal";
  const list = make("datalist", { id: `${id}-list` });
  if (about.suggestions) input.setAttribute("list", list.id);
  input.addEventListener("change", () => change(typedValue(input.value, about.kind)));
  const said = (value) => (typeof value === "number" ? asTyped(value) : String(value));
  return {
    input,
    list,
    keeps: true, // what was typed stays while it is refused, to be mended
    set(value, automatic) {
      if (document.activeElement !== input || input.getAttribute("aria-invalid")) input.value = value === null ? "" : said(value);
      input.placeholder = automatic === null || automatic === undefined ? "" : `auto: ${said(automatic)}`;
    },
    refuse: () => {},
    suggest(names) {
      list.replaceChildren(...names.map((name) => make("option", { value: name })));
    },
  };
}

/**
 * A field with its label, its unit and the place for what is wrong with it.
 * @param about name, label, help, unit, kind, choices, slider, value, automatic, suggestions
 * @returns {row, set(value, automatic), refuse(words, value, automatic), suggest(names)}
 */
function makeField(about, send) {
  const id = uniqueId();
  const state = { moved: 0 };
  const change = (value) => {
    state.moved = Date.now();
    send(about.name, value);
  };
  const kinds = { choice: choiceField, switch: choiceField };
  const field = about.slider ? sliderField(about, change) : (kinds[about.kind] || typedField)(about, change, id);
  if (field.input) field.input.disabled = Boolean(about.fixed);
  const wrong = make("span", { className: "aitrain-wrong", id: `${id}-wrong` }, { role: "alert" });
  const help = about.unit ? `${about.help} Unit: ${about.unit}.` : about.help;
  const row = make("div", { className: "aitrain-field" }, { "data-field": about.name, title: help });
  if (field.input) {
    field.input.setAttribute("aria-describedby", `${id}-help ${wrong.id}`);
    const label = make("label", { htmlFor: id, textContent: about.label });
    row.append(label, field.input, ...(field.list ? [field.list] : []), make("span", { className: "aitrain-unit", textContent: about.unit.length > SHORT_UNIT ? "" : about.unit }));
    row.append(make("span", { id: `${id}-help`, hidden: true, textContent: help }));
  } else row.append(field.element);
  row.append(wrong);
  return {
    row,
    help,
    isFresh: () => Date.now() - state.moved < FIELD_HAND,
    set(value, automatic) {
      field.set(value, automatic);
      wrong.textContent = "";
      if (field.input) field.input.removeAttribute("aria-invalid");
    },
    refuse(words, value, automatic) {
      field.refuse(words, value, automatic);
      if (!field.input) return;
      field.input.setAttribute("aria-invalid", "true");
      const held = value === null ? automatic : value;
      wrong.textContent = field.keeps && held !== null && held !== undefined ? `${words} ${held} goes on to hold.` : words;
    },
    suggest: field.suggest || (() => {}),
  };
}
