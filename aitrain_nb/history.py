"""The numbers of a run: one row an optimizer step, read from the device in bulk."""

from __future__ import annotations

import csv
import io
import math
import sys
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html, numerals, overfitting, plots, stories
from aitrain_nb.control import Change
from aitrain_nb.placing import replace_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from aitrain_nb.records import Ending

COLUMNS = ("step", "epoch", "loss", "lr", "grad_norm", "seconds", "targets")


class Trouble(NamedTuple):
    """A number that isn't finite: which one, and at which step."""

    step: int
    column: str
    value: float

    def __str__(self) -> str:
        return f"{self.column} is {self.value} at step {self.step}"


class History:
    """One row an optimizer step.

    Columns: step (1-based), epoch (epochs completed, a float), loss (nats, training mode, without label smoothing and class
    weights), lr, grad_norm (L2 over all gradients before clipping), seconds (wall time of the step), targets (how many the loss
    averages over); a step that ended in an evaluation also has eval_loss, eval_accuracy and so on. NaN and infinity are kept as
    they are. Steps may be missing, where somebody else's loop tells of some of them only; they stand in rising order.

    `changes` holds what was changed while the run was going on: `fit(replay=history)` repeats it in another run. `cuts` counts how
    often rows were taken back: a reader that has seen some of them then begins anew. `is_on_show` says that its picture stands in the
    output of the cell that runs: then the history as that cell's last line doesn't show it once more. `about` says what was trained, where
    that is known, and `ending` how the run ended and which weights the model holds since; None while it trains.

    Adding a row waits for no device: on an accelerator losses and norms stay tensors until somebody looks.
    """

    def __init__(self) -> None:
        self._rows: list[list[Any]] = []
        self._waiting: list[list[Any]] = []
        self._evaluations: dict[int, dict[str, float]] = {}
        self._gathered: list[dict[str, Any]] = []
        self._ungathered: list[int] = []
        self._judge = overfitting.OverfittingDetector()
        self.troubles: list[Trouble] = []
        self.changes: list[Change] = []
        self.cuts = 0
        self.is_on_show = False
        self.about: stories.About | None = None
        self.ending: Ending | None = None

    def add_change(self, change: Change) -> None:
        """Keep what was changed while the run was going on."""
        self.changes.append(Change(*change))

    def changed(self, name: str, step: int) -> float | None:
        """The value that a live change has given this lever for the 1-based step, or None where nobody has touched it."""
        return next(
            (change.value for change in reversed(self.changes) if change.name == name and change.step <= step), None
        )

    @property
    def skipped(self) -> frozenset[int]:
        """The steps whose update was left out, since their numbers weren't finite; the weights didn't move in them."""
        return frozenset(change.step for change in self.changes if change.name == "skipped")

    @property
    def first_trouble(self) -> str:
        """The first number that isn't finite, and where in the model it came up where somebody looked; empty where all are finite."""
        self.flush()
        if not self.troubles:
            return ""
        trouble = self.troubles[0]
        where = next((change.where for change in self.changes if change.step == trouble.step and change.where), "")
        return f"{trouble}: {where}" if where else str(trouble)

    @property
    def troubled_steps(self) -> list[int]:
        """The steps with a loss or gradient norm that isn't finite, in rising order."""
        self.flush()
        return sorted({trouble.step for trouble in self.troubles})

    def add_step(self, row: list[Any]) -> None:
        """Take the values of COLUMNS for one step; loss and grad_norm may be tensors of any device.

        A loss or norm of None is one that nobody measured: NaN in its row, and no trouble. A second row for the newest step takes
        the place of the first.
        """
        self._waiting.append(row)

    def add_evaluation(self, step: int, values: dict[str, float]) -> None:
        """Take an evaluation's numbers for this step's row: names such as eval_loss."""
        if step in self._evaluations:
            self._forget_gathered()
        else:
            self._ungathered.append(step)
        self._evaluations.setdefault(step, {}).update(values)

    def flush(self) -> None:
        """Read every waiting number in one go."""
        if not self._waiting:
            return
        if "torch" in sys.modules:  # where nobody has loaded it, no number is a tensor
            self._read_tensors()
        for row in self._waiting:
            self._take(row)
        self._waiting = []

    def _read_tensors(self) -> None:
        import torch

        for column in (2, 4):
            tensors = [row[column] for row in self._waiting if isinstance(row[column], torch.Tensor)]
            if tensors:
                values = iter(torch.stack(tensors).tolist())
                for row in self._waiting:
                    if isinstance(row[column], torch.Tensor):
                        row[column] = next(values)

    def _take(self, row: list[Any]) -> None:
        """Keep a row whose numbers have been read."""
        for name, column in (("loss", 2), ("grad_norm", 4)):
            if row[column] is None:
                row[column] = math.nan
            elif not math.isfinite(row[column]):
                self.troubles.append(Trouble(row[0], name, row[column]))
        if self._rows and self._rows[-1][0] == row[0]:
            self._rows.pop()
            self._forget_gathered()
        self._rows.append(row)

    def __len__(self) -> int:
        return len(self._rows) + len(self._waiting)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.flush()
        for row in self._rows:
            yield dict(zip(COLUMNS, row, strict=True)) | self._evaluations.get(row[0], {})

    def tail(self, first: int) -> list[list[Any]]:
        """The rows from the 0-based number `first` on: the values of COLUMNS."""
        self.flush()
        return self._rows[first:]

    @property
    def last(self) -> dict[str, Any]:
        """The newest row as a dict; empty before the first step."""
        self.flush()
        if not self._rows:
            return {}
        return dict(zip(COLUMNS, self._rows[-1], strict=True)) | self._evaluations.get(self._rows[-1][0], {})

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """The rows that carry an evaluation, in rising order of their steps."""
        self._gather()
        return list(self._gathered)

    @property
    def verdict(self) -> overfitting.Verdict:
        """Whether the evaluations so far say that it overfits; each is judged once."""
        self._gather()
        return self._judge.verdict

    def _gather(self) -> None:
        """Read and judge the evaluations that are new; one whose row isn't there yet waits for it."""
        self.flush()
        waiting, self._ungathered = self._ungathered, []
        for step in waiting:
            row = self._row_of(step)
            if row is None:
                self._ungathered.append(step)
            elif self._gathered and self._gathered[-1]["step"] > step:  # it came late: all of them once more
                self._forget_gathered()
                self._gather()
                return
            else:
                evaluation = self._evaluations[step]
                self._gathered.append(dict(zip(COLUMNS, row, strict=True)) | evaluation)
                self._judge.update(evaluation.get("train_loss", math.nan), evaluation.get("eval_loss", math.nan))

    def _forget_gathered(self) -> None:
        self._gathered, self._ungathered, self._judge = [], sorted(self._evaluations), overfitting.OverfittingDetector()

    def _row_of(self, step: int) -> list[Any] | None:
        place = bisect_left(self._rows, step, key=lambda row: row[0])
        return self._rows[place] if place < len(self._rows) and self._rows[place][0] == step else None

    def evaluation(self, step: int) -> dict[str, float]:
        """The numbers of the evaluation that followed this step; empty where there was none."""
        return self._evaluations.get(step, {})

    def evaluated(self, step: int) -> bool:
        """Whether this step's row carries an evaluation."""
        return step in self._evaluations

    @property
    def last_evaluated_step(self) -> int:
        """The newest step that was evaluated; 0 before the first."""
        return max(self._evaluations, default=0)

    def mean_loss(self, after_step: int) -> float:
        """Training loss since `after_step`: nats, the sum over counted targets divided by their number; without skipped steps."""
        self.flush()
        rows = self._rows[bisect_right(self._rows, after_step, key=lambda row: row[0]) :]
        if skipped := self.skipped:
            rows = [row for row in rows if row[0] not in skipped]
        targets = sum(row[6] for row in rows)
        return sum(row[2] * row[6] for row in rows) / targets if targets else math.nan

    def cut(self, step: int) -> None:
        """Drop every row after `step`."""
        before = len(self)
        self._waiting = [row for row in self._waiting if row[0] <= step]
        self._rows = [row for row in self._rows if row[0] <= step]
        self._evaluations = {key: values for key, values in self._evaluations.items() if key <= step}
        self._forget_gathered()
        self.troubles = [trouble for trouble in self.troubles if trouble.step <= step]
        self.changes = [change for change in self.changes if change.step <= step]
        self.cuts += len(self) < before

    def upto(self, step: int) -> History:
        """A copy that ends with the row of this step."""
        self.flush()
        found = History()
        found.become(self)
        found.cut(step)
        found.cuts = 0
        return found

    def become(self, other: History) -> None:
        """Take the rows, evaluations and changes of another; a reader that has seen some of one's own begins anew."""
        other.flush()
        self._waiting, self._rows = [], [list(row) for row in other._rows]
        self._evaluations = {step: dict(values) for step, values in other._evaluations.items()}
        self.troubles, self.changes, self.about = list(other.troubles), list(other.changes), other.about
        self._forget_gathered()
        self.cuts += 1

    def frame(self) -> pd.DataFrame:
        """All rows as a DataFrame; columns as described above, NaN where a step wasn't evaluated."""
        import pandas as pd

        rows = list(self)
        return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(COLUMNS))

    def to_csv(self, path: str | Path) -> Path:
        """Write `frame()` to a file of comma-separated values in UTF-8; a step that wasn't evaluated has empty fields there.

        NaN and infinity of a step are written as nan and inf.

        Args:
            path: of the file, which is written over where it is there.

        Raises:
            OSError: it can't be written.
        """
        names = [*COLUMNS, *dict.fromkeys(name for values in self._evaluations.values() for name in values)]
        lines = io.StringIO(newline="")
        writer = csv.DictWriter(lines, names)
        writer.writeheader()
        writer.writerows(self)
        replace_text(Path(path), lines.getvalue())
        return Path(path)

    def text(self) -> str:
        """The run in two or three sentences."""
        last = self.last
        if not last:
            return "No step has been taken yet."
        first = self._rows[0]
        start, end = numerals.step_loss(first[2]), numerals.step_loss(last["loss"])
        length = f"{numerals.several(last['step'], 'step')}, {numerals.epochs(last['epoch'])}"
        sentences = [f"{length}: the loss went from {start} to {end} nats."]
        if self.evaluations:
            best = min(self.evaluations, key=lambda row: (math.isnan(row["eval_loss"]), row["eval_loss"]))
            sentences.append(
                f"The lowest validation loss was {numerals.epoch_loss(best['eval_loss'])} at epoch {best['epoch']:.3g}."
            )
        if self.troubles:
            sentences.append(f"First trouble: {self.first_trouble}.")
        return " ".join(sentences)

    def story(self) -> stories.Story:
        """The run in five plain sentences, each with its number: what was trained, losses, what was kept, a verdict, what to try."""
        return stories.tell(self)

    def plot(self) -> Any:
        """Loss over the steps, as a matplotlib Figure."""
        return plots.loss(self)

    def __repr__(self) -> str:
        return f"History: {self.text()}"

    def _repr_html_(self) -> str:
        if not len(self):
            return html.section("History", "", self.text())
        rows = self.evaluations or [self.last]
        names = [name for name in rows[-1] if name not in {"seconds", "targets"}]
        cells = [[f"{row[name]:.4g}" if name in row else "" for name in names] for row in rows[-20:]]
        head = ("History", numerals.several(self.last["step"], "step"))
        if self.is_on_show:
            return html.section(*head, html.element("p", self.text()))
        picture = self.plot().to_html(self.text())
        return html.section(*head, picture, html.element("p", self.text()),
                            html.details("the evaluations as a table", html.table(names, cells)))  # fmt: skip
