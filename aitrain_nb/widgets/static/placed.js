// A widget lives in every element of the page that bears its mark; the elements themselves are plain HTML and hold its static twin.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

/** Calls at rest: a while after the last of many calls, so that the twin in the file is what a person left. */
function atRest(model) {
  let waiting = null;
  return () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => model.send({ type: "at rest" }), 800);
  };
}

/** The module of a widget: `show({ model, el })` builds it into an element and may give a function that ends it. */
function placed(show) {
  return {
    initialize({ model }) {
      const query = `[data-aitrain-place="${model.get("place")}"]`;
      const living = new Map(); // element -> what lives in it
      let queued = false;

      function settle(el) {
        const left = [...living.keys()].find((one) => !one.isConnected);
        const one = left ? living.get(left) : { root: document.createElement("div"), focus: null };
        living.delete(left);
        one.twin = [...el.childNodes];
        el.replaceChildren(one.root);
        living.set(el, one);
        if (left) {
          // the same output was shown anew, with another twin: what lived there moves in, with the focus
          if (one.focus && document.activeElement === document.body) one.focus.focus({ preventScroll: true });
          return;
        }
        one.root.addEventListener("focusin", (event) => (one.focus = event.target));
        one.root.addEventListener("focusout", (event) => {
          if (event.relatedTarget) one.focus = null;
        });
        one.root.dataset.lmSuppressShortcuts = "true"; // or the notebook takes the keys for its own
        one.root.addEventListener("keydown", (event) => event.stopPropagation());
        one.end = show({ model, el: one.root });
      }
      function look() {
        queued = false;
        for (const el of document.querySelectorAll(query)) if (!living.has(el)) settle(el);
      }
      const watch = new MutationObserver(() => {
        if (!queued) requestAnimationFrame(look);
        queued = true;
      });
      watch.observe(document.body, { childList: true, subtree: true });
      look();
      return () => {
        watch.disconnect();
        for (const [el, one] of living) {
          if (one.end) one.end();
          el.replaceChildren(...one.twin);
        }
      };
    },
    render: ({ model, el }) => show({ model, el }),
  };
}
