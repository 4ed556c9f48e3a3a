"""Every lesson in a real JupyterLab: all cells in turn, gates closed and open; each dial moved; pictures taken; axe-core asked.

python tests/ui/lesson_tour.py [00 06 ...] [--dark] [--closed]     screenshots go to AITRAIN_NB_SHOTS
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


def tour(server, browser, number, theme):
    """One lesson; prints a line."""
    lesson = lessons.lesson(number)
    server.set("notebook-extension/tracker", windowingMode="none")  # every cell is there, also those further down
    book = open_book(server, browser, name=f"{lesson.stem}.ipynb", theme=theme, width=1100, height=14_000)
    began = time.monotonic()
    cells = sum(cell.cell_type == "code" for cell in versions.make(lesson).cells)
    wrong = visit(book, cells)
    seconds = time.monotonic() - began
    waits = answers(book)
    unfair = violations(book.page, ".jp-Notebook .jp-OutputArea-output")
    book.shot(f"tour-{number}-{theme}-{os.environ['AITRAIN_NB_UNGATED']}", book.page.locator(".jp-Notebook").first)
    shown = ", ".join(f"{wait:.0f}" for wait in waits) or "none"
    print(
        f"{number} {theme}: {seconds:.0f} s, {len(wrong)} errors, sliders answer in {shown} ms, axe {len(unfair)}",
        flush=True,
    )
    for line in [*wrong, *unfair]:
        print("   ", line, flush=True)
    book.close()


def main(arguments):
    """The lessons that were named, or all."""
    numbers = [word for word in arguments if word.isdigit()] or lessons.numbers()
    with lab_in_browser() as (server, browser):
        if browser is None:
            raise SystemExit("no Chromium on this machine")
        for number in numbers:
            tour(server, browser, number, "dark" if "--dark" in arguments else "light")


if __name__ == "__main__":
    main(sys.argv[1:])
