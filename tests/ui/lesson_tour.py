"""Every lesson in a real JupyterLab: all cells in turn, gates closed and open; each dial moved; pictures taken; axe-core asked.

python tests/ui/lesson_tour.py [00 06 ...] [--dark] [--closed] [--width 560] [--zoom 2]     screenshots go to AITRAIN_NB_SHOTS

With --zoom 2 a page of 1280 pixels is 640 wide, as it is for a person who has enlarged everything twice.
"""

import os
import sys
import time

if __name__ == "__main__":  # before the server starts: its kernels take these over
    os.environ |= {"AITRAIN_NB_PROGRESS": "", "AITRAIN_NB_FULL_SPEED": "1"}
    os.environ["AITRAIN_NB_UNGATED"] = "0" if "--closed" in sys.argv else "1"

from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from aitrain_nb.lessons import book as lessons
from aitrain_nb.lessons import versions
from tests.ui.notebook_in_browser import lab_in_browser, open_book, violations

ERROR = '[data-mime-type="application/vnd.jupyter.error"]'
CHANGED = """([place, key]) => new Promise((done) => {
  const box = place.closest(".aitrain-explorable");
  const view = box.querySelector(".aitrain-view");
  const began = performance.now();
  const watch = new MutationObserver(() => { watch.disconnect(); done(performance.now() - began); });
  watch.observe(view, { childList: true });
  setTimeout(() => { watch.disconnect(); done(-1); }, 4000);
  place.value = Number(place.value) + (Number(place.value) < Number(place.max) ? 1 : -1) * Number(place.step || 1);
  place.dispatchEvent(new Event("input", { bubbles: true }));
})"""
"""Milliseconds from a moved slider to the picture that answers; -1 where none does."""
CUT = """() => [...document.querySelectorAll(".jp-Notebook .jp-OutputArea-output, .jp-Notebook .jp-RenderedMarkdown")].flatMap((output) => {
  const edge = output.getBoundingClientRect().right + 1;
  const all = [output, ...output.querySelectorAll("*")];
  const box = (node) => node.getBoundingClientRect();
  const hidden = (node) => node.closest("[hidden], details:not([open]) > :not(summary)") || getComputedStyle(node).clip !== "auto";
  const scrolls = all.filter((node) => node.scrollWidth > node.clientWidth + 2 && node.clientWidth > 20
    && getComputedStyle(node).overflowX !== "visible" && node.tagName !== "INPUT" && !hidden(node));
  const over = all.filter((node) => box(node).width && box(node).height && box(node).right > edge && !hidden(node));
  const say = (node, pixels) => `${Math.round(pixels)} px too wide: ${node.outerHTML.replace(/data:[^"]*/, "").slice(0, 120)}`;
  const found = scrolls.map((node) => say(node, node.scrollWidth - node.clientWidth));
  return [...found, ...over.map((node) => say(node, box(node).right - edge))].slice(0, 2);
})"""
"""What is wider than its output or text: cut off, or to be scrolled to."""


WIDE = 1100
"""Pixels of a page, the file browser beside the notebook."""


def visit(book, cells, seconds=120):
    """Run every code cell; gives what went wrong."""
    wrong = []
    book.until(lambda: book.page.locator(".jp-Notebook .jp-CodeCell").count() == cells)
    for number in range(cells):
        book.do(number, seconds)
        if book.cell(number).locator(ERROR).count():
            wrong.append(f"cell {number}: {book.output(number).inner_text()[-400:]}")
    book.page.wait_for_timeout(1500)
    return wrong + book.page.problems


def answers(book):
    """Milliseconds in which each slider of a picture with dials answered, the median of five moves."""
    found = []
    for place in book.page.locator('.aitrain-explorable input[type="range"]').all():
        place.scroll_into_view_if_needed()
        times = []
        for _ in range(5):
            times.append(place.evaluate(f"(place) => ({CHANGED})([place, null])"))
            book.page.wait_for_timeout(150)
        found.append(sorted(times)[2])
    return found


def take_shots(book, name, height):
    """The whole notebook, in as many parts as it needs."""
    outer = book.page.locator(".jp-Notebook .jp-WindowedPanel-outer, .jp-Notebook").last
    parts = 1 + int(outer.evaluate("(place) => (place.scrollHeight - 1) / place.clientHeight"))
    for part in range(parts):
        outer.evaluate("(place, top) => place.scrollTo(0, top)", part * height)
        book.page.wait_for_timeout(300)
        book.shot(f"{name}-{part}" if parts > 1 else name, book.page.locator(".jp-Notebook").first)


def tour(server, browser, number, theme, width, zoom):
    """One lesson; prints a line."""
    lesson = lessons.lesson(number)
    server.set("notebook-extension/tracker", windowingMode="none")  # every cell is there, also those further down
    height = 14_000 // zoom
    book = open_book(server, browser, name=f"{lesson.stem}.ipynb", theme=theme, width=width, height=height, scale=zoom)
    began = time.monotonic()
    cells = sum(cell.cell_type == "code" for cell in versions.make(lesson).cells)
    wrong = visit(book, cells)
    seconds = time.monotonic() - began
    waits = answers(book)
    unfair = violations(book.page, ".jp-Notebook .jp-OutputArea-output")
    cut = book.page.evaluate(CUT)
    size = "" if width == WIDE else f"-{width}"
    take_shots(book, f"tour-{number}-{theme}-{os.environ['AITRAIN_NB_UNGATED']}{size}", height)
    shown = ", ".join(f"{wait:.0f}" for wait in waits) or "none"
    print(
        f"{number} {theme}: {seconds:.0f} s, {len(wrong)} errors, sliders answer in {shown} ms, axe {len(unfair)}, too wide {len(cut)}",
        flush=True,
    )
    for line in [*wrong, *unfair, *cut]:
        print("   ", line, flush=True)
    book.close()


def _after(arguments, name, otherwise):
    """The number behind an option."""
    return int(arguments[arguments.index(name) + 1]) if name in arguments else otherwise


def main(arguments):
    """The lessons that were named, or all."""
    zoom, width = _after(arguments, "--zoom", 1), _after(arguments, "--width", WIDE)
    width = 1280 // zoom if zoom > 1 else width
    numbers = [word for word in arguments if word in lessons.numbers()] or lessons.numbers()
    with lab_in_browser() as (server, browser):
        if browser is None:
            raise SystemExit("no Chromium on this machine")
        for number in numbers:
            tour(server, browser, number, "dark" if "--dark" in arguments else "light", width, zoom)


if __name__ == "__main__":
    main(sys.argv[1:])
