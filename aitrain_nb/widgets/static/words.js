// What a language model writes, token by token: the stronger the ground of one, the less probable it was; each tells what else was probable.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

/** A share from 0 to 1 as a percentage, as the kernel writes it. */
function asShare(value) {
  const percent = 100 * value;
  if (percent === 0 || percent === 100) return `${percent}\u00a0%`;
  return `${percent.toFixed(percent >= 1 ? 1 : 2)}\u00a0%`;
}

/** A token as a place in the text. */
function makePiece([text, token, probability, choices]) {
  const others = choices.map(([name, value]) => `${name} ${asShare(value)}`).join(", ");
  const about = `${token} ${asShare(probability)}. Most probable here: ${others}`;
  const piece = make("span", { textContent: text, title: about, tabIndex: -1 }, { role: "option", "aria-label": about, "aria-selected": "false" });
  piece.style.backgroundColor = `rgba(213, 94, 0, ${0.55 * (1 - probability)})`;
  return piece;
}

/** @returns {element, show({prompt, first, pieces}), clear()}; `show` says whether it follows what is there */
function makeWords() {
  const prompt = make("b");
  const list = make("span", {}, { role: "listbox", "aria-label": "Tokens written: arrow keys go from one to the next", "aria-orientation": "horizontal" });
  const about = make("div", { className: "aitrain-about" });
  const element = make("div", { className: "aitrain-written", hidden: true }, {}, make("div", { className: "aitrain-text" }, {}, prompt, list), about);
  let chosen = null;

  function choose(piece) {
    if (chosen) Object.assign(chosen, { tabIndex: -1 }).setAttribute("aria-selected", "false");
    chosen = piece;
    chosen.tabIndex = 0;
    chosen.setAttribute("aria-selected", "true");
    about.textContent = chosen.title;
  }
  function goto(piece) {
    if (!piece) return;
    choose(piece);
    piece.focus({ preventScroll: true });
    piece.scrollIntoView({ block: "nearest" });
  }
  list.addEventListener("click", (event) => goto(event.target.closest('[role="option"]')));
  list.addEventListener("focusin", (event) => choose(event.target));
  list.addEventListener("keydown", (event) => {
    const ways = {
      ArrowLeft: chosen?.previousSibling, ArrowUp: chosen?.previousSibling, ArrowRight: chosen?.nextSibling, ArrowDown: chosen?.nextSibling,
      Home: list.firstChild, End: list.lastChild,
    };
    if (!(event.key in ways)) return;
    event.preventDefault();
    goto(ways[event.key]);
  });
  return {
    element,
    show({ prompt: begun, first, pieces }) {
      if (first > list.children.length) return false;
      prompt.textContent = begun;
      while (list.children.length > first) list.lastChild.remove();
      list.append(...pieces.map(makePiece));
      list.hidden = !list.children.length; // a list of nothing is none
      if (first === 0) {
        [chosen, about.textContent] = [null, list.hidden ? "" : "The stronger the ground, the less probable the token. Choose one to see what else was probable."];
        if (list.firstChild) list.firstChild.tabIndex = 0;
      }
      element.hidden = false;
      return true;
    },
    clear() {
      chosen = null;
      list.replaceChildren();
      element.hidden = true;
    },
  };
}
