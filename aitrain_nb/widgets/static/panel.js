// The live panel: state, curves and levers of a run. It draws what the kernel sends and sends what a person asks for.

const HELLO_EVERY = 350; // milliseconds
const HELLO_TIMES = 7; // after these (2.5 s) the panel says that its buttons can't act while the cell runs
const SILENT = 15_000; // milliseconds without a word of a run that goes on, after which that is said
const TWIN_AFTER = 1500; // milliseconds after the end in which the output is replaced; where it wasn't, the twin is asked for
const CONFIRMED = { pausing: "paused", resuming: "running", stopping: "" };
const OVER = ["done", "stopped", "failed", "left"]; // left: somebody who followed another process's run went away
const DEAF = "This notebook hands clicks over only after the cell. Stop with its interrupt button (■, or press I twice).";
const GONE = "The kernel has gone. What is drawn stays as long as this page does.";

/** What is known of the run: shared by all views of the panel. */
function newRun(model) {
  const run = {
    model,
    rows: new Rows(),
    evaluations: [],
    notes: [],
    facts: model.get("facts"),
    state: { word: "ready", step: 0, line: "" },
    asked: "", // what a person asked for and the kernel has not yet confirmed
    live: null, // null: not yet known; true: clicks act while the cell runs
    gone: false, // the kernel
    inside: [], // the boxes of the step that is looked into
    twin: "", // what takes the panel's place where the output itself can't be replaced
    heard: Date.now(),
    views: new Set(),
  };
  model.on("msg:custom", (message, buffers) => {
    takeMessage(run, message, buffers || []);
    redrawAll(run);
  });
  model.on("comm_live_update", () => {
    run.gone = true;
    redrawAll(run);
  });
  hail(run, 0);
  return run;
}

/** Say hello until somebody answers. */
function hail(run, times) {
  if (run.live) return;
  if (times === HELLO_TIMES) {
    run.live = false;
    redrawAll(run);
    return;
  }
  run.model.send({ type: "hello" });
  setTimeout(() => hail(run, times + 1), HELLO_EVERY);
}

function takeMessage(run, message, buffers) {
  run.heard = Date.now();
  if (message.type === "here") run.live = true;
  if (message.type === "inside") run.inside = message.boxes;
  if (message.type === "twin") run.twin = message.html;
  if (message.type !== "update") return;
  if (message.first === 0) {
    run.rows.clear();
    run.evaluations = [];
  }
  if (message.first === run.rows.length && buffers.length) {
    const bytes = buffers[0];
    run.rows.append(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)));
  } else if (message.first > run.rows.length) run.model.send({ type: "hello" }); // something was missed: all of it again
  run.evaluations.push(...message.evaluations);
  if (message.notes) run.notes = message.notes;
  run.state = message.state;
  const over = OVER.includes(run.state.word);
  if (run.state.word === CONFIRMED[run.asked] || over) run.asked = "";
  if (over) setTimeout(() => run.views.size && run.model.send({ type: "twin" }), TWIN_AFTER);
}

function redrawAll(run) {
  for (const poke of run.views) poke();
}

const PARTS = `
  <div class="aitrain-head"><span class="aitrain-word"></span><span class="aitrain-place"></span></div>
  <progress class="aitrain-progress" aria-label="steps taken" value="0" max="1"></progress>
  <code class="aitrain-line"></code>
  <div class="aitrain-needed"></div>
  <div class="aitrain-controls" role="group" aria-label="Training controls">
    <span class="aitrain-buttons">
      <button type="button" data-does="pause"></button>
      <button type="button" data-does="step" title="Take one step, then wait">Step</button>
      <button type="button" data-does="stop" title="Finish this step, then end the run">Stop</button>
      <button type="button" data-does="look" title="Take the next step phase by phase" hidden></button>
    </span>
  </div>
  <div class="aitrain-hint" role="note" hidden></div>
  <div class="aitrain-inside" role="group" aria-label="Inside the step" hidden></div>
  <div class="aitrain-chart"><canvas tabindex="0" role="img"></canvas></div>
  <div class="aitrain-reading">
    <span class="aitrain-values"></span>
    <span class="aitrain-views">
      <label>across <select data-view="across"><option>step</option><option>epoch</option><option value="seconds">computing seconds</option></select></label>
      <label>loss <select data-view="log"><option value="">linear</option><option value="log">logarithmic</option></select></label>
    </span>
  </div>
  <details class="aitrain-table"><summary>Evaluations as a table</summary><div></div></details>`;

