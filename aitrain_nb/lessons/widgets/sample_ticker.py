"""What a language model writes after the same beginning, step by step, and how much of it is copied."""

from __future__ import annotations

from itertools import groupby

from aitrain_nb import html
from aitrain_nb.lessons.experiments.tiny_gpt import LOOKED_AT, copied, watched_gpt
from aitrain_nb.widgets.explorable import Explorable, Range


class SampleTicker(Explorable):
    """A column of samples of a real run, each with its losses; letters that were copied from the training text are marked.

    Example:
        SampleTicker().set(samples=7, length=8)
    """

    def __init__(self) -> None:
        watched_gpt()  # trained now, so that no dial has to wait
        super().__init__(
            _draw, "The same beginning, again and again",
            samples=Range(3, "Samples so far", min=1, max=len(LOOKED_AT), step=1),
            length=Range(8, "Copied is a stretch of at least", min=4, max=20, step=1, unit="letters"),
        )  # fmt: skip


def _draw(samples: int, length: int) -> html.Markup:
    run = watched_gpt()
    rows, last = [], 0.0
    for step in list(run.samples)[:samples]:
        text = run.samples[step]
        marks = copied(text, run.source, length)
        last = sum(marks) / len(marks)
        training, validation = (f"{loss:.2f}" for loss in run.losses[step]) if step in run.losses else ("-", "-")
        rows.append((step, training, validation, f"{last:.0%}", _marked(text, marks)))
    head = ["step", "training loss", "validation loss", "copied", "what it writes"]
    said = f"After step {rows[-1][0]}, {last:.0%} of the letters stand in stretches of {length} that the training text has, too."
    return html.join([html.table(head, rows), html.element("div", said, style="margin-top:4px")])


def _marked(text: str, marks: list[bool]) -> html.Markup:
    """The text; what is copied has a coloured ground and a line under it."""
    parts, place = [], 0
    for mark, run in groupby(marks):
        end = place + len(list(run))
        words = text[place:end].replace("\n", "⏎")
        style = "background-color:rgba(213,94,0,0.22);text-decoration:underline" if mark else ""
        parts.append(html.element("span", words, style=style))
        place = end
    return html.element("code", html.join(parts), style="white-space:pre-wrap;overflow-wrap:anywhere")
