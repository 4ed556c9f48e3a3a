"""`Sweep`: the runs of a sweep, as a table, a picture, sentences and the best config."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html, numerals, plots
from aitrain_nb.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.figures import Picture


class Tried(NamedTuple):
    """One run of a sweep.

    Attributes:
        changes: field -> value.
        validation_loss: the lowest of the run, nats; NaN where there is none.
        training_loss: mean of its last tenth of steps, nats.
        steps: optimizer steps taken.
        seconds: wall time of the steps.
        trouble: what went wrong, or empty.
    """

    changes: Mapping[str, Any]
    validation_loss: float
    training_loss: float
    steps: int
    seconds: float
    trouble: str = ""


class Sweep:
    """The runs of a sweep.

    Attributes:
        config: that was changed.
        fields: field -> the values that were to be tried.
        tried: the runs that came to their end, the lowest validation loss first (training loss where nothing was validated).
        planned: runs that there were to be.
    """

    def __init__(
        self, config: TrainConfig, fields: Mapping[str, Sequence[Any]], tried: Sequence[Tried], planned: int
    ) -> None:
        self.config, self.fields, self.planned = (
            config,
            {name: list(values) for name, values in fields.items()},
            planned,
        )
        self._is_validated = any(math.isfinite(one.validation_loss) for one in tried)
        self.tried = sorted(tried, key=lambda one: (not math.isfinite(self._loss(one)), self._loss(one)))

    def _loss(self, one: Tried) -> float:
        return one.validation_loss if self._is_validated else one.training_loss

    @property
    def best(self) -> Tried | None:
        """The run with the lowest loss; None where no run has one."""
        return self.tried[0] if self.tried and math.isfinite(self._loss(self.tried[0])) else None

    @property
    def fix(self) -> dict[str, Any]:
        """The fields of the best run; empty where there is none."""
        return dict(self.best.changes) if self.best is not None else {}

    @property
    def best_config(self) -> TrainConfig:
        """The config of the best run; raises ConfigError where no run has a finite loss."""
        if self.best is None:
            raise ConfigError("No run of the sweep has a finite loss.", self.text(), "Try other values.")
        return self.config.replace(**self.fix)

    def apply(self, config: TrainConfig | None = None) -> TrainConfig:
        """This config (or the sweep's own) with the values of the best run; raises ConfigError as `best_config`."""
        return (
            self.best_config
            if config is None
            else config.replace(**{name: getattr(self.best_config, name) for name in self.fields})
        )

    def table(self) -> pd.DataFrame:
        """One row a run, best first: the fields, validation_loss, training_loss (nats), steps, seconds, trouble."""
        import pandas as pd

        rows = [
            dict(one.changes) | {name: value for name, value in one._asdict().items() if name != "changes"}
            for one in self.tried
        ]
        return pd.DataFrame(rows, columns=[*self.fields, *Tried._fields[1:]])

    def plot(self) -> Picture:
        """The losses as cells of a grid with their numbers; over one field as a row of them."""
        losses = {tuple(one.changes.values()): self._loss(one) for one in self.tried}
        return plots.sweep(self.fields, losses, self._what, description=self.text())

    @property
    def _what(self) -> str:
        return "validation loss" if self._is_validated else "training loss"

    def text(self) -> str:
        """What was found, in sentences."""
        names = " and ".join(self.fields)
        runs = f"{self.planned} run{'s' * (self.planned != 1)}"
        stopped = len(self.tried) < self.planned
        many = f"{len(self.tried)} of {runs}" if stopped else runs
        sentences = [f"{many} with other values of {names}{', for it was interrupted' * stopped}."]
        broken = [one for one in self.tried if one.trouble]
        if broken:
            sentences.append(f"{len(broken)} had trouble, {self._at(broken[0])}: {broken[0].trouble.rstrip('.')}.")
        finite = [one for one in self.tried if math.isfinite(self._loss(one))]
        if self.best is None:
            return " ".join([*sentences, "None has a finite loss."])
        highest = f"; the highest {self._of(finite[-1])}" if len(finite) > 1 else ""
        sentences.append(f"The lowest {self._what} is {self._of(self.best)}{highest}.")
        edges = [name for name in self.fields if self._is_at_edge(name)]
        if edges:
            sentences.append(f"The best lies at the edge of {' and '.join(edges)}: values beyond may be better.")
        return " ".join(sentences)

    def _of(self, one: Tried) -> str:
        return f"{numerals.epoch_loss(self._loss(one))} at {self._at(one)}"

    @staticmethod
    def _at(one: Tried) -> str:
        return ", ".join(f"{name}={written(value)}" for name, value in one.changes.items())

    def _is_at_edge(self, name: str) -> bool:
        """Whether the best value of a field of numbers is its lowest or highest of three or more."""
        values = sorted({value for value in self.fields[name] if isinstance(value, (int, float))})
        return self.best is not None and len(values) >= 3 and self.best.changes[name] in (values[0], values[-1])

    def __repr__(self) -> str:
        return f"Sweep: {self.text()}"

    def _repr_html_(self) -> str:
        rows = [
            [*(written(value) for value in one.changes.values()), numerals.epoch_loss(one.validation_loss),
             numerals.epoch_loss(one.training_loss), f"{one.steps:,}", numerals.duration(one.seconds), one.trouble]
            for one in self.tried
        ]  # fmt: skip
        heads = [*map(_breakable, self.fields), "validation loss", "training loss", "steps", "time", ""]
        return html.section(
            "A sweep", f"{len(self.tried)} of {self.planned} runs", self.plot().to_html(self.text()), html.element("p", self.text()),
            html.folded_table(heads, rows),
        )  # fmt: skip


def _breakable(name: str) -> html.Markup:
    """The name of a field that a narrow column breaks after its dashes."""
    return html.Markup(html.escape(name).replace("_", "_<wbr>"))


def written(value: object) -> str:
    """A value of a field, as short as it can be."""
    return numerals.rate(value) if isinstance(value, float) else str(value)
