"""The lessons as pages that need no kernel, and as slides: run once, then written as HTML that reaches for nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aitrain_nb import html
from aitrain_nb.lessons import book, contents, refresh, shelf, versions
from aitrain_nb.placing import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from aitrain_nb.lessons.lesson import Lesson

_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark; }}
body {{ max-width: 860px; margin: 0 auto; padding: 16px; font: 17px/1.55 system-ui, sans-serif; }}
pre, code {{ font-family: ui-monospace, monospace; font-size: 14px; }}
pre {{ background: rgba(128,128,128,.12); padding: 10px 12px; overflow-x: auto; border-radius: 4px; }}
table {{ border-collapse: collapse; }} td, th {{ padding: 3px 8px; text-align: left; vertical-align: top; }}
img {{ max-width: 100%; height: auto; background: #fff; }} a {{ color: #1565c0; }} figure {{ margin: 8px 0; }}
.out {{ margin: 6px 0 14px 0; overflow-x: auto; }} nav {{ font-size: 15px; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #16181c; color: #e8e8e8; }} a {{ color: #8ab4f8; }}
  img.aitrain-drawing {{ filter: invert(.93) hue-rotate(180deg); }} }}
{more}
</style></head><body>
{body}
</body></html>
"""
_INDEX = "td:nth-child(2) { white-space: nowrap; }"
_SLIDES = """
html { scroll-snap-type: y mandatory; } body { max-width: none; padding: 0; }
section { min-height: 100vh; box-sizing: border-box; scroll-snap-align: start; padding: 6vh 8vw; display: flex; flex-direction: column; justify-content: center; }
section > * { max-width: 1100px; } section { font-size: 26px; } h1 { font-size: 54px; } h2 { font-size: 44px; } section img { max-height: 70vh; width: auto; }
"""
_KEYS = """<script>
addEventListener("keydown", (event) => {
  const by = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const slides = [...document.querySelectorAll("section")];
  const here = slides.findIndex((slide) => slide.getBoundingClientRect().bottom > innerHeight / 2);
  slides[Math.min(slides.length - 1, Math.max(0, here + by))].scrollIntoView({ behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
});
</script>"""


def write_edition(to: Path, numbers: Sequence[str] = (), told: Callable[[str], None] = lambda _: None) -> list[Path]:
    """Run lessons and write each as a page, with a first page that leads to them.

    Args:
        to: the folder; its files of the same names are replaced.
        numbers: of the lessons; all by default.
        told: is told what is done.

    Raises:
        AitrainError: the folder can't be written.
    """
    written = []
    for number in numbers or book.numbers():
        lesson = book.lesson(number)
        told(f"{number} {lesson.title}: running")
        cells = _run(lesson)
        body = html.join([_nav(), *(part for cell in cells for part in _as_page(cell)), _nav()])
        written.append(_write(to / f"{lesson.stem}.html", lesson.title, body))
    index = _write(to / "index.html", "The lessons", _links(_markdown(contents.contents())), _INDEX)
    return [index, *written]


def write_slides(lesson: Lesson, to: Path) -> Path:
    """Run a lesson and write its headings, questions and pictures as slides: arrow keys go from one to the next.

    Args:
        lesson: from `book.lesson`.
        to: the folder.

    Raises:
        AitrainError: the folder can't be written.
    """
    slides = [f"<section>{slide}</section>" for slide in _as_slides(_run(lesson))]
    return _write(to / f"{lesson.stem}_slides.html", lesson.title, html.Markup("\n".join(slides) + _KEYS), _SLIDES)


def _run(lesson: Lesson) -> list[Any]:
    cells: list[Any] = refresh.execute(versions.make(lesson), shelf.folder()).cells
    return cells


def _write(path: Path, title: str, body: str, more: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, _PAGE.format(title=html.escape(title), body=body, more=more))
    return path


def _nav() -> html.Markup:
    return html.Markup('<nav><a href="index.html">All lessons</a></nav>')


def _markdown(source: str) -> html.Markup:
    """Our own Markdown as HTML."""
    from markdown_it import MarkdownIt

    return html.Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(source))


def _links(page: html.Markup) -> html.Markup:
    """Links to notebooks lead to their pages."""
    return html.Markup(re.sub(r'href="([^":/]+)\.ipynb"', r'href="\1.html"', page))


def _as_page(cell: Any) -> Iterator[html.Markup]:
    if cell.cell_type == "markdown":
        yield _links(_markdown(cell.source))
        return
    yield html.element("pre", html.element("code", cell.source))
    for shown in _shown(cell):
        yield html.element("div", shown, class_="out")


def _shown(cell: Any) -> Iterator[html.Markup]:
    """What a cell left: pictures and tables of ours as they are, anything else as text."""
    for output in cell.outputs:
        if output.output_type == "stream":
            if output.name == "stdout":
                yield html.element("pre", output.text)
        elif "text/html" in output.get("data", {}):
            yield html.Markup(output.data["text/html"])
        elif "text/plain" in output.get("data", {}):
            yield html.element("pre", output.data["text/plain"])


def _as_slides(cells: Sequence[Any]) -> Iterator[html.Markup]:
    """The title; each section's heading with its first words; each question; each picture."""
    for cell in cells:
        if cell.cell_type == "markdown":
            heading = re.search(r"^#{1,2} .*", cell.source, re.MULTILINE)
            if heading:
                yield _markdown(cell.source[heading.start() :].split("\n\n## ")[0])
            continue
        asks = re.search(r'^(?:guess|check|order)\("', cell.source, re.MULTILINE)
        for shown in _shown(cell):
            if asks or "<img" in shown:
                yield shown
