// The curves of a run on a canvas: loss with its validation, learning rate and gradient norm over one common axis.

const COLUMNS = 6; // numbers a row: step, epoch, seconds, loss, learning rate, gradient norm
const [STEP, EPOCH, SECONDS, LOSS, RATE, NORM] = [0, 1, 2, 3, 4, 5];

/** Numbers that grow at the end, in one typed array. */
class Rows {
  constructor() {
    this.clear();
  }
  clear() {
    this.length = 0;
    this.values = new Float32Array(COLUMNS * 1024);
  }
  append(added) {
    const needed = this.length * COLUMNS + added.length;
    if (needed > this.values.length) {
      const larger = new Float32Array(Math.max(needed, 2 * this.values.length));
      larger.set(this.values.subarray(0, this.length * COLUMNS));
      this.values = larger;
    }
    this.values.set(added, this.length * COLUMNS);
    this.length += added.length / COLUMNS;
  }
  at(row, column) {
    return this.values[row * COLUMNS + column];
  }
  /** The row whose value in this (rising) column is nearest. */
  nearest(column, value) {
    let low = 0;
    let high = this.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.at(middle, column) < value) low = middle + 1;
      else high = middle;
    }
    return low > 0 && value - this.at(low - 1, column) < this.at(low, column) - value ? low - 1 : low;
  }
}

const APART = 10; // pixels between two marks
const FEW = 3; // rows that make no line yet

/** Whether a note is a line across all strips. */
const isUpright = (note) => note.end === null && note.value === null;

/** Whether a box [left, top, right, bottom] overlaps none of these. */
const isFree = (taken, box) => taken.every((one) => box[0] >= one[2] || box[2] <= one[0] || box[1] >= one[3] || box[3] <= one[1]);

function roundTicks(low, high, count, least = 0) {
  const rough = Math.max(least, (high - low) / Math.max(1, count));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number++) ticks.push(number * step);
  return ticks;
}

