"""The live panel in a real JupyterLab: levers act while the cell runs, and the notebook still shows the run tomorrow.

Each test that waits says what it waits for; how soon a lever acts is measured by tests/benchmarks/live_latency.py.
"""

import json
import re

import nbformat
import pytest
from notebook_in_browser import violations

PREPARE = (
    "import aitrain_nb as ai\n"
    'trainer = ai.prepare(data="digits", model="small-cnn", epochs=200, learning_rate=0.003, evaluate_every=40)\n'
)
RUN = PREPARE + "history = trainer.fit(pace=20)"
SLIDERS = (
    "import aitrain_nb as ai, ipywidgets\n"
    "rate = ai.Slider(0.001, 'Rate', min=1e-5, max=1, log=True)\n"
    "size = ai.Slider(32, 'Batch', min=8, max=64, step=8, unit='examples')\n"
    "seen = []\n"
    "rate.observe(lambda change: seen.append(change.new), 'value')\n"
    "shown = ipywidgets.interactive_output(lambda size: print('size', size), {'size': size})\n"
    "ipywidgets.VBox([rate, ipywidgets.HBox([size]), shown])"
)


def start(book, number=0, rows=8):
    book.run(number)
    book.panel(number).wait_for()
    book.until(lambda: int(book.data(number, "rows") or 0) >= rows)


def press(book, name, number=0):
    book.panel(number).get_by_role("button", name=name, exact=True).click()


def step_of(book, number=0):
    shown = book.panel(number).locator(".aitrain-place").text_content()
    return int(re.search(r"step ([\d,]+)", shown)[1].replace(",", ""))


def test_every_lever_acts_while_the_cell_runs(open_book):
    book = open_book(
        [
            RUN,
            "print(*trainer.history.changes, sep='\\n')\nprint(trainer.ending)\nprint(len(history), trainer.step)",
            "print(2 + 3)",
        ]
    )
    start(book)
    book.until(lambda: book.data(0, "live") == "true")
    word = lambda: book.data(0, "word")  # noqa: E731

    pause_step_and_resume(book, word)
    move_rate_and_pace(book)
    book.shot("levers")
    stop_and_see_what_was_kept(book)
    assert book.do(2).strip() == "5", "the next cell runs"
    assert not book.page.problems


def pause_step_and_resume(book, word):
    press(book, "Pause")
    book.until(lambda: word() == "paused")
    held = step_of(book)
    book.page.wait_for_timeout(500)
    assert step_of(book) == held, "a paused run takes no step"
    press(book, "Step")
    book.until(lambda: step_of(book) == held + 1)
    book.page.wait_for_timeout(300)
    assert (word(), step_of(book)) == ("paused", held + 1)
    press(book, "Resume")
    book.until(lambda: step_of(book) > held + 3)


def move_rate_and_pace(book):
    rate = book.panel(0).get_by_role("slider", name="Learning rate")
    book.focus(rate)
    book.page.keyboard.press("ArrowRight")
    book.until(lambda: "lr=0.00316" in book.panel(0).locator(".aitrain-line").text_content())
    field = book.panel(0).get_by_role("textbox", name="Learning rate")
    field.fill("0.01")
    field.press("Enter")
    book.until(lambda: "lr=0.01" in book.panel(0).locator(".aitrain-line").text_content())
    field.fill("much")
    field.press("Enter")
    assert "a number from" in book.panel(0).locator(".aitrain-wrong").first.text_content()
    assert rate.get_attribute("aria-valuetext") == "0.01", "the last good value goes on to hold"

    pace = book.panel(0).get_by_role("textbox", name=re.compile("Pace"))
    slow = book.panel(0).get_by_role("slider", name="Pace")
    pace.fill("0.4")
    pace.press("Enter")
    assert slow.get_attribute("aria-valuetext") == "0.4 steps/s"
    pace.fill("full")
    pace.press("Enter")
    before = step_of(book)
    book.until(lambda: step_of(book) > before + 60)


def stop_and_see_what_was_kept(book):
    press(book, "Stop")
    said = book.wait_for(0)
    assert "by the Stop button" in said
    assert book.panel(0).count() == 0, "the static twin stands in its place"
    told = book.do(1)
    changes = [line for line in told.splitlines() if line.startswith("Change")]
    names = [re.search(r"name='(\w+)'", line)[1] for line in changes]
    assert names[:4] == ["paused", "paused", "learning_rate", "learning_rate"]
    assert set(names[4:]) == {"pace"}, "0.4 for a moment, if a step began meanwhile, and full speed"
    assert "stopped: by the Stop button; kept" in told
    taken, step = told.splitlines()[-1].split()
    assert taken == step


