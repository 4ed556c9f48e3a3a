// The branches of a run as a tree: where each comes from and how far it is, with a button to walk on it.
// Plain functions; Python joins this file with the module that uses it, so that no build step is needed.

function branchItem(branch, act) {
  const name = make("div", { className: "aitrain-branch-name" }, {}, make("b", { textContent: branch.name }));
  if (branch.isHere) name.append(make("span", { className: "aitrain-here", textContent: "here" }));
  if (branch.origin) name.append(make("div", { className: "aitrain-origin", textContent: branch.origin }));
  const facts = { step: branch.step, loss: branch.loss, "validation loss": branch.validationLoss };
  const told = Object.entries(facts).filter(([, value]) => value).map(([words, value]) => make("span", {}, {}, make("small", { textContent: words }), ` ${value}`));
  const button = (does, words, can) => {
    const made = make("button", { type: "button", textContent: words }, { "aria-label": `${words}: ${branch.name}`, "aria-disabled": String(!can) });
    Object.assign(made.dataset, { does, branch: branch.name });
    made.addEventListener("click", () => made.getAttribute("aria-disabled") !== "true" && act(does, branch.name));
    return made;
  };
  const buttons = [button("walk_on", "Walk on it", !branch.isHere), button("train_branch", "To the end of its epoch", !branch.isAtEnd)];
  const item = make("li", {}, {}, name, make("div", { className: "aitrain-branch-facts" }, {}, ...told), make("div", { className: "aitrain-branch-buttons" }, {}, ...buttons));
  item.dataset.depth = branch.depth;
  item.style.setProperty("--aitrain-depth", Math.min(branch.depth, 6));
  if (branch.isHere) item.setAttribute("aria-current", "true");
  return item;
}

/** @param act what, branch: sends a click. @returns {element, show(branches)} */
function makeBranches(act) {
  const element = make("ul", { className: "aitrain-branches" }, { "aria-label": "The branches of this run" });
  let made = "";
  return {
    element,
    show(branches) {
      element.hidden = branches.length < 2;
      const now = JSON.stringify(branches);
      if (now === made) return;
      made = now;
      const { does, branch } = element.contains(document.activeElement) ? document.activeElement.dataset : {};
      element.replaceChildren(...branches.map((one) => branchItem(one, act)));
      const again = [...element.querySelectorAll("button")].find((one) => does && one.dataset.does === does && one.dataset.branch === branch);
      if (again) again.focus();
    },
  };
}
