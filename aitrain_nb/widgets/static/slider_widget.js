// The slider as a widget of its own: `value` follows both ways.

export default placed(({ model, el }) => {
  let slider = null;
  const rest = atRest(model);
  const sizes = ["label", "unit", "help", "min", "max", "step", "log"];
  function build() {
    const options = Object.fromEntries(sizes.map((name) => [name, model.get(name)]));
    slider = makeSlider({
      ...options,
      value: model.get("value"),
      onInput(value) {
        model.set("value", value);
        model.save_changes();
        rest();
      },
    });
    slider.disable(model.get("disabled"));
    el.replaceChildren(slider.element);
  }
  const follow = () => slider.set(model.get("value"));
  const able = () => slider.disable(model.get("disabled"));
  build();
  model.on("change:value", follow);
  model.on("change:disabled", able);
  for (const name of sizes) model.on(`change:${name}`, build);
  return () => {
    model.off("change:value", follow);
    model.off("change:disabled", able);
    for (const name of sizes) model.off(`change:${name}`, build);
  };
});
