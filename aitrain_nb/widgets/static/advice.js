// What a form is advised to change, each with a button that enters it and one that takes it back; and the range test of its learning rate.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const ENTERED_WORDS = { open: "Apply", entered: "Applied ✓", held: "Already so" };
const TEST_WORDS = { waiting: "The range test waits", stopped: "The range test was stopped", failed: "The range test failed" };

/** A button that keeps the focus when it can't be pressed. */
function pressable(does, words, press) {
  const button = make("button", { type: "button", textContent: words }, { "data-does": does });
  button.addEventListener("click", () => button.getAttribute("aria-disabled") === "true" || press());
  return button;
}

/**
 * One suggestion: its words, what it would change, Apply and Undo.
 * @param item key, html, name, and as `show` takes it: changes, state, wrong
 */
function suggestion(model, item, rest) {
  const send = (type) => () => {
    model.send({ type, value: item.key });
    rest();
  };
  const apply = pressable("apply", "Apply", send("apply"));
  const undo = pressable("undo", "Undo", send("undo"));
  const changes = make("span", { className: "aitrain-changes" });
  const wrong = make("span", { className: "aitrain-wrong" }, { role: "alert" });
  const row = make("div", { className: "aitrain-apply" }, {}, apply, undo, changes, wrong);
  const told = make("div", { className: "aitrain-told" });
  told.innerHTML = item.html; // escaped, and made by the kernel alone
  undo.setAttribute("aria-label", `Undo ${item.name}`);
  let before = null;
  return {
    element: make("div", { className: "aitrain-item" }, { "data-key": item.key }, told, row),
    show({ state, changes: words, wrong: why }) {
      row.hidden = state === "none";
      apply.textContent = ENTERED_WORDS[state] || "";
      apply.setAttribute("aria-label", `${apply.textContent}: ${item.name}`);
      apply.setAttribute("aria-disabled", String(state !== "open"));
      if (state !== "entered" && document.activeElement === undo) apply.focus();
      undo.hidden = state !== "entered";
      changes.textContent = words;
      wrong.textContent = why;
      if (before && before !== state && state === "entered") announce(`Applied: ${words}.`);
      if (before === "entered" && state === "open") announce(`Undone. It would change ${words}.`);
      before = state;
    },
  };
}

/** Suggestions in a place: built anew only when others come, so that the focus stays on a button that was pressed. */
function suggestionList(place, model, rest) {
  let built = "";
  let living = [];
  return (items) => {
    const key = JSON.stringify(items.map((item) => [item.key, item.html]));
    if (key !== built) {
      built = key;
      living = items.map((item) => suggestion(model, item, rest));
      place.replaceChildren(...living.map((one) => one.element));
    }
    living.forEach((one, at) => one.show(items[at]));
  };
}

/** Say at each changed field what it was, and open the group it is folded away in. */
function markFields(fields, marked) {
  for (const [name, { row }] of fields) {
    const was = row.querySelector(".aitrain-was") || row.appendChild(make("span", { className: "aitrain-was" }));
    const words = marked[name] || "";
    if (words && was.textContent !== words && row.closest("details")) row.closest("details").open = true;
    was.textContent = words;
    row.toggleAttribute("data-changed", Boolean(words));
  }
}

/** The button beside the learning rate, and how far its range test is. */
function makeRateTest(model, row, place) {
  const button = pressable("test", "Find learning rate", () => model.send({ type: "test" }));
  const beside = make("div", { className: "aitrain-beside" }, {}, button);
  row.append(beside);
  button.title = "Tries rising rates for at most 100 steps on a model of its own, and suggests one. Nothing of the run is changed.";
  const stop = pressable("stop_test", "Stop", () => model.send({ type: "stop_test" }));
  const bar = make("progress", { className: "aitrain-progress" }, { "aria-label": "Range test" });
  const said = make("span", { className: "aitrain-outcome" });
  const head = make("div", { className: "aitrain-tested" }, {}, said, stop);
  place.append(head, bar);
  return ({ word, said: words, done, steps }) => {
    const runs = ["waiting", "testing"].includes(word);
    place.hidden = !words;
    button.setAttribute("aria-disabled", String(runs));
    if (!runs && document.activeElement === stop) button.focus();
    stop.hidden = bar.hidden = !runs;
    Object.assign(bar, { max: steps, value: done });
    said.textContent = words ? `${TEST_WORDS[word] || "Range test"}: ${words}` : "";
    if (place.dataset.word !== word && words) announce(said.textContent);
    place.dataset.word = word;
  };
}

/**
 * Both in a form.
 * @param parts say: where the run's findings go; rates: where the suggested rate goes; test: how far the range test is
 * @returns {showAdvice, showTest}: each shows what the model holds
 */
function makeAdvice(model, fields, parts, rest) {
  const showFindings = suggestionList(parts.say.querySelector(".aitrain-items"), model, rest);
  const showRates = suggestionList(parts.rates, model, rest);
  const showProgress = makeRateTest(model, fields.get("learning_rate").row, parts.test);
  return {
    showAdvice() {
      const { headline, ticks, seen, items, marked } = model.get("advised");
      parts.say.hidden = !headline;
      parts.say.querySelector(".aitrain-headline").textContent = headline;
      parts.say.querySelector(".aitrain-ticks").innerHTML = ticks; // escaped, and made by the kernel alone
      const folded = parts.say.querySelector(".aitrain-seen"); // likewise
      if (folded.dataset.html !== seen) Object.assign(folded, { innerHTML: seen }).dataset.html = seen;
      showFindings(items.filter((item) => item.key !== "rates"));
      showRates(items.filter((item) => item.key === "rates"));
      markFields(fields, marked);
    },
    showTest: () => showProgress(model.get("testing")),
  };
}
