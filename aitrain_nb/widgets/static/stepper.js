// A run walked by hand: buttons for the next phase, the next step, the end of the epoch, and back; five boxes; the code of each click.

const BUSY_AFTER = 300; // milliseconds without an answer after which a click is said to wait for the cell that runs

const STEPPER = `
  <div class="aitrain-head"><span class="aitrain-place"></span><span class="aitrain-next"></span></div>
  <div class="aitrain-controls" role="group" aria-label="Walk through the run">
    <button type="button" data-does="next_phase" title="The box that is marked next">Next phase</button>
    <button type="button" data-does="next_step" title="All five phases at once, or what is left of them">Next step</button>
    <button type="button" data-does="to_epoch_end">To the end of the epoch</button>
    <button type="button" data-does="back" title="To the beginning of this step; between two steps, to before the last one">Back</button>
    <button type="button" data-does="stop" title="After the step under way" hidden>Stop</button>
  </div>
  <div class="aitrain-hint" role="note" hidden><span></span>
    <button type="button" data-does="stop_question" title="It has no answer then" hidden>Stop</button></div>
  <div class="aitrain-click"><span>as code</span><pre tabindex="0" aria-label="This click as code"></pre></div>
  <div class="aitrain-walk"></div>
  <div class="aitrain-lines"></div>
  <div class="aitrain-asking"></div>
  <details><summary>The whole walk as a cell</summary>
    <button type="button" data-does="copy">Copy</button><pre tabindex="0" aria-label="The whole walk as a cell"></pre></details>`;

function showStepper({ model, el }) {
  el.classList.add("aitrain-stepper");
  el.innerHTML = STEPPER;
  const find = (selector) => el.querySelector(selector);
  const boxes = makeBoxes();
  find(".aitrain-walk").append(boxes.element);
  const questions = makeQuestions("Ask this step", "what is asked leaves no trace in the run", (name, values) => ask("ask", { name, values }, questions.place));
  const moves = makeQuestions("The run", "other futures from the same step, and where its time goes", (name, values) => ask("ask", { name, values }, moves.place));
  const branches = makeBranches((does, name) => ask(does, { name }, moves.place));
  moves.place.before(branches.element);
  find(".aitrain-asking").append(questions.element, moves.element);
  const home = document.createElement("div"); // where words on the buttons above stand
  find(".aitrain-hint").before(home);
  home.append(find(".aitrain-hint"));
  const [click, walk] = el.querySelectorAll("pre");
  let asked = ""; // what was clicked and is not yet done
  let waiting = null;
  let hint = "";
  let came = null; // what had the focus when it was asked

  /** @param place where in the page a word on it is said */
  function ask(wish, more = {}, place = home) {
    if (wish === "stop") return model.send({ type: "stop" });
    if (asked) return;
    asked = wish;
    came = document.activeElement;
    place.append(find(".aitrain-hint"));
    waiting = setTimeout(() => say("A cell is running: this click acts when it has ended."), BUSY_AFTER);
    model.send({ type: wish, ...more });
    able();
  }
  function rest() {
    clearTimeout(waiting);
    clearInterval(waiting);
  }
  function answered() {
    rest();
    if (!model.get("told").busy) asked = "";
    stoppable(false);
    say("");
    draw();
  }
  function say(words, isNews = true) {
    hint = words;
    const shown = hint || model.get("told").problem;
    find(".aitrain-hint").hidden = !shown;
    find(".aitrain-hint span").textContent = shown;
    if (shown && isNews) announce(shown);
  }
  /** Whether a question is being worked on; its Stop goes, and the focus is again where it was. */
  function stoppable(is) {
    const button = find("[data-does=stop_question]");
    if (!is && document.activeElement === button && came?.isConnected) came.focus();
    button.hidden = !is;
  }
  /** A button that waits keeps the focus, so it isn't disabled but says so. */
  function able() {
    const { can, busy } = model.get("told");
    for (const button of el.querySelectorAll(".aitrain-controls button")) {
      const does = button.dataset.does;
      if (does === "stop") {
        if (!busy && document.activeElement === button) find("[data-does=to_epoch_end]").focus(); // it goes, the focus stays
        button.hidden = !busy;
      }
      else button.setAttribute("aria-disabled", String(Boolean(asked) || busy || !can.includes(does)));
    }
    for (const group of [questions, moves]) group.able(!asked && !busy);
    el.dataset.busy = String(Boolean(asked) || busy);
  }
  function draw() {
    const told = model.get("told");
    find(".aitrain-place").textContent = told.place;
    find(".aitrain-next").textContent = told.next;
    find(".aitrain-lines").replaceChildren(
      ...told.lines.map((line) => Object.assign(document.createElement("code"), { className: "aitrain-line", textContent: line })),
    );
    click.textContent = told.click || "nothing yet: press a button";
    walk.textContent = told.code;
    if (!told.busy) {
      boxes.show(model.get("boxes"));
      showAsking(model.get("asking"));
    }
    able();
    el.dataset.clicks = told.clicks;
  }
  function showAsking({ questions: ofStep, moves: ofRun, answers, branches: tree }) {
    const isOf = (group) => (answer) => group.some((one) => one.name === answer.question);
    questions.show(ofStep, answers.filter(isOf(ofStep)));
    moves.show(ofRun, answers.filter(isOf(ofRun)));
    branches.show(tree);
  }
  for (const button of el.querySelectorAll(".aitrain-controls button"))
    button.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && ask(button.dataset.does));
  find("[data-does=stop_question]").addEventListener("click", () => model.send({ type: "stop" }));
  find("[data-does=copy]").addEventListener("click", async () => {
    getSelection().selectAllChildren(walk); // where the page may not write to the clipboard, Ctrl-C does
    const done = await navigator.clipboard.writeText(walk.textContent).then(() => true, () => false);
    find("[data-does=copy]").textContent = done ? "Copied" : "Selected: press Ctrl-C";
  });
  /** It is being done: no cell is in its way. What takes long says so. */
  function begun(message) {
    if (message.type !== "begun") return;
    rest();
    if (asked !== "ask") return;
    stoppable(true);
    let seconds = 0;
    waiting = setInterval(() => say(`Working on it: ${++seconds} s`, seconds === 1), 1000);
  }
  model.on("msg:custom", begun);
  model.on("change:told", answered);
  draw();
  say("");
  return () => {
    rest();
    model.off("msg:custom", begun);
    model.off("change:told", answered);
  };
}

export default placed(showStepper);