/** The head: state word, place, progress, monitor line. */
function drawHead(find, run, word) {
  const { state, facts } = run;
  find(".aitrain-word").textContent = word;
  find(".aitrain-word").dataset.word = word;
  find(".aitrain-place").textContent = placeInWords(run);
  find(".aitrain-line").textContent = state.line || " ";
  find(".aitrain-needed").textContent = state.needed || "";
  find("progress").max = facts.steps || 1;
  find("progress").value = state.step;
}

function placeInWords(run) {
  const { state, facts } = run;
  const whole = (number) => number.toLocaleString("en");
  const parts = [facts.steps ? `step ${whole(state.step)} of ${whole(facts.steps)}` : `step ${whole(state.step)}`];
  if (facts.epochs > 1 && state.epoch) parts.push(`epoch ${state.epoch} of ${facts.epochs}`);
  if (state.left && !run.gone) parts.push(`${state.left} left`);
  if (state.reason) parts.push(state.reason);
  const silent = Date.now() - run.heard;
  if (state.word === "running" && silent > SILENT) parts.push(`nothing heard for ${Math.round(silent / 1000)} s`);
  return parts.join(" · ");
}

/** The step that is looked into, and the button that goes into it: there while the run is paused. */
function drawInside(find, run, paused, boxes) {
  const look = find("[data-does=look]");
  if (look) {
    look.hidden = !paused && document.activeElement !== look; // between two phases the focus stays
    look.textContent = isInside(run) ? "Next phase" : "Look inside the next step";
  }
  find(".aitrain-inside").hidden = !run.inside.length;
  boxes.show(run.inside);
}

/** The newest phase of the step that is looked into, in words. */
function newestOf(boxes) {
  const newest = boxes.filter((box) => box.html).sort((one, other) => one.key - other.key).pop();
  return newest ? `${newest.title}: ${newest.brief}` : "";
}

/** The word for the state: what was asked for goes before what the run said last. */
function wordOf(run) {
  if (OVER.includes(run.state.word)) return run.state.word;
  return run.gone ? "failed" : run.asked || run.state.word;
}

/** Why the levers don't act, where they don't. */
function hintOf(run) {
  if (OVER.includes(run.state.word)) return "";
  if (run.gone) return GONE;
  return run.live === false && run.facts.controls.length ? DEAF : "";
}

/** Whether the run waits, or was asked to and hasn't said so yet. */
function holds(run) {
  return run.asked === "pausing" || (run.state.word === "paused" && run.asked !== "resuming");
}

/** Buttons and sliders as far as the run offers them. @returns {show()} */
function makeControls(el, run) {
  const find = (selector) => el.querySelector(selector);
  const send = (message) => run.model.send(message);
  const { controls } = run.facts;
  const levers = makeLevers(controls, run.facts, send);
  find(".aitrain-controls").append(...levers.elements);
  wireButtons(el, run, () => holds(run), (asked, message) => {
    run.asked = asked;
    send(message);
    redrawAll(run);
  });
  if (!controls.length) find(".aitrain-controls").remove();
  return {
    show() {
      const off = run.live === false || run.gone || OVER.includes(run.state.word);
      for (const button of el.querySelectorAll(".aitrain-controls button")) button.disabled = off || run.asked === "stopping";
      const pause = find("[data-does=pause]");
      if (pause) pause.textContent = holds(run) ? "Resume" : "Pause";
      levers.show(run.state, off);
    },
  };
}

