"""A step of a paused run, looked into phase by phase in a real JupyterLab."""

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
    panel.wait_for(timeout=60_000)
    book.until(lambda: int(book.data(0, "rows") or 0) > 20, 60)
    look = panel.locator("[data-does=look]")
    assert look.is_hidden()
    press("pause")
    book.until(look.is_visible)
    book.until(lambda: book.data(0, "word") == "paused")
    assert look.inner_text() == "Look inside the next step"
    held = panel.locator(".aitrain-place").inner_text()
    look.focus()
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
