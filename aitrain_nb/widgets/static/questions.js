// Questions as small forms: a button for each, its fields, and the answers, the newest first.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

/** A field of a question with its label. @returns {element, name, value(), said()} */
function questionField(about) {
  const id = uniqueId();
  const input = about.choices.length
    ? make("select", { id }, {}, ...about.choices.map((choice) => make("option", { value: choice.value, textContent: choice.label })))
    : make("input", { id, type: "text", value: about.value, placeholder: about.empty, autocomplete: "off", spellcheck: false });
  if (about.choices.length) input.value = about.value;
  else if (about.kind === "whole" || about.kind === "number") input.inputMode = "decimal";
  input.dataset.field = about.name;
  const element = make("div", { className: "aitrain-question-field" }, {}, make("label", { htmlFor: id, textContent: about.label }), input);
  element.dataset.kind = about.choices.length ? "choice" : about.kind;
  return { element, input, about };
}

/** What was chosen by hand stays where it still means the same. */
function keepChosen(before, now) {
  for (const field of now) {
    const same = before.find((one) => one.about.name === field.about.name);
    if (!same || same.input.value === same.about.value) continue;
    const means = (one) => one.about.choices.find((choice) => choice.value === same.input.value)?.label;
    if (means(field) === means(same)) field.input.value = same.input.value;
  }
}

/** One answer: its question, its call as code, what the kernel says, and what it leads to. */
function makeAnswer(about, ask) {
  const more = make("div", { className: "aitrain-follow-ups" });
  const view = make("div", { className: "aitrain-answer-view", tabIndex: 0 }, { role: "region", "aria-label": about.about });
  view.innerHTML = about.html; // the kernel's own HTML: what comes from data is text in it
  const code = make("pre", { tabIndex: 0, textContent: about.code }, { "aria-label": "This question as code" });
  const element = make("details", { className: "aitrain-answer", open: true }, {}, make("summary", { textContent: about.about }), code, view, more);
  return {
    element,
    update(now) {
      if (more.childElementCount === now.followUps.length) return;
      more.replaceChildren(
        ...now.followUps.map((one) => {
          const button = make("button", { type: "button", textContent: one.label });
          button.dataset.follows = one.question;
          button.addEventListener("click", () => ask(one.question, one.values));
          return button;
        }),
      );
    },
  };
}

/**
 * A group of questions.
 * @param ask name, values: sends a question; says whether it was sent
 * @returns {element, show(questions, answers), able(can), place}: `place` is where a word on the question that was asked belongs
 */
function makeQuestions(title, note, ask) {
  const list = make("ul", { className: "aitrain-questions" });
  const help = make("p", { className: "aitrain-question-help" });
  const row = make("div", { className: "aitrain-question-fields" });
  const button = make("button", { type: "submit", className: "aitrain-ask" });
  const form = make("form", { className: "aitrain-question", hidden: true, id: uniqueId() }, {}, help, row);
  const place = make("div");
  const shown = make("div", { className: "aitrain-answers" });
  const head = make("div", { className: "aitrain-questions-head" }, {}, make("b", { textContent: title }), ` ${note}`);
  const element = make("section", { className: "aitrain-questions-of" }, { "aria-label": title }, head, list, form, place, shown);
  let questions = [];
  let open = ""; // name of the question whose form is shown
  let fields = [];
  let made = "";
  let chips = new Map();
  const answers = new Map(); // key -> what shows it

  function toggle(name) {
    open = open === name ? "" : name;
    draw();
  }
  function drawChips() {
    if (chips.size !== questions.length) {
      chips = new Map(questions.map(({ name }) => {
        const chip = make("button", { type: "button" }, { "aria-controls": form.id });
        chip.dataset.question = name;
        chip.addEventListener("click", () => chip.getAttribute("aria-disabled") !== "true" && toggle(name));
        return [name, chip];
      }));
      list.replaceChildren(...[...chips.values()].map((chip) => make("li", {}, {}, chip)));
    }
    for (const { name, label, whyNot, after } of questions) {
      const chip = chips.get(name);
      chip.replaceChildren(make("span", { textContent: label }), ...(whyNot ? [make("small", { textContent: whyNot })] : []));
      chip.dataset.after = after;
      chip.setAttribute("aria-disabled", String(Boolean(whyNot)));
      chip.setAttribute("aria-expanded", String(open === name));
    }
  }
  function draw() {
    const asked = questions.find((one) => one.name === open && !one.whyNot);
    if (!asked) open = "";
    drawChips();
    form.hidden = !asked;
    if (!asked) return;
    form.setAttribute("aria-label", asked.label);
    help.textContent = asked.help;
    button.textContent = asked.button;
    const now = JSON.stringify(asked);
    if (now === made) return;
    const sameQuestion = made && JSON.parse(made).name === asked.name;
    const focused = document.activeElement?.dataset.field;
    const next = asked.fields.map(questionField);
    if (sameQuestion) keepChosen(fields, next);
    fields = next;
    made = now;
    row.replaceChildren(...fields.map((field) => field.element), button);
    if (sameQuestion && focused) fields.find((field) => field.about.name === focused)?.input.focus();
  }
  function drawAnswers(given) {
    for (const [key, one] of answers)
      if (!given.some((about) => about.key === key)) {
        one.element.remove();
        answers.delete(key);
      }
    for (const about of [...given].reverse()) {
      if (!answers.has(about.key)) {
        for (const one of answers.values()) one.element.open = false;
        answers.set(about.key, makeAnswer(about, ask));
        shown.prepend(answers.get(about.key).element);
      }
      answers.get(about.key).update(about);
    }
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.getAttribute("aria-disabled") === "true") return;
    ask(open, Object.fromEntries(fields.map((field) => [field.about.name, field.input.value])));
  });
  return {
    element,
    place,
    show(now, given) {
      questions = now;
      draw();
      drawAnswers(given);
    },
    able(can) {
      for (const one of [button, ...shown.querySelectorAll("[data-follows]")]) one.setAttribute("aria-disabled", String(!can));
    },
  };
}
