"""Whose turn it is: the order of the five phases, checked at each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import PhaseError
from aitrain_nb.lettering import with_article
from aitrain_nb.records import Batch, Forward, Gradients, Loss, MicroBatch

if TYPE_CHECKING:
    import weakref

    from aitrain_nb.records import Record, StepRecords

TAKES: dict[str, type[Record]] = {"loss": Forward, "backward": Loss, "update": Gradients}
"""What each phase takes from the one before."""


class Turn:
    """Where the trainer stands inside a step.

    Attributes:
        phase: the phase that comes next.
        batch: of the step that is under way, or None between steps.
        part: 0-based micro-batch that is being worked on.
        updating: whether the optimizer is writing weights at this moment.
    """

    def __init__(self, trainer: weakref.ref[Any]) -> None:
        self._trainer = trainer
        self.phase = "tokenize"
        self.batch: Batch | None = None
        self.part = 0
        self.updating = False
        self._serial = 0

    def between_steps(self) -> None:
        """The step is over, or was dropped."""
        self.phase, self.batch, self.part, self.updating = "tokenize", None, 0, False

    def begin(self, batch: Batch) -> None:
        """A step has begun with this batch."""
        self.phase, self.batch, self.part = "forward", batch, 0

    def may_tokenize(self) -> None:
        """Raises PhaseError in the middle of a step."""
        if self.phase != "tokenize":
            raise self._out_of_order("tokenize")

    def next_part(self, given: Batch | MicroBatch) -> MicroBatch:
        """The micro-batch to send through the model; raises PhaseError where `given` isn't it."""
        if self.phase != "forward" or self.batch is None:
            raise self._out_of_order("forward")
        expected = self.batch.parts[self.part]
        if given is expected:
            return expected
        if given is self.batch:
            if len(self.batch.parts) == 1:
                return expected
            raise PhaseError(
                f"forward takes one micro-batch, and this batch has {len(self.batch.parts)}.",
                f"Gradients are accumulated over {len(self.batch.parts)} micro-batches before the weights change.",
                "for part in batch.parts: gradients = trainer.backward(trainer.loss(trainer.forward(part)))",
            )
        if not isinstance(given, (Batch, MicroBatch)):
            raise PhaseError(f"forward takes a Batch, not {_name(given)}.", self.where(), f"Call {self.call()}.")
        raise PhaseError("That batch is not the one whose turn it is.", self.where(), f"Call {self.call()}.")

    def take(self, phase: str, record: Any) -> None:
        """Check that `record` is what this phase takes now; raises PhaseError where it isn't."""
        if self.phase == phase and record.__class__ is TAKES[phase] and record.serial == self._serial:
            return
        wanted = TAKES[phase].__name__
        if not isinstance(record, TAKES[phase]):
            raise PhaseError(
                f"{phase} takes the {wanted} of the phase before, not {_name(record)}.",
                self.where(),
                f"Call {self.call()}.",
            )
        if record._trainer_reference is not self._trainer:
            raise PhaseError(
                f"That {wanted} belongs to another trainer.", self.where(), "Pass what this trainer returned."
            )
        if self.phase == phase:
            raise PhaseError(
                f"That {wanted} is of step {record.step} and has had its turn.",
                self.where(),
                f"Pass the newest one: {self.call()}.",
            )
        raise self._out_of_order(phase, record)

    def then(self, phase: str, record: Record) -> None:
        """`record` was made; `phase` comes next and takes it."""
        self.phase, self._serial = phase, record.serial

    @property
    def epoch(self) -> float:
        """Epochs completed when the step that is under way began."""
        return self.batch.epoch if self.batch is not None else 0.0

    def next_micro_batch(self) -> None:
        """This micro-batch is done; the next one goes forward."""
        self.part += 1
        self.phase = "forward"

    @property
    def is_last_part(self) -> bool:
        """Whether the micro-batch at work is the step's last."""
        return self.batch is None or self.part == len(self.batch.parts) - 1

    def call(self) -> str:
        """The call that comes next, as code."""
        if self.phase == "tokenize":
            return "batch = trainer.tokenize()"
        if self.phase == "forward":
            one = self.batch is None or len(self.batch.parts) == 1
            return "forward = trainer.forward(batch)" if one else f"forward = trainer.forward(batch.parts[{self.part}])"
        return {
            "loss": "loss = trainer.loss(forward)",
            "backward": "gradients = trainer.backward(loss)",
            "update": "update = trainer.update(gradients)",
        }[self.phase]

    def argument(self, records: StepRecords | None) -> tuple[Any, ...]:
        """What the phase that comes next takes of these records of the step."""
        if self.phase == "tokenize" or self.batch is None or records is None:
            return ()
        if self.phase == "forward":
            return (self.batch.parts[self.part],)
        newest = records.newest
        return (next(record for record in newest.values() if type(record) is TAKES[self.phase]),)

    def where(self) -> str:
        """Where the trainer stands, in words."""
        trainer = self._trainer()
        taken = trainer.step if trainer is not None else 0
        if self.batch is None:
            steps = "1 step has" if taken == 1 else f"{taken} steps have"
            return f"{steps} been taken, and the next one hasn't begun."
        inside = f", micro-batch {self.part + 1} of {len(self.batch.parts)}" if len(self.batch.parts) > 1 else ""
        return f"Step {self.batch.step} is under way{inside}; {self.phase} comes next."

    def _out_of_order(self, phase: str, record: Record | None = None) -> PhaseError:
        used = " with a record that was used already" if record is not None and record.serial < self._serial else ""
        again = ", or trainer.undo() to begin this step again" if self.batch is not None else ""
        return PhaseError(f"{phase} was called out of order{used}.", self.where(), f"Call {self.call()}{again}.")


def _name(thing: object) -> str:
    return with_article(type(thing).__name__)
