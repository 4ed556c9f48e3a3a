// Try the model: what a person types, draws or chooses, and what the model says about it.

const TYPED_AFTER = 200; // milliseconds without a key after which what was typed is asked
const WHAT_TO_DO = {
  text: "Change the text, or take an example: the answer follows as you type.",
  image: "Draw on the pad, take an example, or choose a file: the answer follows.",
  prompt: "Below stands what could come next, as the model sees it. Write lets the model go on from your words.",
};
const MOST_SENT = 1e6; // letters of a text that are sent; the kernel says how many of them it takes

const PLAYGROUND = `
  <div class="aitrain-head"><b>Try the model</b> <span class="aitrain-title"></span></div>
  <div class="aitrain-help"></div>
  <div class="aitrain-columns">
    <div class="aitrain-inputs" role="group" aria-label="What to try"></div>
    <div class="aitrain-outputs" role="group" aria-label="What the model says">
      <div class="aitrain-wrong" role="alert"></div>
      <div class="aitrain-hint" role="note" hidden></div>
      <div class="aitrain-words"></div>
      <div class="aitrain-answer"></div>
    </div>
  </div>`;

function labelled(words, field) {
  return make("div", { className: "aitrain-field" }, {}, make("label", { htmlFor: field.id, textContent: words }), field);
}

function pushButton(does, words, act) {
  const button = make("button", { type: "button", textContent: words }, { "data-does": does });
  button.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && act());
  return button;
}

/** A field for a text; `typed` is called when the typing rests. */
function textArea(rows, typed) {
  const area = make("textarea", { id: uniqueId(), rows, spellcheck: false });
  area.addEventListener("input", settled(typed, TYPED_AFTER));
  return area;
}

/** Show a text that was asked elsewhere; never under the hands of a person. */
function fill(area, text) {
  if (typeof text === "string" && document.activeElement !== area) area.value = text;
}

/** Take one of the examples of the data: by its number, the one before, the next. */
function exampleField({ examples, side }, take) {
  const field = make("input", { type: "number", id: uniqueId(), min: 1, max: examples, step: 1, value: 1 });
  const go = (number) => {
    field.value = Math.min(examples, Math.max(1, Math.round(Number(number)) || 1));
    take(Number(field.value) - 1);
  };
  field.addEventListener("change", () => go(field.value));
  const buttons = [["previous", "Previous", -1], ["next", "Next", 1]].map(([does, words, way]) => pushButton(does, words, () => go(Number(field.value) + way)));
  const row = labelled(`Example of the ${side} data`, field);
  row.append(make("span", { textContent: `of ${examples.toLocaleString("en")}` }), make("span", { className: "aitrain-buttons" }, {}, ...buttons));
  return { row, set: (place) => document.activeElement !== field && (field.value = place + 1) };
}

/** One text, or a pair of them. */
function textInputs(facts, { ask, empty }) {
  function typed() {
    const [text, pair] = areas.map((area) => area.value.slice(0, MOST_SENT));
    if (areas.every((area) => area.value.trim())) ask({ type: "text", text, pair });
    else empty(facts.pairs ? "Type both texts." : "Type a few words.");
  }
  const names = facts.pairs ? ["First text", "Second text"] : ["Text"];
  const areas = names.map(() => textArea(3, typed));
  const example = exampleField(facts, (place) => ask({ type: "example", place }));
  return {
    elements: [...areas.map((area, place) => labelled(names[place], area)), example.row],
    take: ({ text, pair }) => [text, pair].forEach((one, place) => areas[place] && fill(areas[place], one)),
  };
}

/** A drawing, an example or a file. */
function imageInputs(facts, { ask, empty, refuse }) {
  const file = make("input", { type: "file", id: uniqueId(), accept: facts.suffixes });
  const example = exampleField(facts, (place) => {
    leave();
    ask({ type: "example", place });
  });
  const pad = facts.pad
    ? makePad(facts, {
        drawn(bytes) {
          file.value = "";
          ask({ type: "drawing" }, bytes);
        },
        emptied: () => empty("The pad is empty: draw on it."),
      })
    : null;
  function leave(kept) {
    if (pad) pad.clear();
    if (kept !== file) file.value = "";
  }
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    leave(file);
    if (chosen.size > facts.most_bytes) return refuse(`${chosen.name} is too large. At most ${facts.most_bytes / 2 ** 20} MiB are taken. Make it smaller.`);
    const content = await chosen.arrayBuffer().catch(() => null);
    if (content) ask({ type: "file", name: chosen.name }, new Uint8Array(content));
    else refuse(`${chosen.name} can't be read.`);
  });
  return {
    elements: [example.row, labelled("Image file", file), ...(pad ? [pad.element] : [])], // the answer stands beside or below the pad
    isHeld: () => Boolean(pad && pad.isHeld()),
    take: ({ place }) => Number.isInteger(place) && example.set(place),
  };
}