/** The chart with its values, its two choices of view, and the evaluations as a table. @returns {show()} */
function makeCurves(el, run, poke) {
  const find = (selector) => el.querySelector(selector);
  const canvas = find("canvas");
  const chart = new Chart(canvas);
  const view = { across: "step", log: false };
  let tabled = -1; // evaluations in the table
  wireReading(canvas, chart, run, poke);
  for (const select of el.querySelectorAll("select"))
    select.addEventListener("change", () => {
      view[select.dataset.view] = select.dataset.view === "log" ? Boolean(select.value) : select.value;
      poke();
    });
  return {
    show() {
      Object.assign(run, { total: run.facts.steps, classes: run.facts.classes, running: !OVER.includes(run.state.word) });
      chart.draw(run, view);
      canvas.setAttribute("aria-label", describe(run));
      find(".aitrain-values").textContent = valuesAt(run, chart.reading) || "point at the curve, or use the arrow keys, to read values";
      if (tabled === run.evaluations.length) return;
      tabled = run.evaluations.length;
      fillTable(find("details div"), run.evaluations);
    },
  };
}

/** Tells the kernel how large the panel is, so that what takes its place is as tall and as wide. */
function sizeTeller(el, send) {
  let told = "";
  return () => {
    const now = `${el.offsetWidth} ${el.offsetHeight}`;
    if (now === told || !el.offsetHeight) return;
    told = now;
    send({ type: "size", width: el.offsetWidth, height: el.offsetHeight });
  };
}

/** Redraw where the room or the theme changes, or nothing is heard of the run. @returns what ends it */
function watchSurroundings(room, run, poke) {
  const resized = new ResizeObserver(poke);
  resized.observe(room);
  const themed = new MutationObserver(poke);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
  const silence = setInterval(() => Date.now() - run.heard > SILENT && poke(), 1000);
  return () => {
    resized.disconnect();
    themed.disconnect();
    clearInterval(silence);
  };
}

/** At most one drawing a frame. @returns what asks for one */
function oncePerFrame(draw) {
  let queued = false;
  return () => {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => {
      queued = false;
      draw();
    });
  };
}

function renderPanel({ el, shared: run }) {
  el.classList.add("aitrain-panel");
  el.dataset.lmSuppressShortcuts = "true";
  el.addEventListener("keydown", (event) => event.stopPropagation());
  el.innerHTML = PARTS;
  const find = (selector) => el.querySelector(selector);
  let gone = false;
  const poke = oncePerFrame(() => !gone && el.isConnected && (run.twin ? showTwin() : draw()));
  const controls = makeControls(el, run);
  const curves = makeCurves(el, run, poke);
  const boxes = makeBoxes();
  find(".aitrain-inside").append(boxes.element);
  const tellSize = sizeTeller(el, (message) => run.model.send(message));

  function draw() {
    const [word, hint] = [wordOf(run), hintOf(run)];
    drawHead(find, run, word);
    controls.show();
    drawInside(find, run, holds(run), boxes);
    find(".aitrain-hint").hidden = !hint;
    find(".aitrain-hint").textContent = hint;
    curves.show();
    announce([word, hint, newestOf(run.inside)].filter(Boolean).join(". "));
    tellSize();
    Object.assign(el.dataset, { rows: run.rows.length, live: String(run.live), word, draws: Number(el.dataset.draws || 0) + 1 });
  }
  function showTwin() {
    end();
    el.innerHTML = run.twin; // the kernel's own HTML, as it stands in the notebook elsewhere
    el.dataset.last = "yes"; // and there it stays
  }
  run.views.add(poke);
  const leave = watchSurroundings(find(".aitrain-chart"), run, poke);
  poke();
  function end() {
    gone = true;
    run.views.delete(poke);
    leave();
  }
  return end;
}

export default placed(renderPanel, {
  begin: newRun,
  places: (model, count) => model.send({ type: count ? "back" : "gone" }),
});
