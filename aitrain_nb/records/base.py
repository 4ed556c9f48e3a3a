"""What all records have in common."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from aitrain_nb import html, numerals
from aitrain_nb.errors import PhaseError
from aitrain_nb.reading import as_text

if TYPE_CHECKING:
    import weakref
    from collections.abc import Iterable

    import pandas as pd
    from torch import Tensor, nn

    from aitrain_nb.figures import Picture
    from aitrain_nb.records.batch import Batch
    from aitrain_nb.records.forward import Forward
    from aitrain_nb.records.gradients import Gradients
    from aitrain_nb.records.loss import Loss
    from aitrain_nb.records.update import Update

_serials = itertools.count(1)


class Fact(NamedTuple):
    """A value with its unit."""

    value: Any
    unit: str = ""

    def __str__(self) -> str:
        value = self.value
        if isinstance(value, bool):
            text = "yes" if value else "no"
        elif isinstance(value, float):
            text = numerals.significant(value, 4)
        elif isinstance(value, int):
            text = numerals.count(value)
        else:
            text = str(value)
        return f"{text} {self.unit}".strip()


class Check(NamedTuple):
    """An invariant that was tested: its name, whether it held, the numbers that show it."""

    name: str
    passed: bool
    numbers: str


def agree(name: str, measured: float, expected: float, tolerance: float) -> Check:
    """A check that two numbers agree to a tolerance, relative to the larger of 1 and the expected one."""
    difference = abs(measured - expected)
    passed = difference <= tolerance * max(1.0, abs(expected))
    return Check(
        name, passed, f"{measured:.7g} against {expected:.7g}, difference {difference:.1e} (at most {tolerance:.0e})"
    )


def tolerance(computed: Tensor, exact: float) -> float:
    """How far numbers may lie apart: `exact` for float32 and better, more for what was computed in fewer bits."""
    import torch

    return max(exact, 4 * float(torch.finfo(computed.dtype).eps)) if computed.dtype.itemsize < 4 else exact


class StepRecords:
    """The records of the step that is being taken by hand, so that one can ask another.

    Attributes:
        step: 1-based number of the step.
        batch: what `tokenize` returned.
        forwards: one Forward a micro-batch so far.
        losses: one Loss a micro-batch so far.
        gradients: the newest Gradients, or None.
        update: the Update, or None before it.
        before: the weights before the step by name, or None where no snapshot was kept.
        optimizer_before: the optimizer's state before the step, as `state_dict()` gives it, or None.
        snapshot: the whole state before the step, or None.
    """

    def __init__(self, step: int, batch: Batch, snapshot: Any = None) -> None:
        self.step, self.batch, self.snapshot = step, batch, snapshot
        self.before: dict[str, Tensor] | None = snapshot.weights if snapshot is not None else None
        self.optimizer_before: dict[str, Any] | None = snapshot.optimizer if snapshot is not None else None
        self.forwards: list[Forward] = []
        self.losses: list[Loss] = []
        self.gradients: Gradients | None = None
        self.update: Update | None = None

    @property
    def newest(self) -> dict[str, Record]:
        """The newest record of each phase so far, by phase, in order."""
        made = (self.batch, *self.forwards[-1:], *self.losses[-1:], self.gradients, self.update)
        return {record.phase: record for record in made if record is not None}

    def holds(self, record: Record) -> bool:
        """Whether the record belongs to this step."""
        mine = (self.batch, self.gradients, self.update, *self.forwards, *self.losses)
        return any(record is one for one in mine)


class Record:
    """One phase of a step, as a person can look into it.

    Attributes:
        step: 1-based number of the optimizer step the record belongs to.
        epoch: epochs completed when it was made.
        seconds: wall time of the phase.
        weights_changed: whether the phase changed a weight; only `update` does.
    """

    phase: ClassVar[str] = ""
    title: ClassVar[str] = ""
    explain: ClassVar[str] = ""
    weights_changed: bool = False

    def __init__(self, trainer: weakref.ref[Any], step: int, epoch: float) -> None:
        self._trainer_reference, self.step, self.epoch = trainer, step, epoch
        self.seconds = 0.0
        self.serial = next(_serials)

    # what a subclass fills in

    def facts(self) -> dict[str, Fact]:
        """Name -> value with its unit."""
        raise AssertionError("each record has its own facts")

    def table(self) -> pd.DataFrame:
        """The record's numbers as a table."""
        raise AssertionError("each record has its own table")

    def plot(self) -> Picture:
        """The record as a picture."""
        raise AssertionError("each record has its own picture")

    def text(self) -> str:
        """Two to five plain sentences with the numbers in them; also the picture's description."""
        raise AssertionError("each record has its own text")

    def brief(self) -> str:
        """The one thing to know, in a few words with their numbers."""
        raise AssertionError("each record has its own words")

    def code(self) -> str:
        """The same phase in plain PyTorch."""
        raise AssertionError("each record has its own code")

    def _checks(self) -> Iterable[Check]:
        raise AssertionError("each record has its own checks")

    def _view(self) -> html.Markup:
        return html.Markup("")

    # what every record can do

    def check(self) -> pd.DataFrame:
        """Test the invariants of this phase: columns check, passed, numbers."""
        import pandas as pd

        return pd.DataFrame(list(self._checks()), columns=["check", "passed", "numbers"])

    def to_dict(self) -> dict[str, Any]:
        """The record as plain values that JSON can hold."""
        facts = {name: {"value": _plain(fact.value), "unit": fact.unit} for name, fact in self.facts().items()}
        return {"phase": self.phase, "step": self.step, "epoch": self.epoch, "seconds": self.seconds,
                "weights_changed": self.weights_changed, "facts": facts}  # fmt: skip

    def __repr__(self) -> str:
        return as_text(self._repr_html_())

    def _repr_html_(self) -> str:
        explain = html.element("div", self.explain, style="margin:2px 0 6px 0")
        try:
            said = html.element("p", self.text(), style="margin:6px 0;max-width:720px")
            return html.section(self.title, self._header(), explain, self._view(), said, html.facts(self.facts()))
        except PhaseError as error:
            return html.section(self.title, self._header(), explain, error.what)

    def _header(self) -> str:
        changed = "yes" if self.weights_changed else "no"
        parts = [f"step {self.step}", f"epoch {self.epoch:.3g}", self.phase, numerals.duration(self.seconds)]
        return " · ".join([*parts, f"weights changed: {changed}"])

    # the trainer and the other records of the step

    @property
    def trainer(self) -> Any:
        """The trainer that made the record; raises PhaseError once it is gone."""
        trainer = self._trainer_reference()
        if trainer is None:
            raise PhaseError(
                f"This {self.title} has outlived its trainer.",
                "The trainer was deleted.",
                "Keep the trainer in a variable.",
            )
        return trainer

    @property
    def _records(self) -> StepRecords:
        """The records of this step; raises PhaseError once the trainer has moved on."""
        trainer = self.trainer
        records: StepRecords | None = trainer.records
        if records is None or not records.holds(self):
            if records is None:
                now = "No step is under way by hand; fit keeps no records."
            elif records.step == self.step:
                now = "Another call has taken its place since."
            else:
                now = f"The trainer is at step {records.step}."
            raise PhaseError(
                f"This {type(self).__name__} belongs to step {self.step} and is out of date.",
                now,
                "Ask before the next tokenize(), in a step taken by hand.",
            )
        return records

    @property
    def _current(self) -> bool:
        """Whether the record belongs to the step that is under way by hand, so that the others can be asked."""
        records = self.trainer.records
        return records is not None and records.holds(self)

    @property
    def _model(self) -> nn.Module:
        model: nn.Module = self.trainer.model
        return model


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def fingerprint(weights: Iterable[tuple[str, Tensor]]) -> str:
    """A hash of named weights: 16 hexadecimal digits, equal only where every bit is equal."""
    import hashlib

    import torch

    digest = hashlib.blake2b(digest_size=8)
    for name, weight in weights:
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
