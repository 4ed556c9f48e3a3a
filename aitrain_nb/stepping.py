"""A run walked by hand: the next phase, the next step, to the end of the epoch, and back. What was done is kept as code."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from aitrain_nb import questions
from aitrain_nb.displays import evaluation_line, row_line
from aitrain_nb.engine.interrupts import deferred_interrupt
from aitrain_nb.errors import ConfigError, PhaseError, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from aitrain_nb.records import Evaluation, Record, Update
    from aitrain_nb.trainer import Trainer

PHASES = ("tokenize", "forward", "loss", "backward", "update")
"""The five phases of a step, in order: each is a method of the trainer."""
_WHOLE_STEP = "*_, forward, loss, gradients, update = trainer.phases()"
_MOST_ASKED = 6
"""So many answers are kept."""
_EVALUATE = "evaluation = trainer.evaluate_and_keep()"


class Walk:
    """Takes a trainer through its run, as slowly as one likes: what it calls is what `fit` calls, so the numbers are the same.

    Where the trainer stands is asked of the trainer each time, so cells may call its phases in between.

    Args:
        trainer: whose run it is.

    Attributes:
        trainer: the branch that is walked on.
        evaluation: the one that the newest call ended with, or None.
        calls: the code of the newest call, line by line.
        asked: the newest questions with their answers, the last one last.

    Raises:
        ConfigError: it is no trainer, or one that can't train.
        ModelError: weights were unfrozen since the trainer was made.

    Example:
        walk = Walk(aitrain_nb.prepare(data="digits", model="mlp"))
        walk.next_phase()
        walk.next_step()
        walk.ask("blame", by="grad")
        print(walk.code)
    """

    def __init__(self, trainer: Trainer) -> None:
        if not hasattr(trainer, "phases"):
            raise ConfigError(
                f"A walk needs a Trainer, not {type(trainer).__name__}.", "It calls the phases of its steps.",
                "Make one: trainer = ai.prepare(...).",
            )  # fmt: skip
        trainer.check_can_train()
        self.trainer = trainer
        self.evaluation: Evaluation | None = None
        self.calls: list[str] = []
        self.asked: list[questions.Asked] = []
        self._began, self._taken = trainer.step, list[str]()
        self._stopping = False

    # the four moves

    def next_phase(self) -> Record:
        """Do the phase that comes next, and the evaluation where the run owes one after it.

        Raises:
            PhaseError: the run is at its end, or your own examples would be trained on.
        """
        self._begin()
        return self._phase()

    def next_step(self) -> Update:
        """Finish the step that is under way, or take the next one.

        Raises:
            PhaseError: the run is at its end, or your own examples would be trained on.
        """
        self._begin()
        return self._step()

    def to_epoch_end(self, after_step: Callable[[], None] = lambda: None) -> Update | None:
        """Go on to the end of the epoch, or of the run where that comes first.

        An interrupt, or `stop`, ends it after the step under way; a second interrupt raises KeyboardInterrupt.

        Args:
            after_step: called after each step.

        Returns:
            The newest update, or None where it was stopped before the first.

        Raises:
            PhaseError: the run is at its end, or your own examples would be trained on.
        """
        self._begin()
        update = None
        trainer = self.trainer
        with deferred_interrupt(lambda _reason: self.stop(), lambda: not trainer.is_updating) as interrupts:
            try:
                interrupts.arm()
                while not self._stopping:
                    update = self._step()
                    after_step()
                    interrupts.raise_second()
                    if self.is_at_end or trainer.order.cursor.position == 0:
                        break
            finally:
                interrupts.disarm()
        return update

    def back(self) -> None:
        """To the beginning of the step under way; between two steps, to before the last one. Exactly, bit for bit.

        Raises:
            PhaseError: no snapshot of that step is kept.
        """
        self.trainer.undo()
        self._begin()
        self._note("trainer.undo()")

    def stop(self) -> None:
        """Ask `to_epoch_end` to end after its step; any thread may call it."""
        self._stopping = True

    # questions and branches

    def ask(self, question: str, /, **values: Any) -> Any:
        """Ask something of the step or the run; fields that aren't given hold what the page would offer.

        Args:
            question: its name: unit_off, gradient, blame, nudge_these, agreement, weight, forgotten, rates; fork, rewind, compare.
            values: of its fields, such as example=3.

        Returns:
            The answer; of fork the branch.

        Raises:
            ConfigError: no such question or field, or a value that doesn't fit.
            PhaseError: it can't be asked yet.
            AitrainError: what the call that answers raises.
        """
        asked = questions.ask(self.trainer, question, values)
        self._begin()
        self._note(asked.code)
        self.asked = [*self.asked, asked][-_MOST_ASKED:]
        return asked.answer

    def walk_on(self, branch: str) -> None:
        """Go on with another branch of the run; see `Trainer.fork`. The one that is left stays where it is.

        Raises:
            ConfigError: there is no such branch.
        """
        if branch not in self.trainer.branches:
            raise ConfigError(*unknown_name("branch", branch, self.trainer.branches))
        self._begin()
        if self.trainer is not self.trainer.branches[branch]:
            self.trainer = self.trainer.branches[branch]
            self._note(f"trainer = trainer.branches[{branch!r}]")

    def _begin(self) -> None:
        self.calls, self.evaluation, self._stopping = [], None, False

    def _phase(self) -> Record:
        self._open_step()
        record = self._call()
        self._evaluate_if_owed()
        return record

    def _step(self) -> Update:
        self._open_step()
        if self.trainer.is_in_step:
            record = self._call()
            while self.trainer.is_in_step:
                record = self._call()
        else:
            *_, record = self.trainer.phases()
            self._note(_WHOLE_STEP)
        self._evaluate_if_owed()
        return record  # type: ignore[return-value]

    def _open_step(self) -> None:
        """Between two steps: see to it that the next one may begin."""
        trainer = self.trainer
        if trainer.is_in_step:
            return
        self._evaluate_if_owed()
        if self.is_at_end:
            raise PhaseError(
                f"The run is at its end, after step {trainer.step:,}.", "Its config says how long it is.",
                "Go back, or make it longer: trainer.fit(epochs=...).",
            )  # fmt: skip

    def _call(self) -> Record:
        """Call the phase that comes next."""
        call = self.trainer.next_call
        record: Record = getattr(self.trainer, self.trainer.next_phase)(*self.trainer.next_argument)
        self._note(call)
        return record

    def _evaluate_if_owed(self) -> None:
        trainer = self.trainer
        if trainer.is_in_step or not trainer.owes_evaluation:
            return
        self.evaluation = trainer.evaluate_and_keep(lambda: self._stopping)
        if self.evaluation is not None:
            self._note(_EVALUATE)

    def _note(self, call: str) -> None:
        self.calls.append(call)
        self._taken.append(call)

    # where it stands

    @property
    def is_at_end(self) -> bool:
        """Whether the run has no further step."""
        return not self.trainer.is_in_step and self.trainer.step >= self.trainer.total_steps

    @property
    def records(self) -> dict[str, Record]:
        """The newest record of each phase of the step that is under way, or was taken last."""
        return self.trainer.records.newest if self.trainer.records is not None else {}

    @property
    def record(self) -> Record | None:
        """The newest record, or None."""
        return next(reversed(self.records.values()), None)

    @property
    def place(self) -> str:
        """Where in the run it stands, in words."""
        trainer = self.trainer
        step = trainer.step + trainer.is_in_step
        if step == 0:
            return f"Before the first of {trainer.total_steps:,} steps"
        epoch, _ = trainer.plan.place_of(step)
        branch = f"{trainer.branch.name}: " if len(trainer.branches) > 1 else ""
        return f"{branch}Step {step:,} of {trainer.total_steps:,}, epoch {epoch} of {trainer.plan.total_epochs}"

    @property
    def next(self) -> str:
        """What comes next, in words."""
        if self.is_at_end and not self.trainer.owes_evaluation:
            return "the run is at its end"
        batch = self.records.get("tokenize")
        parts = len(batch.parts) if batch is not None and self.trainer.is_in_step else 1  # type: ignore[attr-defined]
        which = f" (micro-batch {self.trainer.next_part + 1} of {parts})" if parts > 1 else ""
        return f"{self.trainer.next_phase} comes next{which}"

    @property
    def lines(self) -> list[str]:
        """What a monitor would say of the newest step and the evaluation after it."""
        trainer = self.trainer
        if trainer.is_in_step or not trainer.step:
            return []
        row = trainer.history.last
        found = [row_line(row, trainer.plan.place_of(row["step"])[1], trainer.steps_per_epoch)]
        if self.evaluation is not None:
            found.append(evaluation_line(self.evaluation, trainer.config.best_metric))
        return found

    @property
    def code(self) -> str:
        """All that was done, as code that does it again with a trainer that stands where this one stood."""
        first = f"# from step {self._began + 1:,} on, with a trainer that stands there"
        return "\n".join([first, *folded(self._taken)])

    def text(self) -> str:
        """Where it stands, for a terminal: a line a phase."""
        found = self.records
        rows = [
            f"  {i} {phase:<9}{found[phase].brief() if phase in found else '-'}" for i, phase in enumerate(PHASES, 1)
        ]
        return "\n".join([f"{self.place}: {self.next}", *rows, *self.lines])

    def __repr__(self) -> str:
        return self.text()


def folded(calls: list[str]) -> list[str]:
    r"""Lines of code, with what is repeated in a loop.

    >>> folded(["a()", "b()", "b()", "b()"])
    ['a()', 'for _ in range(3):\n    b()']
    """
    runs: list[tuple[str, int]] = [(call, len(list(same))) for call, same in groupby(calls)]
    return [
        line
        for call, times in runs
        for line in ([call] * times if times < 3 else [f"for _ in range({times}):\n    {call}"])
    ]
