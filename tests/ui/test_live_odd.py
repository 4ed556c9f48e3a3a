"""What people do to a running panel: they clear it, run its cell again, put it into another widget; and kernels die."""

import os
import signal

from test_live import PREPARE, RUN, press, start, step_of

SLOW = PREPARE + "history = trainer.fit(pace=1)"


def clear(book):
    book.page.evaluate("() => document.querySelector('.jp-CodeCell').scrollIntoView()")
    book.page.locator(".jp-Menu").first.wait_for(state="hidden")
    book.page.get_by_text("Edit", exact=True).first.click()
    book.page.get_by_text("Clear Cell Output", exact=True).click()


def test_a_slider_keeps_what_the_hand_gave_it_however_slow_the_steps(open_book):
    book = open_book([SLOW])
    start(book, rows=2)
    rate = book.panel(0).get_by_role("slider", name="Learning rate")
    book.focus(rate)
    seen = []
    for _ in range(6):
        book.page.keyboard.press("ArrowRight")
        seen.append(float(rate.get_attribute("aria-valuetext")))
        book.page.wait_for_timeout(400)
        seen.append(float(rate.get_attribute("aria-valuetext")))
    assert seen == sorted(seen), "it never jumps back"
    assert seen[-1] > 0.0042
    press(book, "Stop")
    book.wait_for(0)


def test_a_panel_whose_output_was_cleared_comes_back(open_book):
    book = open_book([RUN])
    start(book)
    place = book.cell(0).locator("[data-aitrain-place]")
    place.evaluate("place => place.dataset.old = 'yes'")
    clear(book)
    book.until(lambda: place.count() == 1 and place.get_attribute("data-old") is None)
    book.until(lambda: book.panel(0).count() == 1 and int(book.data(0, "rows") or 0) > 30)
    press(book, "Stop")
    assert "by the Stop button" in book.wait_for(0)
    assert book.output(0).locator("figure img").count() == 1


def test_a_paused_run_whose_cell_is_run_again_goes_on_to_its_end(open_book):
    book = open_book([PREPARE.replace("epochs=200", "epochs=3") + "history = trainer.fit(pace=20)"])
    start(book)
    press(book, "Pause")
    book.until(lambda: book.data(0, "word") == "paused")
    book.cell(0).locator(".cm-content").click()
    book.page.keyboard.press("Control+Enter")  # it waits for the run, which nobody could resume any longer
    book.panel(0).wait_for(state="detached")
    book.until(lambda: book.panel(0).count() == 1 and book.data(0, "word") == "running" and step_of(book) < 40)
    assert "done" in book.wait_for(0)
    assert not book.page.problems


def test_inside_an_output_widget_the_twin_comes_too(open_book):
    book = open_book(
        [
            f"import ipywidgets\nout = ipywidgets.Output()\ndisplay(out)\n{PREPARE}with out:\n    trainer.fit(pace=20, epochs=2)",
            "for _ in range(6):\n    ai.prepare(model='mlp', max_steps=3).fit()",
        ]
    )
    start(book)
    press(book, "Stop")
    book.wait_for(0)
    book.output(0).locator("figure img").wait_for()
    assert "by the Stop button" in book.output(0).inner_text()
    book.do(1)  # newer panels take its place in memory
    book.page.wait_for_timeout(1000)
    assert book.output(0).locator("figure img").count() == 1, "its picture stays"


def test_a_kernel_that_died_is_said(open_book):
    book = open_book(["import os; print(os.getpid())", RUN])
    process = int(book.do(0))
    start(book, 1)
    os.kill(process, signal.SIGKILL)
    book.until(lambda: book.data(1, "word") == "failed")
    assert "The kernel has gone" in book.panel(1).locator(".aitrain-hint").text_content()
    assert book.panel(1).locator("button:enabled").count() == 0
    book.shot("kernel_gone")