function decadeTicks(low, high, count) {
  if (high / low < 8) return roundTicks(low, high, 2 * count); // too few of them would fall into it
  const ticks = [];
  const many = Math.log10(high / low) > 3;
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
    for (const times of many ? [1] : [1, 2, 5]) {
      const tick = times * 10 ** power;
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  return ticks;
}

/** Colours for this page: read from it, so that they follow its theme. */
function pageColours(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  const probe = document.createElement("span");
  probe.style.color = read("--jp-layout-color0", "#ffffff");
  element.append(probe);
  const [red, green, blue] = (getComputedStyle(probe).color.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
  probe.remove();
  const dark = 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  const words = dark ? "#e4e4e4" : "#212121";
  const soft = dark ? "#b4b4b4" : "#5a5a5a";
  const grid = dark ? "rgba(255,255,255,0.13)" : "rgba(0,0,0,0.10)";
  const lines = dark
    ? { training: "#56b4e9", validation: "#f0a030", rate: "#2fc79b", norm: "#dd9cc0", region: "rgba(240,160,48,0.16)", warning: "#f0a030" }
    : { training: "#0072b2", validation: "#d55e00", rate: "#00805e", norm: "#a3507d", region: "rgba(213,94,0,0.13)", warning: "#a84a00" };
  return { words, soft, grid, page: read("--jp-layout-color0", "#fff"), ...lines };
}

/** One strip of the chart: its place, its scale, and how a value becomes a height. */
class Strip {
  constructor(left, right, top, bottom) {
    Object.assign(this, { left, right, top, bottom });
  }
  scale(low, high, log) {
    if (!(low < Infinity)) [low, high] = [0, 1];
    if (log) {
      low = Math.max(low, 1e-12);
      if (high / low < 1.2) [low, high] = [low / 1.1, high * 1.1];
    } else if (high - low < 1e-9 * Math.max(1, Math.abs(high))) {
      const half = Math.abs(high) * 0.1 || 0.5;
      [low, high] = [low - half, high + half];
    } else {
      const room = 0.04 * (high - low);
      [low, high] = [low === 0 ? 0 : low - room, high + room];
    }
    Object.assign(this, { low, high, log });
  }
  y(value) {
    const share = this.log
      ? Math.log(Math.max(value, 1e-12) / this.low) / Math.log(this.high / this.low)
      : (value - this.low) / (this.high - this.low);
    return this.bottom - Math.min(1.02, Math.max(-0.02, share)) * (this.bottom - this.top);
  }
  ticks(count) {
    return this.log ? decadeTicks(this.low, this.high, count) : roundTicks(this.low, this.high, count);
  }
}

class Chart {
  constructor(canvas) {
    this.canvas = canvas;
    this.reading = null; // the row under the pointer
  }

  /** Draw. `run`: {rows, evaluations, notes, classes, total}; `view`: {across: "step" | "epoch" | "seconds", log}. */
  draw(run, view) {
    const width = Math.max(240, this.canvas.parentElement.clientWidth);
    const height = 330;
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
      this.canvas.style.height = `${height}px`;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = "12px sans-serif";
    Object.assign(this, { context, run, view, width, colours: pageColours(this.canvas.parentElement) });
    this.column = { step: STEP, epoch: EPOCH, seconds: SECONDS }[view.across];
    const left = 90;
    const right = width - 12;
    this.loss = new Strip(left, right, 40, 212);
    this.rate = new Strip(left, right, 228, 260);
    this.norm = new Strip(left, right, 272, 304);
    this.rangeAcross();
    this.drawRegions();
    this.drawLoss();
    this.drawStrip(this.rate, RATE, this.colours.rate, ["learning", "rate"]);
    this.drawStrip(this.norm, NORM, this.colours.norm, ["gradient", "norm"]);
    this.drawAcross();
    this.drawLegend();
    this.drawNotes();
    this.drawReading();
  }

  rangeAcross() {
    const { rows, total } = this.run;
    const count = rows.length;
    this.low = count ? rows.at(0, this.column) : 0;
    this.high = count ? rows.at(count - 1, this.column) : 1;
    if (this.column !== STEP) this.low = Math.min(this.low, 0);
    if (this.column === STEP && count && total && this.run.running) {
      // room for what is to come, without a jump at each update: the whole run, or a half of it, or a half of that
      const halvings = Math.max(0, Math.floor(Math.log2(total / Math.max(this.high, 8))));
      this.high = Math.max(this.high, total / 2 ** halvings);
    }
    if (this.high - this.low < 1e-9) this.high = this.low + 1;
    this.x = (value) => this.loss.left + ((value - this.low) / (this.high - this.low)) * (this.loss.right - this.loss.left);
  }

  /** Where a step lies on the axis, whatever the axis counts. */
  ofStep(step) {
    const { rows } = this.run;
    if (this.column === STEP || !rows.length) return this.x(step);
    return this.x(rows.at(rows.nearest(STEP, step), this.column));
  }

  drawRegions() {
    const { context, loss, colours } = this;
    for (const note of this.run.notes.filter((one) => one.end !== null)) {
      const [from, to] = [this.ofStep(note.step), this.ofStep(note.end)];
      context.save();
      context.beginPath();
      context.rect(from, loss.top, to - from, loss.bottom - loss.top);
      context.fillStyle = colours.region;
      context.fill();
      context.clip();
      context.strokeStyle = colours.validation;
      context.globalAlpha = 0.35;
      context.lineWidth = 1;
      context.beginPath();
      for (let x = from - 200; x < to; x += 12) {
        context.moveTo(x, loss.bottom);
        context.lineTo(x + 190, loss.top);
      }
      context.stroke();
      context.restore();
    }
  }

  drawLoss() {
    const { context, loss, colours, run } = this;
    const { rows, evaluations, classes } = run;
    const values = [];
    let low = Infinity;
    let high = -Infinity;
    const widen = (value) => {
      if (!Number.isFinite(value) || (this.view.log && value <= 0)) return;
      if (value < low) low = value;
      if (value > high) high = value;
    };
    const span = Math.max(2, Math.floor(rows.length / 20));
    const keep = 1 - 2 / (span + 1);
    let weighted = 0;
    let weights = 0;
    for (let row = 0; row < rows.length; row++) {
      const value = rows.at(row, LOSS);
      widen(value);
      if (Number.isFinite(value)) {
        weighted = weighted * keep + value;
        weights = weights * keep + 1;
      }
      values.push(Number.isFinite(value) ? weighted / weights : NaN);
    }
    for (const one of evaluations) widen(one.eval_loss);
    const knowsNothing = classes ? Math.log(classes) : 0;
    if (knowsNothing && low < Infinity && knowsNothing < high * 1.3) widen(knowsNothing * 1.02);
    loss.scale(low, high, this.view.log);
    this.drawGrid(loss, 4);
    this.knowsNothing = knowsNothing && knowsNothing >= loss.low && knowsNothing <= loss.high ? knowsNothing : 0;
    if (this.knowsNothing) this.line([[loss.left, loss.y(knowsNothing)], [loss.right, loss.y(knowsNothing)]], colours.soft, 1, [2, 3]);
    this.curve(loss, (row) => rows.at(row, LOSS), colours.training, 1, 0.4);
    this.curve(loss, (row) => values[row], colours.training, 2, 1);
    if (rows.length < FEW) {
      context.fillStyle = colours.training;
      for (let row = 0; row < rows.length; row++)
        if (Number.isFinite(values[row])) this.dot(this.x(rows.at(row, this.column)), loss.y(rows.at(row, LOSS)), 3);
    }
    this.drawEvaluations(evaluations);
    context.save();
    context.translate(12, (loss.top + loss.bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "center";
    context.fillStyle = colours.words;
    context.fillText("loss (nats)", 0, 0);
    context.restore();
  }

  /** The validation loss: a mark at each evaluation, as long as they stand apart; a cross where it isn't a finite number. */
  drawEvaluations(evaluations) {
    const { context, loss, colours } = this;
    let points = [];
    let marked = -Infinity;
    context.fillStyle = colours.validation;
    const flush = () => {
      this.line(points, colours.validation, 2, [6, 4]);
      points = [];
    };
    for (const one of evaluations) {
      const x = this.ofStep(one.step);
      const finite = Number.isFinite(one.eval_loss);
      if (finite) points.push([x, loss.y(one.eval_loss)]);
      else flush();
      if (x - marked < APART) continue;
      marked = x;
      if (finite) this.dot(x, loss.y(one.eval_loss), 4);
      else for (const slant of [-4, 4]) this.line([[x - 4, loss.top + 6 - slant], [x + 4, loss.top + 6 + slant]], colours.validation, 2);
    }
    flush();
  }

  drawStrip(strip, column, colour, name) {
    const { rows } = this.run;
    let low = Infinity;
    let high = -Infinity;
    for (let row = 0; row < rows.length; row++) {
      const value = rows.at(row, column);
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const wide = column === NORM && low > 0 && high / low > 50;
    strip.scale(wide ? low : Math.min(low, 0), high, wide);
    this.drawGrid(strip, 2);
    this.curve(strip, (row) => rows.at(row, column), colour, 1.5, 1);
    this.context.textAlign = "left";
    this.context.fillStyle = this.colours.words;
    name.forEach((word, line) => this.context.fillText(word, 0, strip.top + 13 + 14 * line));
  }

  /** Words on a ground of the page's colour, so that a line behind them doesn't cross them out. */
  label(text, x, y) {
    const { context, colours } = this;
    context.lineWidth = 4;
    context.lineJoin = "round";
    context.strokeStyle = colours.page;
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }

  drawGrid(strip, count) {
    const { context, colours } = this;
    context.textAlign = "right";
    context.fillStyle = colours.soft;
    const ticks = strip.ticks(count);
    const shown = count === 2 && ticks.length > 2 ? [ticks[0], ticks[ticks.length - 1]] : ticks;
    for (const tick of shown) {
      const y = strip.y(tick);
      this.line([[strip.left, y], [strip.right, y]], colours.grid, 1);
      context.fillText(shortNumber(tick), strip.left - 6, y + 4);
    }
  }

  drawAcross() {
    const { context, colours, norm } = this;
    context.textAlign = "center";
    const count = Math.max(2, Math.floor(this.width / 90));
    for (const tick of roundTicks(this.low, this.high, count, this.column === STEP ? 1 : 0)) {
      const x = this.x(tick);
      for (const strip of [this.loss, this.rate, this.norm]) this.line([[x, strip.top], [x, strip.bottom]], colours.grid, 1);
      context.fillStyle = colours.soft;
      context.fillText(shortNumber(tick), x, norm.bottom + 14);
    }
    context.fillStyle = colours.words;
    context.textAlign = "left";
    context.fillText(this.view.across === "seconds" ? "computing s" : this.view.across, 0, norm.bottom + 14);
  }

  drawLegend() {
    const { context, colours } = this;
    let x = this.loss.left;
    context.textAlign = "left";
    context.fillStyle = colours.words;
    this.line([[x, 10], [x + 26, 10]], colours.training, 2);
    context.fillText("training (bold: smoothed)", x + 32, 14);
    x += 32 + context.measureText("training (bold: smoothed)").width + 18;
    if (!this.run.evaluations.length) return;
    this.line([[x, 10], [x + 26, 10]], colours.validation, 2, [6, 4]);
    context.fillStyle = colours.validation;
    this.dot(x + 13, 10, 4);
    context.fillStyle = colours.words;
    context.fillText("validation", x + 32, 14);
  }

  /** Marks for all notes; words for those that have room, the most important first. */
  drawNotes() {
    const { colours, loss, norm } = this;
    const taken = [];
    const notes = [...this.run.notes].sort((one, other) => (one.rank || 0) - (other.rank || 0));
    for (const note of notes)
      if (isUpright(note)) this.line([[this.ofStep(note.step), loss.top], [this.ofStep(note.step), norm.bottom]], colours.soft, 1.2, [7, 3, 2, 3]);
    for (const note of notes) {
      if (note.end !== null) this.nameRegion(note, taken);
      else if (note.value !== null) this.nameEvaluation(note, taken);
      else this.nameStep(note, taken);
    }
    if (this.knowsNothing) this.nameGuess(taken);
  }

  nameRegion(note, taken) {
    this.context.fillStyle = this.colours.warning;
    this.context.textAlign = "right";
    this.fit(note.text, this.loss.right, 33);
    taken.push([this.loss.left, 18, this.loss.right, 38]);
  }

  /** A ring around an evaluation, with its words above, or below where there is no room. */
  nameEvaluation(note, taken) {
    const { context, colours, loss } = this;
    const [x, y] = [this.ofStep(note.step), loss.y(note.value)];
    Object.assign(context, { fillStyle: colours.words, strokeStyle: colours.words, lineWidth: 2 });
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.stroke();
    const wide = context.measureText(note.text).width;
    const toRight = x + wide < loss.right;
    const from = toRight ? x : Math.max(loss.left, x - wide);
    const places = (y - loss.top < 40 ? [32, -25] : [-25, 32]).map((dy) => [dy, [from - 2, y + dy - 11, from + wide + 2, y + dy + 4]]);
    const [dy, box] = places.find(([, one]) => isFree(taken, one)) || places[0];
    taken.push(box, [x - 8, y - 8, x + 8, y + 8]);
    this.line([[x, y + (dy > 0 ? 7 : -7)], [x, y + (dy > 0 ? 20 : -20)]], colours.words, 1.5);
    context.textAlign = "left";
    this.label(note.text, from, y + dy);
  }

  /** Upright words beside a line, left of it where there is room. */
  nameStep(note, taken) {
    const { context, colours, loss } = this;
    const x = this.ofStep(note.step);
    const tall = context.measureText(note.text).width;
    const places = [x - 4, x + 13].filter((at) => at - 12 > loss.left && at < loss.right + 10);
    const at = places.find((one) => isFree(taken, [one - 12, loss.top, one + 2, loss.top + tall + 4]));
    if (at === undefined) return;
    taken.push([at - 12, loss.top, at + 2, loss.top + tall + 4]);
    context.save();
    context.translate(at, loss.top + 2);
    context.rotate(-Math.PI / 2);
    context.textAlign = "right";
    context.fillStyle = colours.words;
    this.label(note.text, 0, 0);
    context.restore();
  }

  /** What a model that knows nothing pays, at the right end of its line or where there is room. */
  nameGuess(taken) {
    const { context, colours, loss } = this;
    const words = `knows nothing: ln ${this.run.classes}`;
    const wide = context.measureText(words).width;
    const y = loss.y(this.knowsNothing) - 4;
    for (let end = loss.right; end - wide > loss.left; end -= 12) {
      if (!isFree(taken, [end - wide, y - 11, end, y + 3])) continue;
      context.textAlign = "right";
      context.fillStyle = colours.soft;
      context.fillText(words, end, y);
      return;
    }
  }

  /** Words that end at x; shortened where the chart is too narrow for them. */
  fit(text, x, y) {
    const room = x - this.loss.left;
    let shown = text;
    while (shown.length > 8 && this.context.measureText(shown).width > room) shown = `${shown.slice(0, -2).trimEnd()}…`;
    this.context.fillText(shown, x, y);
  }

  drawReading() {
    const { rows } = this.run;
    if (this.reading === null || this.reading >= rows.length) return;
    const x = this.x(rows.at(this.reading, this.column));
    this.line([[x, this.loss.top], [x, this.norm.bottom]], this.colours.words, 1);
    const marks = [[this.loss, LOSS, this.colours.training], [this.rate, RATE, this.colours.rate], [this.norm, NORM, this.colours.norm]];
    for (const [strip, column, colour] of marks) {
      const value = rows.at(this.reading, column);
      if (!Number.isFinite(value)) continue;
      this.context.fillStyle = colour;
      this.dot(x, strip.y(value), 4);
    }
  }

  /** A line through every row; at most the lowest and the highest of each pixel column are drawn. */
  curve(strip, value, colour, width, alpha) {
    const { context, run } = this;
    context.save();
    context.beginPath();
    context.rect(strip.left - 1, strip.top - 4, strip.right - strip.left + 2, strip.bottom - strip.top + 8);
    context.clip();
    context.strokeStyle = colour;
    context.globalAlpha = alpha;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.beginPath();
    let begun = false;
    let column = null;
    let first, low, high, last;
    const flush = () => {
      if (column === null) return;
      for (const y of first === low ? [first, high, low, last] : [first, low, high, last])
        if (begun) context.lineTo(column, y);
        else {
          context.moveTo(column, y);
          begun = true;
        }
    };
    for (let row = 0; row < run.rows.length; row++) {
      const number = value(row);
      if (!Number.isFinite(number)) {
        flush();
        column = null;
        begun = false; // a gap, where it isn't a number
        continue;
      }
      const x = Math.round(2 * this.x(run.rows.at(row, this.column))) / 2;
      const y = strip.y(number);
      if (x !== column) {
        flush();
        column = x;
        first = low = high = y;
      } else {
        low = Math.min(low, y);
        high = Math.max(high, y);
      }
      last = y;
    }
    flush();
    context.stroke();
    context.restore();
  }

  line(points, colour, width, dash = []) {
    const { context } = this;
    context.save();
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.beginPath();
    points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
    context.restore();
  }

  dot(x, y, radius) {
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.fill();
  }
}
