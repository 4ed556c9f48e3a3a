// Values of the chart by pointer or arrow keys, its description, and the evaluations as a table.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const TABLE_ROWS = 50;

/** Reading values: `chart.reading` is the row that is pointed at, or null. */
function wireReading(canvas, chart, run, poke) {
  function read(row, aloud) {
    chart.reading = row;
    if (aloud) announce(valuesAt(run, row));
    poke();
  }
  canvas.addEventListener("pointermove", (event) => {
    if (!run.rows.length || !chart.loss) return;
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const { left, right } = chart.loss;
    read(run.rows.nearest(chart.column, chart.low + ((x - left) / (right - left)) * (chart.high - chart.low)));
  });
  canvas.addEventListener("pointerleave", () => read(null));
  canvas.addEventListener("keydown", (event) => {
    const last = run.rows.length - 1;
    const now = chart.reading === null ? last : chart.reading;
    const stride = event.shiftKey ? 10 : 1;
    const to = { ArrowLeft: now - stride, ArrowRight: now + stride, Home: 0, End: last }[event.key];
    if (event.key === "Escape") read(null);
    else if (to !== undefined && last >= 0) {
      event.preventDefault();
      read(Math.min(last, Math.max(0, to)), true);
    }
  });
}

/** The values of one row in words. */
function valuesAt(run, row) {
  if (row === null || row >= run.rows.length) return "";
  const at = (column) => shortNumber(run.rows.at(row, column));
  const step = run.rows.at(row, STEP);
  const one = run.evaluations.find((evaluation) => evaluation.step === step);
  const checked = one ? ` · validation ${lossInWords(one.eval_loss)}` : "";
  return `step ${step} · epoch ${at(EPOCH)} · ${at(SECONDS)} s · loss ${at(LOSS)}${checked} · learning rate ${at(RATE)} · grad_norm ${at(NORM)}`;
}

/** JSON knows no NaN: what isn't a finite number comes as null. */
function lossInWords(value) {
  return value === null || value === undefined ? "not a finite number" : shortNumber(value);
}

/** The sentence that stands for the picture where it can't be seen. */
function describe(run) {
  const { rows, evaluations, notes } = run;
  if (!rows.length) return "Loss over the steps: no step yet.";
  const last = rows.length - 1;
  const parts = [
    `Training loss from ${shortNumber(rows.at(0, LOSS))} at step ${rows.at(0, STEP)} to ${shortNumber(rows.at(last, LOSS))} at step ${rows.at(last, STEP)}.`,
  ];
  if (evaluations.length) parts.push(`Validation loss now ${lossInWords(evaluations[evaluations.length - 1].eval_loss)}.`);
  for (const note of notes) parts.push(`${note.text[0].toUpperCase()}${note.text.slice(1)}.`);
  return parts.join(" ");
}

function fillTable(place, evaluations) {
  const rows = evaluations.slice(-TABLE_ROWS);
  const names = rows.length ? Object.keys(rows[rows.length - 1]) : [];
  const table = document.createElement("table");
  if (rows.length < evaluations.length) table.createCaption().textContent = `the newest ${rows.length} of ${evaluations.length}`;
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
    for (const name of names) line.insertCell().textContent = one[name] === null ? "nan" : shortNumber(one[name]);
  }
  place.replaceChildren(table);
}