def test_without_message_threads_a_hint_appears_and_interrupt_is_the_stop(open_book, server):
    server.set("apputils-extension/kernels-settings", commsOverSubshells="disabled")
    try:
        book = open_book([RUN, "print(trainer.ending.state, len(history))"])
        start(book)
        hint = book.panel(0).locator(".aitrain-hint")
        hint.wait_for(
            state="visible",
        )
        assert "interrupt" in hint.text_content()
        assert book.panel(0).get_by_role("button", name="Stop").is_disabled()
        assert book.panel(0).get_by_role("slider", name="Learning rate").is_disabled()
        book.until(lambda: int(book.data(0, "rows")) > 40)  # the curve goes on
        book.shot("hint")
        book.interrupt()
        assert "interrupted" in book.wait_for(0)
        state, rows = book.do(1).split()
        assert (state, int(rows) > 40) == ("stopped", True)
    finally:
        (server.settings / "@jupyterlab/apputils-extension/kernels-settings.jupyterlab-settings").unlink()


def test_a_saved_notebook_still_shows_the_run(open_book, browser, tmp_path):
    short = RUN.replace("epochs=200", "epochs=3").replace("pace=20", "pace=0")
    book = open_book([short])
    said = book.do(0)
    assert "kept epoch" in said
    book.save()
    saved = nbformat.read(book.path, as_version=4)
    assert "widget" not in json.dumps(saved), "no widget in the file"
    assert book.path.stat().st_size < 300_000
    name, book_path = book.path.name, book.path
    book.page.close()

    copy = nbformat.read(book_path, as_version=4)
    copy.cells[0].source += "  # changed, so that no signature fits"
    for kind, options in {"reopened": {"name": name}, "unsigned": {"notebook": copy, "name": "unsigned.ipynb"}}.items():
        again = open_book(**options)
        picture = again.output(0).locator("img")
        picture.wait_for()
        assert picture.evaluate("image => image.naturalWidth") > 500, kind
        assert "Training loss from" in picture.get_attribute("alt")
        again.output(0).locator("summary").first.click()
        assert again.output(0).locator("td").count() > 5
        again.shot(kind)

    from nbconvert import HTMLExporter

    page = browser.new_page()
    page.route("**/*", lambda route: route.abort() if route.request.url.startswith("http") else route.continue_())
    exported = tmp_path / "run.html"
    exported.write_text(HTMLExporter().from_filename(str(book_path))[0], encoding="utf-8")
    page.goto(exported.as_uri())
    assert page.locator("figure img").evaluate("image => image.naturalWidth") > 500
    page.locator("figure summary").first.click()
    assert page.locator("figure td").first.is_visible()
    page.close()


def test_a_page_that_is_reloaded_in_mid_run_shows_the_whole_run(open_book):
    """JupyterLab itself can't reach a kernel whose cell runs: the interrupt can, and then the panel asks for everything."""
    book = open_book([RUN, "print(len(history))"])
    start(book, rows=30)
    book.save()
    book.page.reload()
    book.page.wait_for_selector(".jp-Notebook .jp-Cell")
    book.page.wait_for_timeout(2000)
    book.interrupt()
    book.panel(0).wait_for()
    book.until(lambda: book.data(0, "word") == "stopped")
    book.shot("reloaded")
    assert int(book.do(1)) == int(book.data(0, "rows"))


@pytest.mark.parametrize(
    ("theme", "width", "scale"), [("light", 1280, 1), ("dark", 1280, 1), ("light", 560, 1), ("light", 640, 2)]
)
def test_nothing_of_ours_breaks_wcag(open_book, theme, width, scale):
    """The last is a page of 1280 pixels zoomed to 200 %: half as wide, each point two pixels."""
    book = open_book(
        [RUN, "ai.Slider(0.003, 'Learning rate', min=1e-5, max=1, log=True, help='How far a step goes')"],
        theme=theme,
        width=width,
        scale=scale,
        height=1000 // scale,
    )
    start(book, rows=50)
    book.shot(f"live_{theme}_{width}")
    found = violations(book.page, ".aitrain-panel")
    assert not found, found
    wide = book.panel(0).evaluate("panel => [panel.scrollWidth, panel.clientWidth]")
    assert wide[0] <= wide[1], "nothing sticks out to the side"
    press(book, "Stop")
    book.wait_for(0)
    book.do(1)
    book.page.wait_for_timeout(300)
    book.shot(f"twin_{theme}_{width}")
    for place in (".jp-OutputArea figure", ".aitrain-slider"):
        found = violations(book.page, place)
        assert not found, found


def test_the_slider_by_keyboard_only_and_inside_other_widgets(open_book):
    book = open_book(
        [
            SLIDERS,
            "print(rate.value, size.value, len(seen))",
            "rate.value = 0.1",
        ]
    )
    book.do(0)
    rate = book.output(0).get_by_role("slider", name="Rate")
    rate.wait_for()
    book.focus(rate)
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft"):
        book.page.keyboard.press(key)
    book.page.keyboard.press("Tab")
    book.page.keyboard.press("Tab")
    assert book.page.evaluate("() => document.activeElement.type") == "range"
    book.page.keyboard.press("ArrowRight")
    book.until(lambda: "size 40" in book.output(0).inner_text())
    assert "40 examples" in book.output(0).get_by_role("slider", name="Batch").get_attribute("aria-valuetext")
    value, size, seen = book.do(1).split()
    assert 0.001 < float(value) < 0.0012
    assert (float(size), int(seen) > 0) == (40.0, True), "changes in quick succession may come as one"
    book.do(2)
    book.until(lambda: rate.get_attribute("aria-valuetext") == "0.1")
    book.shot("sliders")


