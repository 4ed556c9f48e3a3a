// The live panel: state, curves and levers of a run. It draws what the kernel sends and sends what a person asks for.

const HELLO_EVERY = 350; // milliseconds
const HELLO_TIMES = 8; // after these the panel says that its buttons can't act while the cell runs
const HAND = 600; // milliseconds in which a slider that was moved listens to nobody else
const SAY_EVERY = 2000; // milliseconds between two messages to a screen reader

const OVER = ["done", "stopped", "failed", "left"]; // left: somebody who followed another process's run went away

/** What is known of the run: shared by all views of the panel. */
function newRun(model) {
  return {
    rows: new Rows(),
    evaluations: [],
    notes: [],
    facts: model.get("facts"),
    state: { word: "ready", step: 0, line: "" },
    asked: "", // what a person asked for and the kernel has not yet confirmed
    live: null, // null: not yet known; true: clicks act while the cell runs
    views: new Set(),
  };
}

function takeMessage(run, message, buffers, model) {
  if (message.type === "here") run.live = true;
  if (message.type !== "update") return;
  if (message.first === 0) {
    run.rows.clear();
    run.evaluations = [];
  }
  if (message.first === run.rows.length && buffers.length) {
    const bytes = buffers[0];
    run.rows.append(new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)));
  } else if (message.first > run.rows.length) model.send({ type: "hello" }); // something was missed: all of it again
  run.evaluations.push(...message.evaluations);
  if (message.notes) run.notes = message.notes;
  run.state = message.state;
  const confirmed = { pausing: "paused", resuming: "running", stopping: "" }[run.asked];
  if (run.state.word === confirmed || OVER.includes(run.state.word)) run.asked = "";
}

function panelParts(el) {
  el.classList.add("aitrain-panel");
  el.dataset.lmSuppressShortcuts = "true";
  el.addEventListener("keydown", (event) => event.stopPropagation());
  el.innerHTML = `
    <div class="aitrain-head"><span class="aitrain-word"></span><span class="aitrain-place"></span></div>
    <progress class="aitrain-progress" aria-label="steps taken" value="0" max="1"></progress>
    <code class="aitrain-line"></code>
    <div class="aitrain-controls" role="group" aria-label="Training controls">
      <span class="aitrain-buttons">
        <button type="button" data-does="pause"></button>
        <button type="button" data-does="step" title="Take one step, then wait">Step</button>
        <button type="button" data-does="stop" title="Finish this step, keep the best weights and return">Stop</button>
      </span>
    </div>
    <div class="aitrain-hint" role="note" hidden></div>
    <div class="aitrain-chart"><canvas tabindex="0" role="img"></canvas></div>
    <div class="aitrain-reading">
      <span class="aitrain-values"></span>
      <span class="aitrain-views">
        <label>across <select data-view="across"><option>step</option><option>epoch</option><option>seconds</option></select></label>
        <label>loss <select data-view="log"><option value="">linear</option><option value="log">logarithmic</option></select></label>
      </span>
    </div>
    <details class="aitrain-table"><summary>Evaluations as a table</summary><div></div></details>
    <span class="aitrain-said" role="status" aria-live="polite"></span>`;
  return (selector) => el.querySelector(selector);
}

/** The sentence that stands for the picture where it can't be seen. */
function describe(run) {
  const { rows, evaluations, notes } = run;
  if (!rows.length) return "Loss over the steps: no step yet.";
  const last = rows.length - 1;
  const parts = [
    `Training loss from ${shortNumber(rows.at(0, LOSS))} at step ${rows.at(0, STEP)} to ${shortNumber(rows.at(last, LOSS))} at step ${rows.at(last, STEP)}.`,
  ];
  if (evaluations.length) parts.push(`Validation loss now ${shortNumber(evaluations[evaluations.length - 1].eval_loss)}.`);
  for (const note of notes) parts.push(`${note.text[0].toUpperCase()}${note.text.slice(1)}.`);
  return parts.join(" ");
}

