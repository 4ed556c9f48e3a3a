"""`fit(watch=["output.weight[3, 5]"])`: single weights followed through a run, and what moves them in each step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from aitrain_nb import html, numerals, plots
from aitrain_nb.errors import ConfigError
from aitrain_nb.reading import as_text
from aitrain_nb.records import Update
from aitrain_nb.records.weights import find_weights, place_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from torch import Tensor

    from aitrain_nb.figures import Picture

_WRITTEN = re.compile(r"\s*([^\[\]]+?)\s*(?:\[\s*(-?\d+(?:\s*,\s*-?\d+)*)?\s*\])?\s*")
_EXAMPLE = 'watch=["output.weight[3, 5]"]'
_MOST = 24
COLUMNS = ("step", "weight", "before", "gradient", "from_gradient", "from_decay", "delta", "after", "m", "v")


class WatchedWeights:
    """A watcher that keeps, of each step, what a few weights were, which way they were pulled and how far they went.

    A step that is taken again replaces what was kept of it and later ones.

    Args:
        trainer: whose weights they are.
        names: such as "output.weight[3, 5]", at most 24; a tensor of a single weight needs no place.

    Raises:
        ConfigError: it isn't such a name, there are none or too many, or weights are in shards.
        ModelError: there is no such tensor, or no such place in it.

    Example:
        trainer.watchers.append(watched := WatchedWeights(trainer, ["output.bias[3]"]))
        trainer.fit()
        watched.plot()
    """

    def __init__(self, trainer: Any, names: Sequence[str]) -> None:
        names = [names] if isinstance(names, str) or not isinstance(names, Iterable) else list(names)
        if not 1 <= len(names) <= _MOST:
            raise ConfigError(f"{len(names)} weights can't be watched.", f"It takes 1 to {_MOST}.", _EXAMPLE)
        if trainer.processes.shares_weights:
            raise ConfigError(
                "watch doesn't go with FSDP.", "A process holds a part of each tensor only.", "Leave it out."
            )
        self._trainer = trainer
        self._weights = dict(_parsed(trainer.model, name) for name in names)
        self._groups: dict[str, dict[str, Any]] = {
            name: next((group for group in trainer.optimizer.param_groups if any(one is weight for one in group["params"])), {})
            for name, (weight, _) in self._weights.items()
        }  # fmt: skip
        self._before = self._now()
        self.rows: list[dict[str, Any]] = []

    @property
    def names(self) -> list[str]:
        """The weights, as `tensor[place]`."""
        return list(self._weights)

    def _now(self) -> dict[str, float]:
        return {name: float(weight.detach()[place]) for name, (weight, place) in self._weights.items()}

    def __call__(self, record: Any) -> None:
        """Take a record of the run; an update is what counts."""
        if not isinstance(record, Update):
            return
        while self.rows and self.rows[-1]["step"] >= record.step:
            self.rows.pop()
        for row in self.rows[-len(self._weights) :]:  # where steps were taken back
            if row["step"] == record.step - 1:
                self._before[row["weight"]] = row["after"]
        now, optimizer = self._now(), self._trainer.optimizer
        for name, (weight, place) in self._weights.items():
            state, group = optimizer.state.get(weight, {}), self._groups[name]
            before, gradient = self._before[name], 0.0 if weight.grad is None else float(weight.grad[place])
            apart = self._trainer.inspector.decays_apart(group)
            decays = apart and weight.grad is not None and record.weights_changed
            from_decay = -group.get("lr", 0.0) * group.get("weight_decay", 0.0) * before if decays else 0.0
            self.rows.append({
                "step": record.step, "weight": name, "before": before, "gradient": gradient,
                "from_gradient": now[name] - before - from_decay, "from_decay": from_decay, "delta": now[name] - before,
                "after": now[name], **{short: float(state[long][place]) for short, long in _MEANS if long in state},
            })  # fmt: skip
        self._before = now

    def table(self) -> pd.DataFrame:
        """One row a step and weight: before, gradient (after clipping), from_gradient, from_decay, delta, after, and of Adam m and v."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=[*COLUMNS])

    frame = table

    def plot(self) -> Picture:
        """Each weight over the steps, and its gradient below."""
        found: dict[str, tuple[list[int], list[float], list[float]]] = {name: ([], [], []) for name in self._weights}
        for row in self.rows:
            steps, values, gradients = found[row["weight"]]
            steps.append(row["step"])
            values.append(row["after"])
            gradients.append(row["gradient"])
        return plots.watched(found)

    def text(self) -> str:
        """Where each weight came from and went, and how often its gradient turned."""
        if not self.rows:
            return "No step has been taken yet."
        said = []
        for name in self._weights:
            rows = [row for row in self.rows if row["weight"] == name]
            signs = [row["gradient"] > 0 for row in rows if row["gradient"]]
            turns = sum(a != b for a, b in pairwise(signs))
            said.append(
                f"{name} went from {numerals.significant(rows[0]['before'])} to {numerals.significant(rows[-1]['after'])} in "
                f"{numerals.several(len(rows), 'step')}; its gradient changed sign {numerals.several(turns, 'time')}."
            )
        return " ".join(said)

    def __repr__(self) -> str:
        return as_text(self._repr_html_())

    def _repr_html_(self) -> str:
        picture = self.plot().to_html() if self.rows else html.Markup("")
        return html.section("Watched weights", ", ".join(self._weights), picture, html.element("p", self.text()))


_MEANS = (("m", "exp_avg"), ("v", "exp_avg_sq"))
"""What Adam and AdamW hold for each weight: our name, torch's name."""


def _parsed(model: Any, name: Any) -> tuple[str, tuple[Tensor, tuple[int, ...]]]:
    """The name as it is shown, the tensor, and the place in it."""
    found = _WRITTEN.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        raise ConfigError(f"{name!r} names no weight.", "A tensor and a place in it are needed.", _EXAMPLE)
    weight = find_weights(model, found[1])
    index = (
        tuple(int(one) for one in found[2].split(","))
        if found[2]
        else (0,) * weight.ndim
        if weight.numel() == 1
        else ()
    )
    place = place_in(found[1], weight, index)
    return f"{found[1]}[{', '.join(map(str, place))}]", (weight, place)