def test_a_slider_of_its_own_leaves_its_words_in_the_file(open_book):
    book = open_book(
        [
            "import aitrain_nb as ai\nrate = ai.Slider(0.001, 'Rate', min=1e-5, max=1, log=True)\nrate",
            "print(rate.value)",
        ]
    )
    book.do(0)
    slider = book.output(0).get_by_role("slider", name="Rate")
    book.focus(slider)
    book.page.keyboard.press("ArrowRight")
    moved = float(slider.get_attribute("aria-valuetext"))
    assert moved > 0.001
    book.page.wait_for_timeout(1500)  # the twin in the file is put in place when the hand rests
    book.page.keyboard.press("ArrowRight")
    further = float(slider.get_attribute("aria-valuetext"))
    assert further > moved, "the focus has stayed"
    assert float(book.do(1)) == pytest.approx(further, rel=0.01)
    book.page.wait_for_timeout(1200)
    book.save()
    saved = nbformat.read(book.path, as_version=4)
    assert "widget-view" not in json.dumps(saved)
    assert f"Rate = {further:g}" in saved.cells[0].outputs[0]["data"]["text/html"]
    book.page.reload()
    book.output(0).get_by_role("slider", name="Rate").wait_for()  # the kernel is still there: it lives again
    assert not book.page.problems


def test_the_whole_panel_by_keyboard_only(open_book):
    book = open_book([RUN, "print(trainer.ending.line)"])
    start(book)
    book.until(lambda: book.data(0, "live") == "true")
    keys, word = book.page.keyboard, lambda: book.data(0, "word")
    panel, rate = book.panel(0), book.panel(0).get_by_role("slider", name="Learning rate")

    def focused():
        return book.page.evaluate("() => document.activeElement.dataset.does || document.activeElement.localName")

    book.focus(panel.locator("[data-does=pause]"))
    for key in ("x", "d", "d", "b", "j"):  # in a notebook these cut, delete, add and leave a cell
        keys.press(key)
    assert (focused(), book.page.locator(".jp-CodeCell").count()) == ("pause", 2)
    keys.press("Space")
    book.until(lambda: word() == "paused")
    held = step_of(book)
    keys.press("Tab")
    assert focused() == "step"
    keys.press("Enter")
    book.until(lambda: step_of(book) == held + 1)
    keys.press("Tab")
    assert focused() == "stop"
    keys.press("Tab")
    assert focused() == "look"
    keys.press("Tab")
    keys.press("PageUp")
    raised = float(rate.get_attribute("aria-valuetext"))
    assert raised > 0.003
    keys.press("Tab")
    keys.type("0.02")
    keys.press("Enter")
    assert rate.get_attribute("aria-valuetext") == "0.02"
    keys.press("Tab")
    keys.press("End")
    assert panel.get_by_role("slider", name="Pace").get_attribute("aria-valuetext") == "full"
    keys.press("Tab")
    keys.press("Tab")
    assert focused() == "canvas"
    read_and_view_by_keyboard(book, panel, rate)
    book.shot("by_keyboard")
    book.focus(panel.locator("[data-does=pause]"))
    keys.press("Enter")
    book.until(lambda: "lr=0.02" in panel.locator(".aitrain-line").text_content())
    assert rate.get_attribute("aria-valuetext") == "0.02"
    book.focus(panel.locator("[data-does=stop]"))
    keys.press("Space")
    assert "by the Stop button" in book.wait_for(0)
    assert "by the Stop button" in book.do(1)
    assert not book.page.problems


def read_and_view_by_keyboard(book, panel, rate):
    """From the chart on, which has the focus, to the table."""
    keys = book.page.keyboard
    keys.press("Home")
    values = panel.locator(".aitrain-values")
    book.until(lambda: values.text_content().startswith("step 1 "))
    keys.press("ArrowRight")
    book.until(lambda: values.text_content().startswith("step 2 "))
    keys.press("Escape")
    assert rate.get_attribute("aria-valuetext") == "0.02", "what was set while it is paused stays"
    keys.press("Tab")
    keys.press("ArrowDown")
    assert panel.locator("[data-view=across]").input_value() == "epoch"
    keys.press("Tab")
    keys.press("ArrowDown")
    assert panel.locator("[data-view=log]").input_value() == "log"
    keys.press("Tab")
    keys.press("Enter")
    assert panel.locator("details").evaluate("details => details.open")
    book.page.wait_for_timeout(700)
    assert rate.get_attribute("aria-valuetext") == "0.02"
