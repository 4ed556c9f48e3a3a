// A question on the page: a guess before a run, or an exercise with hints and a solution.

/** A small curve beside an answer; its words say what it shows. */
function drawCurve(values, [low, high]) {
  const [width, height, ratio] = [120, 44, window.devicePixelRatio || 1];
  const canvas = make("canvas", { width: width * ratio, height: height * ratio }, { "aria-hidden": "true" });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.lineWidth = 2;
  context.strokeStyle = getComputedStyle(document.body).getPropertyValue("--jp-brand-color1") || "#1565c0";
  context.beginPath();
  values.forEach((value, place) => {
    const x = 3 + ((width - 6) * place) / Math.max(1, values.length - 1);
    context.lineTo(x, height - 4 - ((height - 8) * (value - low)) / (high - low || 1));
  });
  context.stroke();
  return canvas;
}

/** Answers to choose from, as radio buttons. @returns {element, value(), set(answer)} */
function makeOptions(options) {
  const name = uniqueId();
  const all = options.flatMap(({ curve }) => curve);
  const ends = [Math.min(...all), Math.max(...all)]; // one scale, or a flat curve wouldn't look flat
  const element = make("div", { className: "aitrain-options" }, { role: "radiogroup", "aria-label": "Answers" });
  const inputs = options.map(({ letter, text, curve }) => {
    const input = make("input", { type: "radio", name, value: letter });
    const row = make("label", {}, {}, input, make("span", { textContent: text }));
    if (curve.length) row.append(drawCurve(curve, ends));
    element.append(row);
    return input;
  });
  return {
    element,
    value: () => inputs.find((input) => input.checked)?.value ?? null,
    set: (answer) => inputs.forEach((input) => (input.checked = input.value === answer)),
  };
}

/** Lines that move up and down by buttons. @returns {element, value(), set(order)} */
function makeLines(lines) {
  const element = make("ol", { className: "aitrain-lines" }, { "aria-label": "Lines to put in order" });
  let order = lines.map((_, place) => place + 1);
  function move(number, by) {
    const [from, to] = [order.indexOf(number), order.indexOf(number) + by];
    if (to < 0 || to >= order.length) return;
    [order[from], order[to]] = [order[to], order[from]];
    build();
    element.children[to].querySelector(by < 0 ? ".up" : ".down").focus();
    announce(`${lines[number - 1]}, now ${to + 1} of ${lines.length}`);
  }
  function build() {
    element.replaceChildren(
      ...order.map((number, place) => {
        const button = (name, sign, by) => {
          const one = make("button", { type: "button", className: name, textContent: sign }, { "aria-label": `${name === "up" ? "Up" : "Down"}: ${lines[number - 1]}` });
          one.setAttribute("aria-disabled", String(place + by < 0 || place + by >= order.length));
          one.addEventListener("click", () => move(number, by));
          return one;
        };
        return make("li", {}, {}, button("up", "↑", -1), button("down", "↓", 1), make("code", { textContent: lines[number - 1] }));
      }),
    );
  }
  build();
  return {
    element,
    value: () => order.join(" "),
    set(answer) {
      if (!answer || answer.join() === order.join()) return;
      order = [...answer];
      build();
    },
  };
}

/** A field to type in. @returns {element, value(), set(answer)} */
function makeTyped(facts, enter) {
  const id = uniqueId();
  const isLong = facts.kind === "explain";
  const input = isLong ? make("textarea", { id, rows: 3 }) : make("input", { id, type: "text", inputMode: "decimal", autocomplete: "off", size: 10 });
  if (!isLong) input.addEventListener("keydown", (event) => event.key === "Enter" && enter());
  const label = make("label", { htmlFor: id, textContent: isLong ? "Your sentence" : "Your number" });
  const element = make("div", { className: "aitrain-typed" }, {}, label, input, make("span", { textContent: facts.unit }));
  return { element, value: () => input.value.trim() || null, set: (answer) => document.activeElement !== input && answer !== null && (input.value = answer) };
}

export default placed(({ model, el }) => {
  const facts = model.get("facts");
  const send = (message) => model.send(message);
  const button = (text, does, main) => {
    const one = make("button", { type: "button", textContent: text, className: main ? "aitrain-main" : "" }, { "data-does": does });
    one.addEventListener("click", () => acts[does]());
    return one;
  };
  const word = make("span", { className: "aitrain-todo" });
  const wrong = make("div", { className: "aitrain-wrong" }, { role: "alert" });
  const notes = make("div", { className: "aitrain-notes" });
  function give() {
    const answer = field ? field.value() : null;
    if (answer === null) wrong.textContent = facts.kind === "choice" ? "Choose one first." : "Write something first.";
    else send({ type: "answer", answer });
  }
  const acts = { answer: give, skip: () => send({ type: "skip" }), hint: () => send({ type: "hint" }), solve: () => send({ type: "solve" }) };
  const makers = { choice: () => makeOptions(facts.options), sort: () => makeLines(facts.lines), fill: () => null };
  const field = (makers[facts.kind] || (() => makeTyped(facts, give)))();
  const buttons = make("div", { className: "aitrain-buttons" });
  if (field) buttons.append(button(facts.gate ? "Guess" : "Check", "answer", true));
  const skip = button("Skip", "skip");
  const hint = button("Hint", "hint");
  if (facts.gate) buttons.append(skip);
  else buttons.append(hint, button("Solution", "solve"));
  buttons.append(word);
  const rating = make("div", { className: "aitrain-buttons", hidden: true }, { role: "group", "aria-label": "How was it?" }, make("span", { textContent: "How was it?" }));
  for (const name of facts.ratings) {
    const one = make("button", { type: "button", textContent: name });
    one.addEventListener("click", () => {
      send({ type: "rate", rating: name });
      for (const other of rating.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === one));
    });
    rating.append(one);
  }
  const how = make("div", { className: "aitrain-how" }, {}, "In code: ", make("code", { textContent: facts.how }));
  const card = make("div", { className: "aitrain-card" }, { role: "group", "aria-label": facts.head, "data-gate": String(facts.gate) });
  card.append(make("div", { className: "aitrain-head", textContent: facts.head }), make("div", { className: "aitrain-ask", textContent: facts.ask }));
  if (field) card.append(field.element);
  card.append(buttons, wrong, notes, rating, how);
  el.replaceChildren(card);

  let said = null;
  function show() {
    const state = model.get("state");
    if (field) field.set(state.answer);
    word.textContent = state.word;
    wrong.textContent = state.wrong;
    notes.innerHTML = state.notes.join(""); // made and escaped by the kernel
    card.dataset.open = String(state.open);
    skip.hidden = state.open;
    hint.setAttribute("aria-disabled", String(state.left === 0));
    hint.textContent = state.left ? `Hint (${state.left} left)` : "Last hint";
    rating.hidden = facts.kind !== "explain" || !state.notes.length;
    if (said !== null && said !== state.said) announce(state.said);
    said = state.said;
  }
  show();
  model.on("change:state", show);
  return () => model.off("change:state", show);
});
