"""A run walked by hand, and a step of a paused run looked into, phase by phase in a real JupyterLab."""

from notebook_in_browser import violations


def states(place):
    return [box.get_attribute("data-state") for box in place.locator("li.aitrain-box").all()]


def test_a_step_of_a_paused_run_is_looked_into(open_book):
    book = open_book(
        ["import aitrain_nb as ai\ntrainer = ai.prepare(data='digits', model='mlp', epochs=60)\ntrainer.fit(pace=60)"],
        height=1500,
    )
    book.run(0)
    panel = book.panel(0)
    press = lambda does: panel.locator(f"[data-does={does}]").click()  # noqa: E731
    panel.wait_for()
    book.until(lambda: int(book.data(0, "rows") or 0) > 20)
    look = panel.locator("[data-does=look]")
    assert look.is_hidden()
    press("pause")
    book.until(look.is_visible)
    book.until(lambda: book.data(0, "word") == "paused")
    assert look.inner_text() == "Look inside the next step"
    held = panel.locator(".aitrain-place").inner_text()
    book.focus(look)
    for done in range(1, 5):
        book.page.keyboard.press("Enter")
        book.until(lambda: states(panel) == ["done"] * done + ["next"] + ["ahead"] * (4 - done))  # noqa: B023
        assert look.inner_text() == "Next phase"
        assert panel.locator(".aitrain-view").inner_text()
        assert panel.locator(".aitrain-place").inner_text() == held
    book.shot("look_inside")
    assert not violations(book.page, ".aitrain-panel")
    book.page.keyboard.press("Enter")
    book.until(lambda: states(panel)[0] == "next")
    assert look.inner_text() == "Look inside the next step"
    assert panel.locator(".aitrain-place").inner_text() != held
    book.page.keyboard.press("Enter")
    book.until(lambda: states(panel)[1] == "next")
    press("pause")
    book.until(lambda: book.data(0, "word") == "running")
    book.until(lambda: not panel.locator(".aitrain-inside").is_visible())
    press("stop")
    book.wait_for(0)
    book.until(lambda: not panel.count())
    assert not book.page.problems


PREPARED = [
    "import aitrain_nb as ai\ntrainer = ai.prepare(data='digits', model='mlp')\nstart = trainer.fingerprint()",
    "trainer = ai.prepare(data='tickets', model='small-encoder')\nstart = trainer.fingerprint()",
    "trainer = ai.prepare(data='tickets', task='text-generation', model='small-gpt')\nstart = trainer.fingerprint()",
]
SHOWN = "stepper = ai.Stepper(trainer)\nstepper"
WHERE = "print(trainer.step, trainer.fingerprint() == start)"
PHASES = ("tokenize", "forward", "loss", "backward", "update")


def test_a_whole_step_of_each_task_is_walked_and_taken_back(open_book):
    cells = [cell for prepared in PREPARED for cell in (f"{prepared}\n{SHOWN}", WHERE)]
    book = open_book(cells, theme="dark", width=560, height=1300)
    for task in range(len(PREPARED)):
        shown, where = 2 * task, 2 * task + 1
        book.run(shown)
        stepper = book.cell(shown).locator(".aitrain-stepper")
        stepper.wait_for()
        forward, back = (stepper.locator(f"[data-does={does}]") for does in ("next_phase", "back"))
        book.focus(forward)
        for done, phase in enumerate(PHASES, 1):
            book.page.keyboard.press("Enter")  # by keyboard alone
            book.until(lambda: stepper.get_attribute("data-clicks") == str(done))  # noqa: B023
            book.until_focused(stepper, "next_phase")
            assert f"trainer.{phase}(" in stepper.locator(".aitrain-click pre").text_content()
            assert stepper.locator(".aitrain-view").inner_text()
        book.shot(f"stepper_dark_narrow_{task}")
        assert not violations(book.page, ".aitrain-stepper")
        assert book.do(where).split() == ["1", "False"]
        book.focus(back)
        book.page.keyboard.press("Enter")
        book.until(lambda: stepper.get_attribute("data-clicks") == "6")  # noqa: B023
        assert book.do(where).split() == ["0", "True"]
    names = book.tabs(stepper)
    assert names[:5] == ["next_phase", "next_step", "to_epoch_end", "back", "This click as code"]
    assert names[-1] == "The whole walk as a cell"
    assert "trainer.undo()" in book.saved()
    assert not book.page.problems