function fillTable(place, evaluations) {
  const rows = evaluations.slice(-50);
  const names = rows.length ? Object.keys(rows[rows.length - 1]) : [];
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const name of names) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = { train_loss: "training loss", eval_loss: "validation loss" }[name] || name.replace("eval_", "").replace(/_/g, " ");
    head.append(cell);
  }
  const body = table.createTBody();
  for (const one of rows) {
    const line = body.insertRow();
    for (const name of names) line.insertCell().textContent = one[name] === null || one[name] === undefined ? "" : shortNumber(one[name]);
  }
  place.replaceChildren(table);
}

function placeInWords(run) {
  const { state, facts } = run;
  const parts = facts.steps ? [`step ${state.step.toLocaleString("en")} of ${facts.steps.toLocaleString("en")}`] : [`step ${state.step.toLocaleString("en")}`];
  if (facts.epochs > 1 && state.epoch) parts.push(`epoch ${state.epoch} of ${facts.epochs}`);
  if (state.left) parts.push(`${state.left} left`);
  if (state.reason) parts.push(state.reason);
  return parts.join(" · ");
}

function renderPanel(run, model, el) {
  const find = panelParts(el);
  const chart = new Chart(find("canvas"));
  const view = { across: "step", log: false };
  const send = (message) => model.send(message);
  const ask = (asked, message) => {
    run.asked = asked;
    send(message);
    redrawAll(run);
  };
  let gone = false;
  let queued = false;
  let tabled = -1;
  let saidAt = 0;
  let tall = 0;
  let said = "";

  const levers = [];
  /** A slider that sends: for a moment after a person moved it, what the run says of it is older than the hand. */
  const lever = (name, options) => {
    const one = { name, moved: 0, shown: null };
    const sent = eased((value) => send({ type: options.type, value }));
    const onInput = (value) => {
      one.moved = Date.now();
      sent(value);
    };
    levers.push(Object.assign(one, { slider: makeSlider({ ...options, onInput }) }));
  };
  const { rate, pace, controls } = run.facts;
  if (controls.includes("learning_rate"))
    lever("rate", {
      type: "learning_rate", label: "Learning rate", help: "The peak of the schedule; it holds from the next step on.", min: rate.min, max: rate.max,
      log: true, value: rate.value,
    });
  if (controls.includes("pace"))
    lever("pace", {
      type: "pace", label: "Pace", unit: "steps/s", help: "At most so many steps a second, so that one can watch.", min: 0, max: pace.max, step: 1,
      zero: "full", value: pace.value,
    });
  for (const { slider } of levers) find(".aitrain-controls").append(slider.element);
  for (const name of ["pause", "step", "stop"]) if (!controls.includes(name)) find(`[data-does=${name}]`).remove();
  if (!controls.length) find(".aitrain-controls").remove();

  const holds = () => run.asked === "pausing" || (run.state.word === "paused" && run.asked !== "resuming");
  const acts = {
    pause: () => (holds() ? ask("resuming", { type: "resume" }) : ask("pausing", { type: "pause" })),
    step: () => ask("pausing", { type: "step" }),
    stop: () => ask("stopping", { type: "stop" }),
  };
  for (const button of el.querySelectorAll("button")) button.addEventListener("click", () => acts[button.dataset.does]());
  for (const select of el.querySelectorAll("select"))
    select.addEventListener("change", () => {
      view[select.dataset.view] = select.dataset.view === "log" ? Boolean(select.value) : select.value;
      poke();
    });

  function read(row) {
    chart.reading = row;
    poke();
  }
  find("canvas").addEventListener("pointermove", (event) => {
    if (!run.rows.length || !chart.x) return;
    const x = event.clientX - find("canvas").getBoundingClientRect().left;
    const { left, right } = chart.loss;
    const value = chart.low + ((x - left) / (right - left)) * (chart.high - chart.low);
    read(run.rows.nearest(chart.column, value));
  });
  find("canvas").addEventListener("pointerleave", () => read(null));
  find("canvas").addEventListener("keydown", (event) => {
    const last = run.rows.length - 1;
    const now = chart.reading === null ? last : chart.reading;
    const stride = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: now - stride, ArrowRight: now + stride, Home: 0, End: last }[event.key];
    if (event.key === "Escape") read(null);
    else if (to !== undefined && last >= 0) {
      event.preventDefault();
      read(Math.min(last, Math.max(0, to)));
    }
  });

  function values() {
    const row = chart.reading;
    if (row === null || row >= run.rows.length) return "";
    const at = (column) => shortNumber(run.rows.at(row, column));
    const step = run.rows.at(row, STEP);
    const one = run.evaluations.find((evaluation) => evaluation.step === step);
    const checked = one ? ` · validation ${shortNumber(one.eval_loss)}` : "";
    return `step ${step} · epoch ${at(EPOCH)} · ${at(SECONDS)} s · loss ${at(LOSS)}${checked} · learning rate ${at(RATE)} · grad_norm ${at(NORM)}`;
  }

  function draw() {
    queued = false;
    if (gone || !el.isConnected) return;
    const { state, facts } = run;
    const over = OVER.includes(state.word);
    run.total = facts.steps;
    run.classes = facts.classes;
    run.running = !over;
    const word = over ? state.word : run.asked || state.word;
    find(".aitrain-word").textContent = word;
    find(".aitrain-word").dataset.word = word;
    find(".aitrain-place").textContent = placeInWords(run);
    find(".aitrain-line").textContent = state.line || " ";
    find("progress").max = facts.steps || 1;
    find("progress").value = state.step;
    const deaf = run.live === false;
    for (const button of el.querySelectorAll("button")) button.disabled = deaf || over || run.asked === "stopping";
    if (find("[data-does=pause]")) find("[data-does=pause]").textContent = holds() ? "Resume" : "Pause";
    for (const one of levers) {
      one.slider.disable(deaf || over);
      if (one.shown === state || Date.now() - one.moved < HAND) continue;
      one.shown = state;
      if (state[one.name] !== undefined && state[one.name] !== null) one.slider.set(state[one.name]);
    }
    const hint = find(".aitrain-hint");
    hint.hidden = !deaf || over || !controls.length;
    if (!hint.hidden && !hint.textContent)
      hint.textContent = "This notebook hands clicks over only after the cell. Stop with its interrupt button (■, or press I twice): the best weights are kept.";
    chart.draw(run, view);
    find("canvas").setAttribute("aria-label", describe(run));
    find(".aitrain-values").textContent = values() || "point at the curve, or use the arrow keys, to read values";
    if (tabled !== run.evaluations.length) {
      tabled = run.evaluations.length;
      fillTable(find("details div"), run.evaluations);
    }
    const now = Date.now();
    const news = deaf && !over ? `${word}. ${hint.textContent}` : word;
    if (news !== said && now - saidAt > SAY_EVERY) {
      [said, saidAt] = [news, now];
      find(".aitrain-said").textContent = news;
    }
    if (Math.abs(el.offsetHeight - tall) > 8) {
      tall = el.offsetHeight;
      send({ type: "height", value: tall }); // so that what takes its place is as tall
    }
    Object.assign(el.dataset, { rows: run.rows.length, live: String(run.live), word, draws: Number(el.dataset.draws || 0) + 1 });
  }
  function poke() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(draw);
  }
  run.views.add(poke);
  const resized = new ResizeObserver(poke);
  resized.observe(find(".aitrain-chart"));
  const themed = new MutationObserver(poke);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
  poke();
  return () => {
    gone = true;
    run.views.delete(poke);
    resized.disconnect();
    themed.disconnect();
  };
}

/** Calls at most every 100 ms while a slider is dragged, and always with where it was let go. */
function eased(call) {
  let waiting = null;
  let value;
  let last = 0;
  return (next) => {
    value = next;
    if (waiting) return;
    waiting = setTimeout(() => {
      waiting = null;
      last = Date.now();
      call(value);
    }, Math.max(0, last + 100 - Date.now()));
  };
}

function redrawAll(run) {
  for (const poke of run.views) poke();
}

export default () => {
  let run;
  return {
    initialize({ model }) {
      run = newRun(model);
      model.on("msg:custom", (message, buffers) => {
        takeMessage(run, message, buffers || [], model);
        redrawAll(run);
      });
      let times = 0;
      const hail = () => {
        if (run.live) return;
        if (times === HELLO_TIMES) {
          run.live = false;
          redrawAll(run);
          return;
        }
        times += 1;
        model.send({ type: "hello" });
        setTimeout(hail, HELLO_EVERY);
      };
      hail();
    },
    render({ model, el }) {
      return renderPanel(run, model, el);
    },
  };
};
