// A pad to draw on, with mouse, pen, finger or arrow keys. Strokes are kept as lines from 0 to 1, so that each can be taken back.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const PEN_WIDTH = 0.1; // of the pad
const PEN_STEP = 0.04; // of the pad, for an arrow key
const PEN_KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAD_HELP =
  "Draw with mouse, pen or finger. With the keyboard: arrow keys move the pen, Space puts it down and lifts it, Backspace takes the last stroke back, Delete clears, Escape leaves the pad.";

/** Draw strokes on a square of so many pixels. */
function drawStrokes(canvas, strokes, paper, ink) {
  const size = canvas.width;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { fillStyle: paper, strokeStyle: ink, lineWidth: PEN_WIDTH * size, lineCap: "round", lineJoin: "round" });
  context.fillRect(0, 0, size, size);
  for (const stroke of strokes) {
    context.beginPath();
    context.moveTo(stroke[0][0] * size, stroke[0][1] * size);
    for (const [x, y] of stroke) context.lineTo(x * size, y * size + 0.01); // a single point is a dot
    context.stroke();
  }
  return context;
}

/** One byte a pixel, row by row: 0 where nothing is drawn, 255 for a stroke. */
function strokePixels(strokes, size) {
  const canvas = make("canvas", { width: size, height: size });
  const { data } = drawStrokes(canvas, strokes, "#000", "#fff").getImageData(0, 0, size, size);
  return Uint8Array.from({ length: size * size }, (_, place) => data[4 * place]);
}

/** Strokes by mouse, pen or finger; `add` begins or goes on with one. Gives whether one is being drawn. */
function drawByPointer(canvas, add) {
  let pointer = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    add([at(event)], true);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    if (!event.buttons) return void (pointer = null); // it was let go where the page didn't see it
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    add((all.length ? all : [event]).map(at), false);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => event.pointerId === pointer && (pointer = null));
  return () => pointer !== null;
}

/** Strokes by arrow keys; gives where the pen is, or null while it isn't in use. */
function drawByKeys(canvas, add, moved, { undo, clear, leave }) {
  const pen = { at: [0.5, 0.2], down: false, shown: false };
  const lift = () => Object.assign(pen, { down: false, shown: false });
  canvas.addEventListener("keydown", (event) => {
    const way = PEN_KEYS[event.key];
    if (way) pen.at = pen.at.map((value, axis) => Math.min(1, Math.max(0, value + way[axis] * PEN_STEP)));
    else if (event.key === " ") pen.down = !pen.down;
    else if (event.key === "Backspace" || (event.key === "z" && (event.ctrlKey || event.metaKey))) undo();
    else if (event.key === "Delete") clear();
    else if (event.key === "Escape") return void (lift(), leave());
    else return;
    event.preventDefault();
    pen.shown = true;
    if (pen.down && (way || event.key === " ")) add([pen.at], !way);
    const [across, down] = pen.at.map((value) => Math.round(100 * value));
    announce(`pen ${pen.down ? "down" : "up"}, ${across} across, ${down} down`);
    moved();
  });
  canvas.addEventListener("blur", () => {
    pen.shown = false;
    moved();
  });
  return {
    place: () => (pen.shown ? pen.at : null),
    isDown: () => pen.shown && pen.down,
    lift,
  };
}

/**
 * @param facts pad: pixels each way of what `drawn` is given; bright: whether ink is brighter than paper
 * @param calls drawn(bytes): at most ten times a second while something is drawn; emptied()
 * @returns {element, clear(), isHeld()}; `isHeld`: a stroke is under way
 */
function makePad({ pad, bright }, { drawn, emptied }) {
  const [paper, ink] = bright ? ["#000", "#fff"] : ["#fff", "#000"];
  const help = make("div", { id: uniqueId(), className: "aitrain-help", textContent: PAD_HELP });
  const canvas = make("canvas", { width: 2 * pad, height: 2 * pad, tabIndex: 0 }, { role: "application", "aria-label": "Drawing pad", "aria-describedby": help.id });
  const button = (does, words, act) => {
    const made = make("button", { type: "button", textContent: words }, { "data-does": does });
    made.addEventListener("click", act);
    return made;
  };
  const strokes = [];
  const changed = eased(() => strokes.length && drawn(strokePixels(strokes, pad)));
  function show() {
    const context = drawStrokes(canvas, strokes, paper, ink);
    const place = keys.place();
    if (!place) return;
    Object.assign(context, { strokeStyle: "#e66a00", lineWidth: 4 });
    context.beginPath();
    context.arc(place[0] * canvas.width, place[1] * canvas.height, (PEN_WIDTH * canvas.width) / 2, 0, 7);
    context.stroke();
  }
  function add(points, begins) {
    if (begins || !strokes.length) strokes.push([]);
    strokes[strokes.length - 1].push(...points);
    show();
    changed();
  }
  function taken() {
    keys.lift();
    show();
    if (strokes.length) changed();
    else emptied();
  }
  const undo = () => strokes.pop() && taken();
  const clear = () => strokes.splice(0).length && taken();
  const keys = drawByKeys(canvas, add, show, { undo, clear, leave: () => buttons.firstChild.focus() });
  const isPressed = drawByPointer(canvas, (points, begins) => {
    keys.lift();
    add(points, begins);
  });
  show();
  const buttons = make("div", { className: "aitrain-buttons" }, {}, button("undo", "Undo", undo), button("clear", "Clear", clear));
  return {
    element: make("div", { className: "aitrain-pad" }, {}, canvas, buttons, help),
    isHeld: () => isPressed() || keys.isDown(),
    clear() {
      strokes.length = 0;
      keys.lift();
      show();
    },
  };
}
