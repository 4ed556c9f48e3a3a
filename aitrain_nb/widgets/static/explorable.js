// A picture with dials: a dial is moved, the kernel draws, the picture takes the other's place.

const DIAL_EVERY = 40; // milliseconds between two messages of a dial that is dragged

export default placed(({ model, el }) => {
  const facts = model.get("facts");
  const rest = atRest(model);
  const waiting = new Map();
  const say = eased(() => {
    for (const [one, newest] of waiting) model.send({ type: "set", name: one, value: newest });
    waiting.clear();
  }, DIAL_EVERY);
  function put(name, value) {
    waiting.set(name, value);
    say();
  }
  const fields = facts.fields.map((about) => [about.name, makeField(about, put)]);
  const dials = make("div", { className: "aitrain-dials" }, {}, ...fields.map(([, field]) => field.row));
  const view = make("div", { className: "aitrain-view" }, { tabindex: "0", role: "group", "aria-label": `${facts.title}: what it shows` });
  const wrong = make("div", { className: "aitrain-wrong" }, { role: "alert" });
  const code = make("code");
  const more = make("details", {}, {}, make("summary", { textContent: "The same as code" }), code);
  const box = make("div", { className: "aitrain-explorable" }, { role: "group", "aria-label": facts.title });
  box.append(make("div", { className: "aitrain-head", textContent: facts.title }), dials, wrong, view, more);
  el.replaceChildren(box);

  let said = null;
  function show() {
    const state = model.get("state");
    const height = view.offsetHeight;
    view.style.minHeight = `${height}px`; // the page doesn't jump while a picture is exchanged
    view.innerHTML = state.html; // made and escaped by the kernel
    requestAnimationFrame(() => requestAnimationFrame(() => (view.style.minHeight = "")));
    wrong.textContent = state.wrong;
    code.textContent = state.code;
    for (const [name, field] of fields) if (!field.isFresh()) field.set(state.values[name], null);
    if (said !== null && said !== state.said) {
      announce(state.said);
      rest();
    }
    said = state.said;
  }
  for (const [name, field] of fields) field.set(model.get("state").values[name], null);
  show();
  model.on("change:state", show);
  return () => model.off("change:state", show);
});
