// What a page asks the kernel: the newest wish wins, and while it waits the page says for what.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const WAITS_AFTER = 1000; // milliseconds without an answer after which the page says what it waits for
const WAITS = "No answer yet: a cell that runs goes first.";

/**
 * @param shared number: of the newest wish of all places of this widget
 * @param shows answer, pieces, wrong: each takes the message of its name; waits(words): what the page waits for, or nothing
 * @returns {ask(wish, bytes), forget(), end()}
 */
function makeAsking(model, shared, shows) {
  let timer = null;
  function rest() {
    clearTimeout(timer);
    shows.waits("");
  }
  function forget() {
    shared.number += 1;
    rest();
  }
  function hear(message) {
    const { type, number } = message;
    if (!["answer", "pieces", "wrong"].includes(type) || (number && number < shared.number)) return;
    shared.number = Math.max(shared.number, number || 0);
    rest();
    shows[type](message);
  }
  model.on("msg:custom", hear);
  return {
    ask(wish, bytes) {
      forget();
      timer = setTimeout(() => shows.waits(WAITS), WAITS_AFTER);
      model.send({ ...wish, number: shared.number }, undefined, bytes ? [bytes.buffer] : undefined);
    },
    forget,
    end() {
      clearTimeout(timer);
      model.off("msg:custom", hear);
    },
  };
}
