"""What the form advises, in a real JupyterLab: a fix is entered and taken back, a learning rate is looked for, by mouse and keyboard."""

import pytest
from notebook_in_browser import BUSY, violations

CELLS = [
    'import aitrain_nb as ai\nform = ai.ConfigForm("digits", model="mlp", epochs=3, learning_rate=10.0)\nform',
    "print(form.config.learning_rate, form.trainer and form.trainer.step, form.rates and len(form.rates.losses))",
    BUSY,
]
LOOKS = [("light", 1280), ("dark", 560)]


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_a_fix_is_applied_and_undone_and_a_rate_is_found(open_book, theme, width):
    book = open_book(CELLS, theme=theme, width=width, height=1400)
    name = f"{theme}_{width}"
    book.run(0)
    form = book.cell(0).locator(".aitrain-form")
    form.wait_for()
    says, rate = form.locator(".aitrain-say"), form.locator('[data-field="learning_rate"] input[type=text]')
    assert not says.is_visible(), "before a run there is nothing to say"

    form.locator("[data-does=train]").press("Enter")
    book.until(lambda: form.get_attribute("data-word") == "done")
    apply = says.locator('[data-key="0"] [data-does=apply]')
    book.until(apply.is_visible)
    assert "10 → 0.001" in says.inner_text()
    book.shot(f"advice_{name}", says)
    book.run(2)  # a fix is arithmetic: it doesn't wait for the cell that runs
    book.focus(apply)
    book.page.keyboard.press("Enter")
    book.until(lambda: rate.input_value() == "0.001")
    book.until(lambda: "Applied: learning rate 10 → 0.001" in book.page.locator("#aitrain-said").text_content())
    book.until_focused(form, "apply")
    assert "was 10" in form.locator('[data-field="learning_rate"]').inner_text()
    book.shot(f"advice_applied_{name}")
    book.until(says.locator("[data-does=undo]").first.is_visible)
    book.page.keyboard.press("Tab")
    book.until_focused(form, "undo")
    book.page.keyboard.press("Space")
    book.until(lambda: rate.input_value() == "10")
    book.until_focused(form, "apply")  # the focus goes on where the button was that has gone
    assert "was 10" not in form.inner_text()
    book.let_go()
    book.wait_for(2)

    form.locator("[data-does=test]").click()
    tried = form.locator(".aitrain-tried")
    book.until(lambda: tried.locator("img").count() == 1)
    assert "Suggested" in tried.inner_text()
    tried.locator("[data-does=apply]").click()
    book.until(lambda: rate.input_value() == "0.0066")
    book.until(tried.locator("[data-does=undo]").is_visible)
    form.scroll_into_view_if_needed()
    book.shot(f"form_advised_{name}", form)
    assert book.do(1).split() == ["0.0066", "135", "91"], "the run and its trainer are what they were"
    assert not violations(book.page, ".aitrain-form")

    book.page.wait_for_timeout(1500)
    book.save()
    saved = book.path.read_text(encoding="utf-8")
    assert "form.apply(form.findings)" in saved
    assert "widget-view" not in saved
    assert not book.page.problems


def test_a_range_test_waits_its_turn_and_is_stopped(open_book):
    book = open_book([CELLS[0].replace('"mlp"', '"small-cnn", batch_size=1400'), *CELLS[1:]], height=1400)
    book.run(0)
    form = book.cell(0).locator(".aitrain-form")
    form.wait_for()
    book.run(2)
    form.locator("[data-does=test]").press("Enter")
    testing = form.locator(".aitrain-testing")
    book.until(lambda: "form.find_learning_rate()" in testing.inner_text())
    book.let_go()
    book.until(lambda: "step " in testing.inner_text() and "left" in testing.inner_text())
    book.shot("form_testing", form)
    assert not violations(book.page, ".aitrain-form")
    testing.locator("[data-does=stop_test]").click()
    book.until(lambda: testing.get_attribute("data-word") == "stopped")
    book.until_focused(form, "test")
    book.wait_for(2)
    assert 0 < int(book.do(1).split()[-1]) < 100
    assert not book.page.problems
