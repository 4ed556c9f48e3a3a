// The form of a run: its fields, and beside them what that run will be, before it is trained.

const FORM_EVERY = 60; // milliseconds between two messages of a field that is dragged
const FORM_PARTS = `
  <div class="aitrain-head"><b>A training run</b> <span>Choose, see what the run will be, then press Train. Nothing is trained before.</span></div>
  <div class="aitrain-columns">
    <div class="aitrain-fields" role="group" aria-label="Settings of the run"></div>
    <div class="aitrain-previewed" role="group" aria-label="What this run will be">
      <dl class="aitrain-facts"></dl>
      <canvas role="img"></canvas>
      <div class="aitrain-words"></div>
    </div>
  </div>
  <div class="aitrain-tried" role="group" aria-label="Find learning rate"><div class="aitrain-testing"></div><div class="aitrain-rates"></div></div>
  <div class="aitrain-go">
    <button type="button" data-does="train">Train</button>
    <span class="aitrain-word"></span><span class="aitrain-outcome"></span>
  </div>
  <div class="aitrain-run"></div>
  <div class="aitrain-say" role="group" aria-label="What the run says">
    <div class="aitrain-title"><b>What the run says</b> <span class="aitrain-headline"></span></div>
    <div class="aitrain-ticks"></div><div class="aitrain-items"></div><div class="aitrain-seen"></div>
  </div>
  <div class="aitrain-more" role="group" aria-label="More settings"></div>
  <details class="aitrain-data"><summary>Data</summary><div></div></details>
  <details class="aitrain-code"><summary>The same as code</summary>
    <div><pre tabindex="0" aria-label="The same as code"></pre><button type="button" data-does="copy">Copy</button></div></details>
  <details class="aitrain-load"><summary>Load a config or a run</summary>
    <div><label>YAML file, or folder of a run <input type="text" autocomplete="off" spellcheck="false"></label>
    <button type="button" data-does="load">Load</button><span class="aitrain-wrong" role="alert"></span></div></details>`;

/** Sends what fields were set to, the newest value of each, at most every FORM_EVERY ms; `flush` sends what waits. */
function outbox(send) {
  const waiting = new Map();
  let timer = null;
  let last = 0;
  function flush() {
    clearTimeout(timer);
    timer = null;
    last = Date.now();
    for (const [name, value] of waiting) send({ type: "set", name, value });
    waiting.clear();
  }
  return {
    flush,
    put(name, value) {
      waiting.set(name, value);
      if (!timer) timer = setTimeout(flush, Math.max(0, last + FORM_EVERY - Date.now()));
    },
  };
}

/** The schedule on a canvas: learning rate over steps. */
function drawSchedule(canvas, curve) {
  const [width, height, ratio] = [Math.max(220, canvas.parentElement.clientWidth), 170, window.devicePixelRatio || 1];
  Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.font = "12px sans-serif";
  if (!curve.length) return;
  const colours = pageColours(canvas.parentElement);
  const strip = new Strip(58, width - 12, 24, height - 36);
  const last = curve[curve.length - 1][0];
  const x = (step) => strip.left + ((step - 1) / Math.max(1, last - 1)) * (strip.right - strip.left);
  strip.scale(0, Math.max(...curve.map(([, rate]) => rate)), false);
  const text = (words, left, top, align, colour = colours.soft) => {
    Object.assign(context, { fillStyle: colour, textAlign: align });
    context.fillText(words, left, top);
  };
  context.lineWidth = 1;
  for (const tick of strip.ticks(4)) {
    context.strokeStyle = colours.grid;
    context.strokeRect(strip.left, strip.y(tick), strip.right - strip.left, 0);
    text(shortNumber(tick), strip.left - 6, strip.y(tick) + 4, "right");
  }
  for (const tick of roundTicks(1, last, width / 50, 1)) text(Math.round(tick).toLocaleString("en"), x(tick), strip.bottom + 16, "center");
  text("learning rate", strip.left, 14, "left", colours.words);
  text("step", strip.right, strip.bottom + 31, "right", colours.words);
  Object.assign(context, { strokeStyle: colours.rate, fillStyle: colours.rate, lineWidth: 2, lineJoin: "round" });
  context.beginPath();
  for (const [step, rate] of curve) context.lineTo(x(step), strip.y(rate));
  context.stroke();
  if (curve.length > 1) return;
  context.beginPath();
  context.arc(x(1), strip.y(curve[0][1]), 3, 0, 7);
  context.fill();
}

/** A place for fields, with a line below them that explains the one that had the focus last. */
function fieldSet(hint = "") {
  const help = make("div", { className: "aitrain-help", textContent: hint });
  const rows = make("div", { className: "aitrain-rows" });
  return {
    parts: [rows, help],
    add(field) {
      field.row.addEventListener("focusin", () => (help.textContent = field.help));
      rows.append(field.row);
    },
  };
}