/** A prompt, how to go on from it, and the buttons. */
function promptInputs(facts, { ask, empty, stop, hasWritten }) {
  let written = ""; // the wish to write that was asked last
  const look = () => (area.value.trim() ? ask(wish("next")) : empty("Type the beginning of a text."));
  const isAsked = () => written === JSON.stringify(wish("write")); // a pause in typing that ends after Write is no new wish
  const area = textArea(3, () => isAsked() || look());
  const moved = settled(() => isAsked() || hasWritten() || look(), TYPED_AFTER); // what is written stays until it is written anew
  function slider(options) {
    const made = makeSlider({ ...options, onInput: moved });
    const help = make("span", { className: "aitrain-help", id: uniqueId(), textContent: options.help });
    made.element.querySelector("input[type=range]").setAttribute("aria-describedby", help.id);
    made.element.append(help);
    return made;
  }
  const sliders = {
    temperature: slider({ label: "Temperature", min: 0, max: 2, step: 0.05, value: 0.8, help: "below 1 safer, above 1 wilder, 0 always the most probable token" }),
    top_k: slider({ label: "Top k", min: 1, max: Math.max(2, facts.vocabulary), step: 1, log: true, zero: "all", value: 0, help: "choose among this many most probable tokens only" }),
    tokens: slider({ label: "Tokens", min: 1, max: facts.most_tokens, step: 1, value: 100, help: "how many are written" }),
    seed: slider({ label: "Seed", min: 0, max: 100, most: 1e9, step: 1, value: 0, help: "the same seed gives the same text" }),
  };
  function wish(type) {
    const settings = Object.entries(sliders).map(([name, one]) => [name, one.value()]);
    return { type, text: area.value.slice(0, MOST_SENT), ...Object.fromEntries(settings) };
  }
  function write() {
    if (!area.value.trim()) return look();
    written = JSON.stringify(wish("write"));
    ask(wish("write"));
  }
  area.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey || event.shiftKey)) return;
    event.preventDefault();
    write();
  });
  const ending = pushButton("stop", "Stop", stop);
  const example = exampleField(facts, (place) => ask({ type: "example", place }));
  const buttons = make("div", { className: "aitrain-buttons" }, {}, pushButton("write", "Write", write), ending);
  return {
    elements: [
      labelled("Prompt", area),
      example.row,
      make("div", { className: "aitrain-sliders" }, {}, ...Object.values(sliders).map((one) => one.element)),
      buttons,
    ],
    take({ prompt, top_k, ...settings }) {
      fill(area, prompt);
      for (const [name, value] of Object.entries({ ...settings, top_k: top_k || 0 })) if (sliders[name] && value >= 0) sliders[name].set(value);
    },
    writing: (goes) => ending.setAttribute("aria-disabled", String(!goes)),
  };
}

const PLAYGROUND_INPUTS = { text: textInputs, image: imageInputs, prompt: promptInputs };

function showPlayground({ model, el, shared }) {
  const facts = model.get("facts");
  el.classList.add("aitrain-playground");
  el.dataset.kind = facts.kind;
  el.innerHTML = PLAYGROUND;
  const find = (selector) => el.querySelector(selector);
  find(".aitrain-title").textContent = facts.title;
  find(".aitrain-help").textContent = WHAT_TO_DO[facts.kind];
  const words = makeWords();
  find(".aitrain-words").append(words.element);
  const rest = settled(() => (inputs.isHeld?.() ? rest() : model.send({ type: "at rest" })), REST_AFTER);
  let whole = true; // no piece is missing

  function hint(said) {
    find(".aitrain-hint").hidden = !said;
    find(".aitrain-hint").textContent = said;
    if (said) announce(said);
  }
  function refuse(said) {
    find(".aitrain-wrong").textContent = said;
    busy(false);
  }
  function busy(writes) {
    el.dataset.writing = String(writes);
    if (inputs.writing) inputs.writing(writes);
  }
  const shows = {
    answer({ html, said, asked, written, number }) {
      if (!written) words.clear();
      find(".aitrain-answer").innerHTML = html; // escaped, and made by the kernel alone
      refuse("");
      inputs.take(asked);
      el.dataset.answers = Number(el.dataset.answers || 0) + 1;
      if (written && number && !whole) model.send({ type: "hello" }); // this page came in the middle of it
      if (!number) return;
      announce(said);
      rest();
    },
    pieces(message) {
      whole = words.show(message);
      find(".aitrain-wrong").textContent = "";
      if (message.number) find(".aitrain-answer").replaceChildren();
      busy(Boolean(message.number));
    },
    wrong({ words: said }) {
      refuse(said);
      rest();
    },
    waits: hint,
  };
  const asking = makeAsking(model, shared, shows);
  function ask(wish, bytes) {
    asking.ask(wish, bytes);
    busy(wish.type === "write");
  }
  function empty(said) {
    asking.forget();
    words.clear();
    find(".aitrain-answer").replaceChildren();
    refuse("");
    hint(said);
  }
  const stop = () => model.send({ type: "stop" });
  const inputs = PLAYGROUND_INPUTS[facts.kind](facts, { ask, empty, refuse, stop, hasWritten: () => !words.element.hidden });
  find(".aitrain-inputs").append(...inputs.elements);
  busy(false);
  model.send({ type: "hello" });
  return asking.end;
}

export default placed(showPlayground, { begin: () => ({ number: 0 }) });
