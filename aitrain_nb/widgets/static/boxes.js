// The five phases of a step as boxes that fill; each opens to what was really computed in it.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const STATES = { done: "✓", next: "next", ahead: "" }; // never by colour alone

/** One box: a button with its number and name, what it found in a few words, and how long it took. */
function makeBox(number, id, onClick) {
  const make = (tag, className, content = "") => Object.assign(document.createElement(tag), { className, textContent: content });
  const item = make("li", "aitrain-box");
  const button = Object.assign(make("button", ""), { type: "button" });
  button.setAttribute("aria-controls", id);
  button.addEventListener("click", onClick);
  const head = make("span", "aitrain-box-head");
  const [name, mark] = [make("b", ""), make("span", "aitrain-box-mark")];
  head.append(make("span", "aitrain-box-number", number), name, mark);
  const [brief, note] = [make("span", "aitrain-box-brief"), make("span", "aitrain-box-note")];
  button.append(head, brief, note);
  item.append(button);
  return { item, button, name, mark, brief, note };
}

/**
 * The boxes, and under them the view of the one that is open.
 * @returns {element, show(boxes)} where a box is {phase, title, state, brief, note, html}
 */
function makeBoxes() {
  const element = document.createElement("div");
  element.className = "aitrain-boxes";
  const list = Object.assign(document.createElement("ol"), { className: "aitrain-row" });
  const view = Object.assign(document.createElement("div"), { className: "aitrain-view" });
  view.id = `aitrain-view-${Math.random().toString(36).slice(2)}`;
  view.setAttribute("role", "region");
  view.tabIndex = 0; // where it is wider than the page, arrow keys move it
  element.append(list, view);
  let made = [];
  let boxes = [];
  let open = null; // name of the phase whose view is shown
  let closed = false; // a person closed it: then it stays so
  let newest = "";

  function toggle(index) {
    closed = open === boxes[index].phase;
    open = closed ? null : boxes[index].phase;
    draw();
  }
  function draw() {
    boxes.forEach((box, i) => {
      const { item, button, name, mark, brief, note } = made[i];
      item.dataset.state = box.state;
      name.textContent = box.title;
      mark.textContent = STATES[box.state];
      brief.textContent = box.brief.replaceAll(" %", "\u00a0%");
      note.textContent = box.note;
      button.disabled = !box.html;
      button.setAttribute("aria-expanded", String(open === box.phase));
    });
    const shown = boxes.find((box) => box.phase === open);
    view.hidden = !shown;
    if (!shown) return view.replaceChildren();
    view.setAttribute("aria-label", `${shown.title} of this step`);
    if (view.made !== shown.html) view.innerHTML = view.made = shown.html; // the kernel's own HTML: what comes from data is text in it
  }
  return {
    element,
    show(given) {
      if (made.length !== given.length) {
        made = given.map((_, i) => makeBox(i + 1, view.id, () => toggle(i)));
        list.replaceChildren(...made.map((one) => one.item));
      }
      boxes = given;
      const last = boxes.filter((box) => box.html).pop();
      const now = last ? last.phase + last.key : "";
      if (now !== newest) open = last && !closed ? last.phase : null; // what has just been made is what one wants to see
      newest = now;
      draw();
    },
  };
}
