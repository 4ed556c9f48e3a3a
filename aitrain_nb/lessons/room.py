"""The room is the sweep: each seat trains with a learning rate of its own, and all lines together draw one curve. Nothing is sent."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aitrain_nb import html
from aitrain_nb.errors import AitrainError
from aitrain_nb.lessons.views import Note
from aitrain_nb.placing import write_whole

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture

LOWEST, HIGHEST = 1e-5, 3.0
"""The rates of a room lie between these."""
RECIPE = {"data": "digits", "model": "mlp", "max_steps": 120, "batch_size": 32, "keep": "last"}
SAMPLE = Path(__file__).parent / "room.json"
"""Thirty runs for a small room: made by `python -m aitrain_nb.lessons.room`."""
_GOLDEN = (math.sqrt(5) - 1) / 2
_LINE = re.compile(r"seat\s+(\d+):\s+rate\s+(\S+)\s+loss\s+(\S+)\s+right\s+(\S+)")


@dataclass(frozen=True)
class Seat:
    """What one seat found.

    Attributes:
        seat: its number, which is also the run's seed.
        learning_rate: what it trained with.
        loss: on the validation digits, nats; not finite where the run blew up.
        accuracy: on them, 0 to 1.
    """

    seat: int
    learning_rate: float
    loss: float
    accuracy: float

    @property
    def line(self) -> str:
        """One line to paste."""
        return f"seat {self.seat}: rate {self.learning_rate:.3g} loss {self.loss:.4g} right {self.accuracy:.3f}"

    def _repr_html_(self) -> str:
        paste = html.element("code", self.line)
        return Note(f"Seat {self.seat}", ("Paste this line into the room's cell:", paste)).to_html()

    def __repr__(self) -> str:
        return self.line


def rate_of(seat: int) -> float:
    """The learning rate of a seat: neighbours get rates far apart, and any number of seats covers the whole range evenly.

    >>> [round(math.log10(rate_of(seat)), 1) for seat in (1, 2, 3)]
    [-1.6, -3.7, -0.3]
    """
    share = (seat * _GOLDEN) % 1
    return float(f"{LOWEST * (HIGHEST / LOWEST) ** share:.2g}")


def assign(seat: int) -> Seat:
    """Train as this seat, for about a second, and give its line.

    Args:
        seat: a number of your own, from 1.

    Raises:
        AitrainError: it isn't a whole number from 1 to 999.
    """
    if not isinstance(seat, int) or isinstance(seat, bool) or not 1 <= seat <= 999:
        raise AitrainError(f"There is no seat {seat!r}.", "Seats are whole numbers from 1 to 999.", "assign(17)")
    from aitrain_nb.run import prepare

    trainer = prepare(seed=seat, learning_rate=rate_of(seat), evaluate_every=0, **RECIPE)
    trainer.fit(display="none")
    found = trainer.evaluate()
    return Seat(seat, rate_of(seat), found.loss, found.accuracy)


def pool(lines: str | None = None) -> Picture:
    """All seats as one curve: loss over learning rate.

    Args:
        lines: what was pasted, one line a seat; other words are left alone. Without any, thirty runs that were made before.

    Raises:
        AitrainError: there is no such line in it.
    """
    found = _sample() if lines is None else [_seat(match) for match in _LINE.finditer(lines)]
    if not found:
        raise AitrainError(
            "There is no line of a seat in what was pasted.", "A line begins with 'seat 17: rate'.", "Paste what assign(17) shows."
        )  # fmt: skip
    newest = {one.seat: one for one in found}
    return _draw(sorted(newest.values(), key=lambda one: one.learning_rate), was_made_before=lines is None)


def _seat(match: re.Match[str]) -> Seat:
    try:
        return Seat(int(match[1]), float(match[2]), float(match[3]), float(match[4]))
    except ValueError as error:
        raise AitrainError(f"Can't read {match[0]!r}.", str(error), "Paste the line as it is shown.") from error


def _sample() -> list[Seat]:
    return [Seat(*row) for row in json.loads(SAMPLE.read_text(encoding="utf-8"))]


def _draw(seats: list[Seat], *, was_made_before: bool) -> Picture:
    from aitrain_nb import numerals, plots

    figure, [axis] = plots.new_figure(7.0, 3.6)
    ceiling = 4.0
    shown = [min(ceiling, one.loss) if math.isfinite(one.loss) else ceiling for one in seats]
    lost = [one for one in seats if not one.loss < ceiling]
    axis.plot([one.learning_rate for one in seats], shown, "o-", color=plots.BLUE, linewidth=1, markersize=5)
    axis.axhline(math.log(10), color=plots.GREY, linestyle=":", linewidth=1)
    axis.annotate("knows nothing: ln 10", (LOWEST, math.log(10)), xytext=(2, 3), textcoords="offset points", fontsize=9)
    if lost:
        axis.plot([one.learning_rate for one in lost], [ceiling] * len(lost), "x", color=plots.ORANGE, markersize=9)
    best = min(seats, key=lambda one: one.loss if math.isfinite(one.loss) else math.inf)
    axis.set(xscale="log", xlabel="learning rate", ylabel="validation loss", ylim=(0, ceiling * 1.05))
    whose = "Thirty runs made before" if was_made_before else f"{len(seats)} seats"
    axis.set_title(f"The room is the sweep: {whose.lower()}")
    gone = f" {len(lost)} ended above {ceiling:g} (crosses)." if lost else ""
    figure.description = (
        f"{whose}: best at rate {numerals.rate(best.learning_rate)} with a validation loss of {best.loss:.3g} "
        f"({best.accuracy:.0%} right).{gone}"
    )
    figure.is_drawing = True
    return figure


def main() -> None:
    """Make the sample for small rooms."""
    rows = [[one.seat, one.learning_rate, one.loss, one.accuracy] for one in map(assign, range(1, 31))]
    write_whole(SAMPLE, "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
