"""`compare`: several runs side by side: their curves, what differs between their configs, how well each did."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import html, numerals, plots, reading
from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.history import History
from aitrain_nb.lettering import shortened
from aitrain_nb.placing import named_folder
from aitrain_nb.privacy import without_secrets
from aitrain_nb.run_folder.files import CONFIG
from aitrain_nb.run_folder.following import follow_history

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer

_TAIL = 0.1
"""Share of the steps whose mean is the training loss at the end."""
_LONGEST = 40
_HEADS = {"best_loss": "validation loss (nats)", "training_loss": "training loss (nats)", "seconds": "took"}
_WRITTEN: dict[str, Callable[[Any], str]] = {
    "steps": numerals.count, "epochs": numerals.epoch, "best_epoch": numerals.epoch, "best_loss": numerals.epoch_loss,
    "training_loss": numerals.epoch_loss, "seconds": numerals.duration,
}  # fmt: skip
_DECIDE_VALIDATION = ("validation_fraction", "test_fraction", "seed", "evaluation_examples")
"""Fields by which other examples of the same data are validated on."""
_DECIDE_STEPS = ("batch_size", "gradient_accumulation_steps", "seed", "group_by_length")
"""Fields by which a step gets other examples."""
_MOST = 24
"""Runs in one picture."""
_EXAMPLE = 'ai.compare("runs/first", "runs/second")'


class Compared(NamedTuple):
    """One of the runs.

    Attributes:
        name: by which it is told apart.
        history: its rows.
        config: None where it isn't known.
        family: the same number for all that branched off one another; 0 elsewhere.
    """

    name: str
    history: History
    config: TrainConfig | None
    family: int = 0


def compare(*runs: Trainer | History | str | Path, **named: Trainer | History | str | Path) -> Comparison:
    """Several runs side by side. It only reads: a run that goes on is shown as far as it has come.

    Args:
        runs: trainers, histories and folders of runs, in any mix.
        named: the same under names of your own: `compare(low=one, high=another)`.

    Raises:
        ConfigError: there is no run, or more than 24.
        DataError: a folder can't be read, or holds no run; or it is something else than a run.

    Example:
        both = ai.compare("runs/first", trainer)
        both.plot()
        both.differences()
    """
    given = [("", run) for run in runs] + list(named.items())
    if not 1 <= len(given) <= _MOST:
        raise ConfigError(f"{len(given)} runs can't be compared.", f"It takes 1 to {_MOST}.", _EXAMPLE)
    found: list[Compared] = []
    for name, run in given:
        one = _read(run)
        wanted = shortened(name or one.name, _LONGEST)
        taken = {other.name for other in found}
        names = (wanted, *(f"{wanted} ({number})" for number in range(2, len(given) + 2)))
        found.append(one._replace(name=next(free for free in names if free not in taken)))
    return Comparison(found)


def _read(run: Any) -> Compared:
    if isinstance(run, (str, Path)):
        return _of_folder(named_folder(run, _EXAMPLE))
    if isinstance(run, History):
        about = run.about
        return Compared(f"{about.model} on {about.data}" if about is not None else "a history", run, None)
    if hasattr(run, "history") and hasattr(run, "phases"):
        belongs = len(run.branches) > 1
        name = run.branch.name if belongs else f"{run.history.about.model} on {run.history.about.data}"
        return Compared(name, run.history, run.config, id(run.branches))
    raise DataError(f"{type(run).__name__} is no run.", "It takes trainers, histories and folders of runs.", _EXAMPLE)


def _of_folder(folder: Path) -> Compared:
    if not folder.is_dir():
        raise DataError(
            f"There is no folder {folder.name!r}.", f"It was looked for in {Path.cwd().name!r}, where this program runs.",
            "Name the folder of a run; ai.runs() lists them.",
        )  # fmt: skip
    run = follow_history(folder)
    while run.state is not None and run.is_behind:
        run.look()
    if run.state is None:
        raise DataError(
            f"The folder {folder.name!r} holds no run.", "It has no state.json.", "ai.runs() lists your runs."
        )
    config = TrainConfig.from_yaml(folder / CONFIG) if (folder / CONFIG).is_file() else None
    return Compared(folder.resolve().name, run.history, config)


class Comparison:
    """Runs side by side.

    Attributes:
        runs: in the order they were given.
    """

    def __init__(self, runs: list[Compared]) -> None:
        self.runs = runs

    def plot(self, against: str = "epochs", *, width: int = 860, height: int = 360) -> Picture:
        """The losses of all runs: validation bold, training thin, the lowest validation loss of each marked.

        Args:
            against: "epochs" (completed) or "steps".
            width: in pixels of the page.
            height: the same.

        Raises:
            ConfigError: `against` is something else.
        """
        histories: dict[str, History | pd.DataFrame] = {one.name: one.history for one in self.runs}
        return plots.comparison(histories, against, width=width, height=height)

    def differences(self) -> pd.DataFrame:
        """The fields of the configs that differ: one row a field, one column a run whose config is known."""
        import pandas as pd

        configs = {one.name: one.config.model_dump() for one in self.runs if one.config is not None}
        fields = [
            name for name in TrainConfig.model_fields if len({repr(values[name]) for values in configs.values()}) > 1
        ]
        rows = [[values[field] for values in configs.values()] for field in fields]
        return pd.DataFrame(rows, index=pd.Index(fields, name="field"), columns=list(configs), dtype=object)

    def first_differences(self) -> pd.DataFrame:
        """Where each run leaves the first one: one row for each of the others.

        Columns: name, step (the first whose loss differs in any bit; NaN where all they have in common are equal), steps (that both
        have), loss and loss_of_first (nats, of that step). Where weights begin to differ the loss does so a step later.
        """
        import pandas as pd

        first, *others = self.runs
        rows = {row["step"]: row["loss"] for row in first.history}
        found = [_first_difference(rows, one) for one in others]
        return pd.DataFrame(found, columns=["name", "step", "steps", "loss", "loss_of_first"])

    def frame(self) -> pd.DataFrame:
        """One row a run, in the order they were given.

        Columns: name, steps, epochs, best_epoch and best_loss (lowest validation loss, nats), the scores of that evaluation
        (accuracy and so on, shares from 0 to 1), training_loss (nats, mean of the last tenth of the steps), overfitting (whether its
        curves say so) and seconds.
        """
        import pandas as pd

        return pd.DataFrame([self._row(one) for one in self.runs])

    @staticmethod
    def _row(one: Compared) -> dict[str, Any]:
        history = one.history
        rows, last = list(history), history.last
        evaluations = [row for row in history.evaluations if math.isfinite(row.get("eval_loss", math.nan))]
        best = min(evaluations, key=lambda row: row["eval_loss"], default={})
        losses = [row["loss"] for row in rows[-max(1, round(_TAIL * len(rows))) :]]
        scores = {
            name.removeprefix("eval_"): value
            for name, value in best.items()
            if name.startswith("eval_") and name != "eval_loss"
        }
        return {
            "name": one.name, "steps": last.get("step", 0), "epochs": last.get("epoch", 0.0), "best_epoch": best.get("epoch", math.nan),
            "best_loss": best.get("eval_loss", math.nan), **scores, "training_loss": fmean(losses) if losses else math.nan,
            "overfitting": history.verdict.overfitting,
            "seconds": sum(row["seconds"] for row in rows if math.isfinite(row["seconds"])),
        }  # fmt: skip

    def text(self) -> str:
        """The comparison in words and two tables, for a terminal."""
        return reading.as_text(html.section("Comparison", "", *self._said(), *self._tables()))

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        picture = self.plot()
        note = numerals.several(len(self.runs), "run")
        return html.section("Comparison", note, picture.to_html(), *self._said(), *self._tables())

    def _said(self) -> list[html.Markup]:
        """What the numbers say, and what they don't."""
        sentences = [self.plot().description]
        abouts = {one.config.data for one in self.runs if one.config is not None}
        if len(abouts) > 1:
            sentences.append("They were trained on different data, so their losses can't be compared with each other.")
        elif len(self.runs) > 1:
            sentences.append("It is one run each: a difference as small as that between two seeds says nothing.")
            if fields := [name for name in _DECIDE_VALIDATION if name in self.differences().index]:
                sentences.append(
                    f"They were validated on other examples ({', '.join(fields)} differ), which makes a difference, too."
                )
            sentences += self._told_differences()
        return [html.element("p", sentence, style="margin:4px 0") for sentence in sentences]

    def _told_differences(self) -> list[str]:
        """From which step on runs that began alike go their own ways, and where their steps get other examples."""
        first, said = self.runs[0].name, []
        families = {one.family for one in self.runs}
        is_family = len(families) == 1 and families != {0}
        for row in self.first_differences().to_dict("records"):
            name, step, steps = row["name"], row["step"], row["steps"]
            if steps and math.isnan(step):
                equal = f"all {steps:,} losses that both have are" if steps > 1 else "the one loss that both have is"
                said.append(f"{name} and {first} took the same steps so far: {equal} equal to the last bit.")
            elif steps and (step > 1 or is_family):
                losses = [numerals.significant(row[column]) for column in ("loss", "loss_of_first")]
                said.append(
                    f"{name} leaves {first} at step {step:,.0f}: loss {losses[0]} instead of {losses[1]}"
                    + ("; before it every loss is the same." if step > 1 else ".")
                )
        if (said or is_family) and (fields := [name for name in _DECIDE_STEPS if name in self.differences().index]):
            said.append(f"Their steps get other examples where {', '.join(fields)} differ.")
        return said

    def _tables(self) -> list[html.Markup]:
        frame = self.frame()
        heads = [_HEADS.get(str(name), str(name).replace("_", " ")) for name in frame.columns]
        rows = [[_shown(name, value) for name, value in row.items()] for row in frame.to_dict("records")]
        differing = self.differences()
        changed = [
            [field, *(_setting(value) for value in row)]
            for field, row in zip(differing.index, differing.to_numpy(), strict=True)
        ]
        parts = [html.table(heads, rows)]
        if changed:
            parts.append(html.table(["setting that differs", *differing.columns], changed))
        elif len(differing.columns) > 1:
            parts.append(html.element("p", "Their settings are the same."))
        return [html.wide("Comparison", part) for part in parts]


def _first_difference(rows: dict[int, float], other: Compared) -> list[Any]:
    """A row of `first_differences`; `rows` are those of the first run, step -> loss."""
    shared = [(row["step"], row["loss"], rows[row["step"]]) for row in other.history if row["step"] in rows]
    step, loss, of_first = next(
        (found for found in shared if repr(found[1]) != repr(found[2])), (math.nan, math.nan, math.nan)
    )
    return [other.name, step, len(shared), loss, of_first]


def _shown(name: object, value: Any) -> str:
    """A number of the frame as a person reads it."""
    if isinstance(value, (bool, str)):
        return value if isinstance(value, str) else "yes" if value else "no"
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    written = _WRITTEN.get(str(name))
    if written is not None:
        return written(value)
    is_share = isinstance(value, float) and 0 <= value <= 1
    return numerals.share(value) if is_share else numerals.significant(value, 4)


def _setting(value: object) -> str:
    """A value of a field, without what may not leave the machine."""
    if value is None:
        return "not set"
    return numerals.rate(value) if isinstance(value, float) else shortened(without_secrets(str(value)), _LONGEST)
