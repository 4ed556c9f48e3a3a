"""The stepper: a run walked by hand with buttons, five boxes that fill with the batch's real numbers, and each click as code."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import traitlets

from aitrain_nb import html
from aitrain_nb.engine.interrupts import Breakable
from aitrain_nb.errors import AitrainError
from aitrain_nb.stepping import Walk, folded
from aitrain_nb.widgets.budget import Budget
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.phase_views import PhaseViews
from aitrain_nb.widgets.placed import Placed
from aitrain_nb.widgets.question_views import QuestionViews

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.records import Record, Update
    from aitrain_nb.trainer import Trainer

_MOVES = ("next_phase", "next_step", "to_epoch_end", "back")


class Stepper(Placed):
    """Walks a trainer through its run: phase by phase, step by step, to the end of the epoch, and back.

    Each click is a call of the trainer that `fit` makes too, and is shown as code; so a walk trains the same weights. Clicks act
    between two cells. All of it can be done in code, which moves what is shown on the page as well.

    Args:
        trainer: whose run it is. Cells may call its phases in between.

    Attributes:
        walk: what does the work; it needs no notebook.

    Raises:
        ConfigError: it is no trainer, or one that can't train.
        ModelError: weights were unfrozen since the trainer was made.

    Example:
        stepper = ai.Stepper(trainer)
        stepper.next_phase()
        stepper.record.table()
        print(stepper.code)
    """

    _esm = source("placed.js", "boxes.js", "questions.js", "branches.js", "stepper.js")
    _css = source("boxes.css", "questions.css", "stepper.css")
    boxes: Any = traitlets.List().tag(sync=True)
    told = traitlets.Dict().tag(sync=True)
    asking: Any = traitlets.Dict().tag(sync=True)

    def __init__(self, trainer: Trainer) -> None:
        self.walk = Walk(trainer)
        self._views, self._questions = PhaseViews(), QuestionViews()
        self._clicks = 0
        self._budget = Budget(0.0)
        self._question = Breakable()
        super().__init__()
        self._tell()

    # the four moves

    def next_phase(self) -> Record:
        """Do the phase that comes next; see `Walk.next_phase`."""
        return self._move(self.walk.next_phase)

    def next_step(self) -> Update:
        """Finish the step under way, or take the next one; see `Walk.next_step`."""
        return self._move(self.walk.next_step)

    def to_epoch_end(self) -> Update | None:
        """Go on to the end of the epoch; an interrupt or the Stop button ends it after a step; see `Walk.to_epoch_end`."""
        self._tell(busy=True)
        return self._move(lambda: self.walk.to_epoch_end(self._after_step))

    def back(self) -> None:
        """To the beginning of the step under way; between two steps, to before the last one; see `Walk.back`."""
        self._move(self.walk.back)

    # questions and branches

    def ask(self, question: str, /, **values: Any) -> Any:
        """Ask something of the step or the run, show the answer on the page and give it; see `Walk.ask`."""
        return self._move(lambda: self.walk.ask(question, **values))

    def walk_on(self, branch: str) -> None:
        """Go on with another branch of the run; see `Walk.walk_on`."""
        self._move(lambda: self.walk.walk_on(branch))

    def train_branch(self, branch: str) -> Update | None:
        """Walk on another branch, to the end of its epoch."""
        self.walk_on(branch)
        return self.to_epoch_end()

    # what can be asked of it

    @property
    def record(self) -> Record | None:
        """The newest record, or None."""
        return self.walk.record

    value = record

    @property
    def code(self) -> str:
        """All that was done, as code that does it again."""
        return self.walk.code

    def text(self) -> str:
        """Where it stands, a line a phase."""
        return self.walk.text()

    def twin(self) -> html.Markup:
        """The five boxes and the code, without any script."""
        walk = self.walk
        where = html.element("div", html.element("b", walk.place), f" · {walk.next}")
        lines = [html.element("div", html.element("code", line)) for line in walk.lines]
        code = html.details("The whole walk as a cell", html.element("pre", walk.code))
        answers = self._questions.twins(walk.trainer, walk.asked)
        return html.element(
            "div", where, *self._views.twins(walk.records), *lines, *answers, code, style="max-width:900px"
        )

    # clicks

    def take(self, message: dict[str, Any]) -> None:
        """A click, on whatever thread it comes: it acts on the main thread after the cell that may be running there."""
        kind = message["type"]
        if kind == "stop":
            self.walk.stop()
            self._question.stop()
        elif (found := self._act(message)) is not None:
            code, act = found
            if not self.in_turn(lambda: self._click(act)):
                self._tell(f"This kernel runs nothing between its cells. Run this in one: stepper.{code}")

    def _act(self, message: dict[str, Any]) -> tuple[str, Callable[[], Any]] | None:
        """What a message asks for, as code and as what does it; None where it isn't understood."""
        kind, name = message["type"], message.get("name")
        if kind in _MOVES:
            return f"{kind}()", getattr(self, kind)
        if not isinstance(name, str):
            return None
        if kind == "ask" and isinstance(values := message.get("values"), dict):
            return f"ask({name!r})", lambda: self._asked_on_the_page(name, values)
        if kind == "walk_on":
            return f"walk_on({name!r})", lambda: self.walk_on(name)
        if kind == "train_branch":
            return f"train_branch({name!r})", lambda: self.train_branch(name)
        return None

    def _click(self, act: Callable[[], Any]) -> None:
        self.send({"type": "begun"})
        try:
            act()
        except KeyboardInterrupt:
            self._tell("Interrupted: the step under way was left where it was.")
        except AitrainError as error:
            self._tell(f"{error.what} {error.why} {error.fix}")
        except Exception as error:  # noqa: BLE001  shown where it was asked for; a callback has no cell that could show it
            self._tell(f"{type(error).__name__}: {error}")

    def _asked_on_the_page(self, name: str, values: dict[str, Any]) -> None:
        """A question that Stop, or the kernel's interrupt button, may end."""
        before = self.walk.trainer.step
        try:
            self._question.do(lambda: self.ask(name, **values))
        except KeyboardInterrupt:
            is_moved = self.walk.trainer.step != before  # on the way back to an earlier step
            where = f"the run stands at step {self.walk.trainer.step}" if is_moved else "the run is as it was"
            self._tell(f"Stopped before there was an answer; {where}.")

    def _move(self, move: Callable[[], Any]) -> Any:
        self._clicks += 1
        try:
            return move()
        finally:
            self._tell()
            self.refresh()

    def _after_step(self) -> None:
        """While it goes to the end of the epoch: say where it is, now and then."""
        began = time.perf_counter()
        if self._budget.is_due(began):
            self._tell(busy=True)
            self._budget.spend(began, time.perf_counter())

    def _tell(self, problem: str = "", *, busy: bool = False) -> None:
        """Send the page what it shows."""
        walk = self.walk
        if not busy:
            self.boxes = self._views.boxes(walk.records, walk.trainer.next_phase)
            self.asking = self._questions.page(walk.trainer, walk.asked)
        can = [] if walk.is_at_end else ["next_phase", "next_step", "to_epoch_end"]
        self.told = {
            "place": walk.place, "next": walk.next, "lines": walk.lines, "click": "\n".join(folded(walk.calls)), "code": walk.code,
            "problem": problem, "busy": busy, "can": [*can, "back"], "clicks": self._clicks,
        }  # fmt: skip