/** All fields: the basic ones in their place, the others in folded groups. */
function buildFields(basic, more, model, put) {
  const fields = new Map();
  const groups = new Map();
  const sets = new Map([["", fieldSet("What a field means stands here when it has the focus.")]]);
  basic.append(...sets.get("").parts);
  for (const about of model.get("fields")) {
    const [value, automatic] = ["values", "automatic"].map((what) => model.get("shown")[what][about.name]);
    const field = makeField({ ...about, value, automatic }, put);
    fields.set(about.name, field);
    if (!sets.has(about.group)) {
      sets.set(about.group, fieldSet());
      const summary = make("summary", { textContent: about.group });
      groups.set(about.group, make("details", { className: "aitrain-group" }, {}, summary, ...sets.get(about.group).parts));
    }
    sets.get(about.group).add(field);
  }
  more.append(...groups.values());
  return { fields, groups };
}

/** Put the code where a person can paste it from. */
async function copyCode(el) {
  const [pre, button] = [el.querySelector("pre"), el.querySelector("[data-does=copy]")];
  getSelection().selectAllChildren(pre); // so that the keys can copy it where the page may not
  try {
    await navigator.clipboard.writeText(pre.textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Marked: press Ctrl+C";
  }
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

function renderForm({ model, el }) {
  el.classList.add("aitrain-form");
  el.innerHTML = FORM_PARTS;
  const find = (selector) => el.querySelector(selector);
  const rest = atRest(model);
  const box = outbox((message) => model.send(message));
  const { fields, groups } = buildFields(find(".aitrain-fields"), find(".aitrain-more"), model, (name, value) => {
    box.put(name, value);
    rest();
  });
  const parts = { say: find(".aitrain-say"), rates: find(".aitrain-rates"), test: find(".aitrain-testing") };
  const { showAdvice, showTest } = makeAdvice(model, fields, parts, rest);
  let later = null;

  function showFields() {
    const { values, automatic, wrong, suggestions, hidden } = model.get("shown");
    for (const [name, field] of fields) {
      if (wrong[name]) field.refuse(wrong[name], values[name], automatic[name]);
      else if (!field.isFresh()) field.set(values[name], automatic[name]);
      else later ||= setTimeout(() => ((later = null), showFields()), FIELD_HAND);
      if (suggestions[name]) field.suggest(suggestions[name]);
    }
    for (const [name, folded] of groups) folded.hidden = hidden.includes(name);
    find(".aitrain-load .aitrain-wrong").textContent = wrong[""] || "";
  }
  function showPreview() {
    const { facts, curve, words, code, busy } = model.get("shown");
    find(".aitrain-facts").replaceChildren(
      ...Object.entries(facts).map(([name, value]) => make("div", {}, {}, make("dt", { textContent: name }), make("dd", { textContent: value }))),
    );
    find(".aitrain-previewed").setAttribute("aria-busy", String(busy));
    find(".aitrain-words").textContent = busy ? "This is being worked out. A cell that runs goes first." : words;
    find("canvas").setAttribute("aria-label", words);
    find("pre").textContent = code;
    drawSchedule(find("canvas"), curve);
  }
  function showShown() {
    showFields();
    showPreview();
    el.dataset.seen = Number(el.dataset.seen || 0) + 1;
  }
  function showState() {
    const { word, said } = model.get("state");
    find("[data-does=train]").setAttribute("aria-disabled", String(["waiting", "training"].includes(word))); // so it keeps the focus
    find(".aitrain-go .aitrain-word").textContent = word;
    find(".aitrain-go .aitrain-word").dataset.word = word;
    find(".aitrain-outcome").textContent = said;
    el.dataset.word = word;
    announce(said ? `${word}. ${said}` : word);
  }
  const showData = () => (find(".aitrain-data div").innerHTML = model.get("data")); // escaped, and made by the kernel alone
  const showRun = () => (find(".aitrain-run").innerHTML = model.get("run")); // likewise
  function load() {
    model.send({ type: "load", value: find(".aitrain-load input").value });
    rest();
  }
  find("[data-does=train]").addEventListener("click", (event) => {
    if (event.currentTarget.getAttribute("aria-disabled") === "true") return;
    box.flush();
    model.send({ type: "train" });
  });
  find("[data-does=copy]").addEventListener("click", () => copyCode(el));
  find("[data-does=load]").addEventListener("click", load);
  find(".aitrain-load input").addEventListener("change", load);
  const shows = { shown: showShown, state: showState, data: showData, run: showRun, advised: showAdvice, testing: showTest };
  for (const [name, show] of Object.entries(shows)) {
    model.on(`change:${name}`, show);
    show();
  }
  const redrawn = new ResizeObserver(showPreview);
  redrawn.observe(find(".aitrain-previewed"));
  const themed = new MutationObserver(showPreview);
  themed.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-name", "data-jp-theme-light", "class"] });
  return () => {
    redrawn.disconnect();
    themed.disconnect();
    clearTimeout(later);
    for (const [name, show] of Object.entries(shows)) model.off(`change:${name}`, show);
  };
}

export default placed(renderForm);
