// A widget lives in every element of the page that bears its mark; the elements themselves are plain HTML and hold its static twin.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const REST_AFTER = 800; // milliseconds after the last of many calls in which a person is taken to go on
const GONE_AFTER = 700; // milliseconds without a place before a widget is taken for gone: an output that is shown anew takes less

/** An element with properties, attributes and children. */
function make(tag, properties = {}, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** For a label and its field to find each other. */
const uniqueId = () => `aitrain-${Math.random().toString(36).slice(2)}`;

/** Calls when so many milliseconds have passed since the last of many calls. */
function settled(call, milliseconds) {
  let waiting = null;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(call, milliseconds);
  };
}

/** Calls at once, then at most every so many milliseconds while something moves, and always with where it came to rest. */
function eased(call, milliseconds = 100) {
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
    }, Math.max(0, last + milliseconds - Date.now()));
  };
}

/** Calls at rest: a while after the last of many calls, so that the twin in the file is what a person left. */
const atRest = (model) => settled(() => model.send({ type: "at rest" }), REST_AFTER);

/** Keys that are typed in this element are its own, or the notebook would take them; only Ctrl+S saves the notebook from everywhere. */
function keepKeys(element) {
  element.dataset.lmSuppressShortcuts = "true";
  element.addEventListener("keydown", (event) => {
    const saves = (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "s";
    if (!saves) return event.stopPropagation();
    delete element.dataset.lmSuppressShortcuts; // until the notebook has heard it
    setTimeout(() => (element.dataset.lmSuppressShortcuts = "true"));
  });
}

/** Say something to a screen reader; the region belongs to the page, so that it outlives what speaks. At most every two seconds. */
function announce(words) {
  let region = document.getElementById("aitrain-said");
  if (!region) {
    region = document.createElement("div");
    region.id = "aitrain-said";
    region.setAttribute("role", "status");
    region.setAttribute("aria-live", "polite");
    region.style.cssText = "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap";
    document.body.append(region);
  }
  region.news = words;
  if (region.timer) return;
  const say = () => {
    if (region.textContent !== region.news) region.textContent = region.news;
    region.spoken = Date.now();
    region.timer = null;
  };
  region.timer = setTimeout(say, Math.max(0, 2000 - (Date.now() - (region.spoken || 0))));
}

/**
 * What the module of a widget exports.
 * @param show `show({ model, el, shared })` builds it into an element and may give a function that ends it.
 * @param begin `begin(model)`: once for all its places; what it gives is `shared`.
 * @param places `places(model, count)`: called when the last place has gone, and when there is one again.
 */
function placed(show, { begin = () => null, places = () => {} } = {}) {
  return () => {
    let shared;
    return {
      initialize({ model }) {
        shared = begin(model);
        return settleEverywhere(model, (el) => show({ model, el, shared }), (count) => places(model, count));
      },
      render: ({ model, el }) => show({ model, el, shared }),
    };
  };
}

/** Build the widget into each of its places, now and later; gives a function that ends it and puts the twins back. */
function settleEverywhere(model, build, places) {
  const query = `[data-aitrain-place="${model.get("place")}"]`;
  const living = new Map(); // element -> what lives in it
  let queued = false;
  let gone = null;
  let there = 0;

  function settle(el) {
    const left = [...living.keys()].find((one) => !one.isConnected);
    const one = left ? living.get(left) : newcomer();
    living.delete(left);
    one.twin = [...el.childNodes];
    one.cell = el.closest(".jp-Cell");
    el.replaceChildren(one.root);
    living.set(el, one);
    if (!left) one.end = build(one.root);
    // else the same output was shown anew, with another twin: what lived there moves in, with the focus
    else if (one.focus && document.activeElement === document.body) one.focus.focus({ preventScroll: true });
  }
  function newcomer() {
    const one = { root: document.createElement("div"), focus: null };
    one.root.addEventListener("focusin", (event) => (one.focus = event.target));
    one.root.addEventListener("focusout", (event) => {
      if (event.relatedTarget) one.focus = null;
    });
    keepKeys(one.root);
    return one;
  }
  function look() {
    queued = false;
    for (const el of document.querySelectorAll(query)) if (!living.has(el)) settle(el);
    const count = [...living.keys()].filter((el) => el.isConnected).length;
    if (count && !there) {
      clearTimeout(gone);
      there = count;
      places(count);
    } else if (!count && there) {
      clearTimeout(gone);
      gone = setTimeout(leave, GONE_AFTER);
    }
  }
  function leave() {
    if ([...living.keys()].some((el) => el.isConnected)) return;
    there = 0;
    for (const one of living.values()) if (one.focus && one.cell && document.activeElement === document.body) focusWhatCame(one.cell);
    places(0);
  }
  const watch = new MutationObserver(() => {
    if (!queued) requestAnimationFrame(look);
    queued = true;
  });
  watch.observe(document.body, { childList: true, subtree: true });
  look();
  return () => {
    watch.disconnect();
    clearTimeout(gone);
    for (const [el, one] of living) {
      if (one.end) one.end();
      if (!one.root.dataset.last) el.replaceChildren(...one.twin); // but for a widget that has shown its last itself
    }
  };
}

/** The focus was in a widget whose place was taken by its result: there it goes on. */
function focusWhatCame(cell) {
  const figure = cell.querySelector(".jp-OutputArea figure");
  if (!figure) return;
  figure.tabIndex = -1;
  figure.focus({ preventScroll: true });
}
