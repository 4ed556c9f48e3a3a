"""What a learner has guessed, answered and seen: kept in a file of this machine, so that a restarted kernel knows it. Nothing is sent.

`AITRAIN_NB_PROGRESS` names another file; empty, nothing is kept. `AITRAIN_NB_UNGATED=1` opens all gates.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.lessons.exercises import AnswerError
from aitrain_nb.placing import replace_text

if TYPE_CHECKING:
    from aitrain_nb.lessons.exercises import Exercise


class Desk:
    """A learner's own notes.

    Args:
        file: where they are kept; None keeps them in memory.

    Attributes:
        guesses: id -> what was guessed, in plain form.
        skipped: ids of gates that were passed without a guess.
        answers: id -> the newest answer: {"answer", "ok", "tries"}.
        hints: id -> how many were seen.
        sections: ids that were begun.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.guesses: dict[str, Any] = {}
        self.skipped: list[str] = []
        self.answers: dict[str, dict[str, Any]] = {}
        self.hints: dict[str, int] = {}
        self.sections: list[str] = []
        self._read()

    def _read(self) -> None:
        """What is there; a file that can't be read is an empty one: notes are no reason to stop a lesson."""
        if self.file is None:
            return
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        for name, empty in self._notes().items():
            if isinstance(kept, dict) and isinstance(kept.get(name), type(empty)):
                setattr(self, name, kept[name])

    def _notes(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("guesses", "skipped", "answers", "hints", "sections")}

    def keep(self) -> None:
        """Write everything down; where that can't be done, it stays in memory."""
        if self.file is None:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self.file, json.dumps(self._notes(), indent=1))
        except OSError:
            self.file = None

    def guess_of(self, exercise: Exercise) -> Any:
        """What was guessed, in plain form; None where nothing was, or where the question has changed since."""
        return _still(exercise, self.guesses.get(exercise.id))

    def answer_of(self, exercise: Exercise) -> Any:
        """What was answered last, in the same way."""
        return _still(exercise, self.answers.get(exercise.id, {}).get("answer"))

    def is_open(self, identity: str) -> bool:
        """Whether what lies behind this gate may be seen."""
        return is_ungated() or identity in self.guesses or identity in self.skipped

    def note_answer(self, identity: str, answer: Any, *, ok: bool | None) -> None:
        """Keep an answer."""
        tries = self.answers.get(identity, {}).get("tries", 0) + 1
        self.answers[identity] = {"answer": answer, "ok": ok, "tries": tries}
        self.keep()

    def forget(self, beginning: str) -> int:
        """Forget what belongs to ids that begin so; gives how many notes that were."""
        count = 0
        for name, notes in self._notes().items():
            kept = [one for one in notes if not one.startswith(beginning)]
            count += len(notes) - len(kept)
            setattr(self, name, {one: notes[one] for one in kept} if isinstance(notes, dict) else kept)
        self.keep()
        return count


def _still(exercise: Exercise, kept: Any) -> Any:
    try:
        return None if kept is None else exercise.read(kept)
    except AnswerError:
        return None


def is_ungated() -> bool:
    """Whether all gates are open: for facilitators and tests."""
    return os.environ.get("AITRAIN_NB_UNGATED", "") not in {"", "0"}


@cache
def desk() -> Desk:
    """The desk of whoever uses this process."""
    named = os.environ.get("AITRAIN_NB_PROGRESS")
    if named is not None:
        return Desk(Path(named) if named else None)
    from platformdirs import user_data_path

    return Desk(user_data_path("aitrain-nb", appauthor=False) / "progress.json")
