// The levers of a run on its panel: buttons, and sliders that send while they move.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

const HAND = 600; // milliseconds in which a slider that was moved listens to nobody else
const LEVERS = {
  learning_rate: (facts) => ({
    label: "Learning rate", help: "The peak of the schedule; it holds from the next step on.", log: true, ...facts.rate,
  }),
  pace: (facts) => ({
    label: "Pace", unit: "steps/s", help: "At most so many steps a second, so that one can watch.", log: true, zero: "full", ...facts.pace,
  }),
};
const SHOWN_IN = { learning_rate: "rate", pace: "pace" }; // the names in the run's state

/** Sliders for these levers. @returns {elements, show(state, disabled)} */
function makeLevers(controls, facts, send) {
  const levers = Object.keys(LEVERS).filter((name) => controls.includes(name)).map((name) => {
    const one = { name: SHOWN_IN[name], moved: 0, shown: null };
    const sent = eased((value) => send({ type: name, value }));
    const onInput = (value) => {
      one.moved = Date.now(); // for a moment what the run says of it is older than the hand
      sent(value);
    };
    return Object.assign(one, { slider: makeSlider({ ...LEVERS[name](facts), onInput }) });
  });
  return {
    elements: levers.map((one) => one.slider.element),
    show(state, disabled) {
      for (const one of levers) {
        one.slider.disable(disabled);
        if (one.shown === state || Date.now() - one.moved < HAND) continue;
        one.shown = state;
        if (state[one.name] !== undefined && state[one.name] !== null) one.slider.set(state[one.name]);
      }
    },
  };
}

/** Whether the run stands inside a step whose phases are shown. */
function isInside(run) {
  return run.inside.length > 0 && run.inside[0].state !== "next";
}

/** Pause or Resume, Step, Stop, and Look inside or Next phase: `ask(wish, message)` sends, and shows the wish until the run has confirmed it. */
function wireButtons(el, run, holds, ask) {
  const { controls } = run.facts;
  const acts = {
    look: () => ask("", { type: isInside(run) ? "next_phase" : "look" }),
    pause: () => (holds() ? ask("resuming", { type: "resume" }) : ask("pausing", { type: "pause" })),
    step: () => ask("pausing", { type: "step" }),
    stop: () => ask("stopping", { type: "stop" }),
  };
  for (const name of Object.keys(acts)) {
    const button = el.querySelector(`[data-does=${name}]`);
    if (controls.includes(name)) button.addEventListener("click", acts[name]);
    else button.remove();
  }
}
