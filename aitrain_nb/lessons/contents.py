"""The contents page and the guide for whoever teaches, made of the lessons' own descriptions."""

from __future__ import annotations

import re
from typing import NamedTuple

from aitrain_nb.lessons import book, versions
from aitrain_nb.lessons.source_text import CLAIMS

HOUR = ("00", "01", "06", "08")
"""The lessons to begin with: what training is, in about an hour for somebody who works alone and takes the first half of each."""


class Track(NamedTuple):
    """A way through the lessons for a group.

    Attributes:
        name: how long it takes.
        lessons: their numbers.
        note: what to leave out, or for whom it is.
    """

    name: str
    lessons: tuple[str, ...]
    note: str


TRACKS = (
    Track("60 minutes", ("00", "01", "06"), "All of 00 and 01; of 06 section 1 only."),
    Track("Half a day", ("00", "01", "04", "05", "06", "08"), "With a break after 04; the checks are homework."),
    Track("A day", ("00", "01", "02", "03", "04", "05", "06", "07", "08"), "The whole loop, and learning against memorising."),
    Track("Two days", tuple(f"{number:02d}" for number in range(14)), "Everything; the second day begins with 08, and ends with your own data."),
)  # fmt: skip


class Shown(NamedTuple):
    """A claim of the source text, and a cell that shows it.

    Attributes:
        claim: its name.
        lesson: number of the lesson.
        section: id of its section.
        source: the cell's code.
    """

    claim: str
    lesson: str
    section: str
    source: str


def shown() -> list[Shown]:
    """Every claim that a cell of a lesson shows, in the lessons' order."""
    found = []
    for lesson in book.lessons():
        section = lesson.sections[0].id
        for cell in versions.read_master(lesson).cells:
            heading = (
                re.search(r"^## (\d\d\.\d+)$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
            )
            section = heading[1] if heading else section
            names = [tag.removeprefix("shows:") for tag in versions.tags_of(cell) if tag.startswith("shows:")]
            found += [Shown(name, lesson.number, section, cell.source) for name in names]
    return found


def contents() -> str:
    """The contents page as Markdown: time, what one will be able to do, and which lesson shows what of the source text."""
    rows = []
    for lesson in book.lessons():
        able = " ".join(one.rstrip(",.") + ";" for one in lesson.able).rstrip(";") + "."
        rows.append(f"| [{lesson.number} · {lesson.title}]({lesson.stem}.ipynb) | {lesson.minutes} min | {able} |")
    hour = " → ".join(f"[{number}]({book.lesson(number).stem}.ipynb)" for number in HOUR if number in book.numbers())
    return "\n".join(
        [
            "# The lessons",
            "",
            f"**No time? Take the path {hour}**: about an hour, if you take the first half of each.",
            "Every lesson runs on a laptop, and needs no internet. Any section can be your first: it begins with `start(...)`, which makes what it needs.",
            "",
            "| lesson | time | afterwards you will have |",
            "| --- | --- | --- |",
            *rows,
            "",
            "Have data of your own? [Your own data](your_own_data.ipynb), 15 minutes.",
            "",
            "In every lesson: guess before you run, look at what came out, answer its checks. `hint(\"06.1\")` helps in three steps,",
            "`solution(\"06.1\")` explains, `glossary(\"lr\")` says what a word means, `progress()` what you have done. Your guesses and",
            "answers stay on this machine. Nothing is scored.",
            "",
            "## Where each claim is shown",
            "",
            "The lessons grew from a text on how training works. Here is what it claims, and the section that shows it by a run.",
            "",
            "| the text says | shown in | what we add |",
            "| --- | --- | --- |",
            *_map(),
            "",
            "## Elsewhere",
            "",
            "**VS Code**: open a lesson, choose the environment's kernel. **Colab**: upload a lesson, and install the package in its first cell.",
            "Both should work, and neither was tested. Where a page shows no buttons, answer in code: each question says how.",
            "",
        ]
    )  # fmt: skip


def _map() -> list[str]:
    """One row for each claim: what is said, the sections that show it, and what is put right."""
    where: dict[str, list[str]] = {}
    for one in shown():
        lesson = book.lesson(one.lesson)
        link = f"[{one.section}]({lesson.stem}.ipynb)"
        if link not in where.setdefault(one.claim, []):
            where[one.claim].append(link)
    return [
        f"| *{claim.section}*: {claim.says} | {', '.join(where[name])} | {claim.correction} |" for name, claim in CLAIMS.items() if name in where
    ]  # fmt: skip


def guide() -> str:
    """The guide for whoever teaches, as Markdown: tracks, and for each lesson minutes, a script, answers that will come, what to cut."""
    lines = [
        "# For whoever teaches",
        "",
        "Before: `aitrain-nb doctor` on one machine of the room; `aitrain-nb wheelhouse DIR` where there is no network.",
        "A *gate* is a guess that must be made before the cells behind it run. `reset()` closes all gates again, `AITRAIN_NB_UNGATED=1` opens them.",
        "Late or lost? `lab = start(\"06.2\")` makes what a section needs. `status(\"06\")` gives two words to call out: the later in the alphabet, the more sections begun, and questions right. Slides of a lesson: `aitrain-nb slides 06`.",
        "",
        "## Tracks",
        "",
        "| track | lessons | minutes | |",
        "| --- | --- | --- | --- |",
    ]  # fmt: skip
    there = set(book.numbers())
    listed: list[list[str]] = []
    for track in TRACKS:
        numbers = [number for number in track.lessons if number in there]
        if numbers in listed:
            continue
        listed.append(numbers)
        minutes = sum(book.lesson(number).minutes for number in numbers)
        lines.append(f"| {track.name} | {', '.join(numbers)} | {minutes} when nothing is cut | {track.note} |")
    lines += [
        "",
        "## The room is the sweep",
        "",
        "With lesson 06: each learner takes a seat number and runs `assign(17)`, from `aitrain_nb.lessons`. It names a learning rate, trains for a second and gives one line.",
        "Paste the lines into one cell: `pool(\"\"\"...\"\"\")` draws them as one curve. Fewer than ten people? `pool()` alone takes a sample of thirty runs.",
        "",
    ]  # fmt: skip
    for lesson in book.lessons():
        lines += [
            f"## {lesson.number} · {lesson.title} ({lesson.minutes} minutes)",
            "",
            versions.for_teachers(lesson),
            "",
        ]
    return "\n".join(lines)
