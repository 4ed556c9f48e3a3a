"""guide, slides, edition, wheelhouse: what somebody needs who teaches with the lessons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aitrain_nb.cli.base import app, say

HERE = Path("aitrain-nb-teaching")


@app.command()
def guide(to: Annotated[Path | None, typer.Option(help="File for it; printed by default.")] = None) -> None:
    """The guide for whoever teaches: tracks, minutes, a script, answers that will come, what to cut."""
    from aitrain_nb.lessons.contents import guide as written
    from aitrain_nb.placing import check_place, write_whole

    if to is None:
        say(written())
        return
    check_place(to)
    write_whole(to, written())
    say(f"{to}: the guide")


@app.command()
def slides(
    lesson: Annotated[str, typer.Argument(help="Number of a lesson: 06.")],
    to: Annotated[Path, typer.Option(help="Folder for them.")] = HERE,
) -> None:
    """A lesson's headings, questions and pictures as slides: one HTML file that needs no network."""
    from aitrain_nb.lessons import book, edition

    say(f"{edition.write_slides(book.lesson(lesson), to)}: arrow keys go from slide to slide")


@app.command()
def edition(
    to: Annotated[Path, typer.Argument(help="Folder for the pages.")],
    lesson: Annotated[
        list[str] | None, typer.Option(help="Number of a lesson; all by default; may be repeated.")
    ] = None,
) -> None:
    """Run the lessons and write them as HTML pages that read well without a kernel and without a network."""
    from aitrain_nb.lessons import edition as pages

    written = pages.write_edition(to, lesson or (), told=lambda words: say(f"... {words}", err=True))
    say(f"{len(written)} pages; open {written[0]}")


@app.command()
def wheelhouse(
    to: Annotated[Path, typer.Argument(help="Folder for the wheels.")],
    platform: Annotated[
        list[str] | None, typer.Option(help="linux, macos or windows; may be repeated; this machine's by default.")
    ] = None,
    python: Annotated[
        str, typer.Option(help="Version of the room's Python, such as 3.12; this one's by default.")
    ] = "",
    pip: Annotated[list[str] | None, typer.Option(help="One more option of pip; may be repeated.")] = None,
) -> None:
    """Fetch everything that a room without a network needs into one folder."""
    from aitrain_nb.lessons.wheelhouse import fill

    for folder in fill(to, platform or (), python, pip or (), told=lambda words: say(f"... {words}", err=True)):
        size = sum(path.stat().st_size for path in folder.rglob("*.whl"))
        say(f"{folder}: {size / 1e6:,.0f} MB; INSTALL.md says how to use it")
