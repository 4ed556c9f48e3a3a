"""What a look into a step showed: `Profile`, with its tables and its picture."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from aitrain_nb import html, numerals, plots, reading
from aitrain_nb.engine.dropout import drops_out
from aitrain_nb.profiling.kinds import BETWEEN

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer

_SHOWN = 15
_MUCH = {"dropout": 0.08, "padding": 0.15, "update": 0.25, BETWEEN: 0.4}
"""From which share of a step something is worth a word."""


class Operation(NamedTuple):
    """One operation of torch in a step.

    Attributes:
        name: ATen's, such as "aten::addmm".
        kind: one of KINDS, or "between operations".
        calls: in a step, on average.
        seconds: in a step, without those that it calls.
    """

    name: str
    kind: str
    calls: float
    seconds: float


class Profile:
    """Where the time of a step goes.

    Attributes:
        seconds: phase -> what is computed -> seconds in a step; medians.
        operations: of torch, the longest first.
        padding: share of the tokens that only fill a batch up, 0 to 1.
        steps: that were looked into.
        what: the run, in words.
        advice: what would change most of it, one sentence each.
    """

    def __init__(
        self, seconds: dict[str, dict[str, float]], operations: list[Operation], padding: float, steps: int, trainer: Trainer
    ) -> None:  # fmt: skip
        self.seconds, self.operations, self.padding, self.steps = seconds, operations, padding, steps
        self.what = f"{trainer.config.model or type(trainer.model).__name__} on {trainer.data.name}"
        self.advice = tuple(_advice(self, trainer))

    @property
    def step_seconds(self) -> float:
        """Of a step."""
        return sum(sum(kinds.values()) for kinds in self.seconds.values())

    @property
    def shares(self) -> dict[str, float]:
        """What is computed -> its share of a step, 0 to 1, the largest first."""
        found: defaultdict[str, float] = defaultdict(float)
        for kinds in self.seconds.values():
            for kind, seconds in kinds.items():
                found[kind] += seconds / self.step_seconds
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    def share_of_phase(self, phase: str) -> float:
        """The share of a phase in a step, 0 to 1."""
        return sum(self.seconds.get(phase, {}).values()) / self.step_seconds

    def table(self) -> pd.DataFrame:
        """Seconds of a step: one row a kind of work, one column a phase, and the share of the whole."""
        import pandas as pd

        rows = {
            kind: {phase: kinds.get(kind, 0.0) for phase, kinds in self.seconds.items()} | {"share": share}
            for kind, share in self.shares.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def operations_table(self) -> pd.DataFrame:
        """One row an operation of torch: kind, calls and seconds in a step, share."""
        import pandas as pd

        rows = [one._asdict() | {"share": one.seconds / self.step_seconds} for one in self.operations]
        return pd.DataFrame(rows, columns=[*Operation._fields, "share"])

    def plot(self) -> Picture:
        """Each phase as a bar of what is computed in it."""
        return plots.profile(self.seconds, list(self.shares), description=" ".join(self._sentences()))

    def text(self) -> str:
        """What was found, and its tables, for a terminal."""
        return reading.as_text(self._page())

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page(self.plot().to_html())

    def _sentences(self) -> list[str]:
        longest = sorted(self.seconds, key=lambda phase: -self.share_of_phase(phase))
        phases = ", ".join(f"{phase} {_percent(self.share_of_phase(phase))}" for phase in longest)
        work = [f"{kind} {_percent(share)}" for kind, share in self.shares.items() if kind != BETWEEN][:4]
        between = f"{_percent(self.shares.get(BETWEEN, 0))} pass between operations (Python, torch's bookkeeping, other programs)"
        found = [
            f"A step takes {numerals.duration(self.step_seconds)}: {phases}.",
            f"Of it {', '.join(work)}; {between}.",
        ]
        return [*found, *self.advice]

    def _page(self, *pictures: html.Markup) -> html.Markup:
        said = [html.element("p", sentence, style="margin:4px 0") for sentence in self._sentences()]
        phases = list(self.seconds)
        rows = [
            [kind, *(_milliseconds(self.seconds[phase].get(kind, 0.0)) for phase in phases), f"{100 * share:.1f} %"]
            for kind, share in self.shares.items()
        ]
        table = html.wide("Milliseconds of a step", html.table(("milliseconds", *phases, "share"), rows))
        shown = [
            [
                one.name,
                one.kind,
                numerals.significant(one.calls),
                _milliseconds(one.seconds),
                f"{100 * one.seconds / self.step_seconds:.1f} %",
            ]
            for one in self.operations[:_SHOWN]
        ]
        longest = html.wide(
            "The longest operations", html.table(("operation", "kind", "calls", "milliseconds", "share"), shown)
        )
        note = f"{self.what}; medians of {numerals.several(self.steps, 'step')} of a copy, on this machine"
        return html.section(
            "Where the time of a step goes",
            note,
            *pictures,
            *said,
            table,
            html.details("The longest operations", longest),
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _milliseconds(seconds: float) -> str:
    return numerals.significant(1000 * seconds) if seconds else ""


def _advice(found: Profile, trainer: Trainer) -> Iterator[str]:
    """What would change most of a step's time, each with the call that measures it."""
    config, shares = trainer.config, found.shares
    on_processor = trainer.device.type == "cpu"
    if (
        on_processor
        and not config.fast_dropout
        and drops_out(trainer.model)
        and shares.get("dropout", 0) >= _MUCH["dropout"]
    ):
        much = _percent(shares["dropout"])
        yield f'The random numbers of dropout take {much}: ai.race(trainer, ["fast_dropout"]) measures cheaper ones.'
    if found.padding >= _MUCH["padding"] and config.group_by_length != "on":
        yield f'{_percent(found.padding)} of the tokens only fill batches up: group_by_length="on" puts texts of like length together.'
    if shares.get(BETWEEN, 0) >= _MUCH[BETWEEN]:
        yield "Much time passes between operations: other programs are at work, or a larger batch_size would do more with each."
    if found.share_of_phase("update") >= _MUCH["update"]:
        yield "The update takes as long for a small batch as for a large one: a larger batch_size has it pay for more examples."
