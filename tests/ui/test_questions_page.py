"""A step asked, and a run branched off, in a real JupyterLab: by mouse and by keyboard, light and dark, wide and narrow."""

from notebook_in_browser import violations

SHOWN = "import aitrain_nb as ai\ntrainer = ai.prepare(data='digits', model='small-cnn', epochs=2)\nstepper = ai.Stepper(trainer)\nstepper"
WHERE = "print(trainer.step, sorted(trainer.branches), stepper.walk.trainer.branch.name, stepper.walk.trainer.step)"


def test_blame_is_asked_and_tested_and_a_branch_is_trained(open_book):
    book = open_book([SHOWN, WHERE], height=2300, width=1100)
    book.run(0)
    stepper = book.cell(0).locator(".aitrain-stepper")
    stepper.wait_for()

    def clicked(element):
        before = int(stepper.get_attribute("data-clicks"))
        element.click()
        book.until(lambda: int(stepper.get_attribute("data-clicks")) > before)
        book.until(lambda: stepper.get_attribute("data-busy") == "false")

    chip = lambda name: stepper.locator(f"[data-question={name}]")  # noqa: E731
    assert chip("blame").get_attribute("aria-disabled") == "true"
    assert "after backward" in chip("blame").inner_text()
    book.shot("questions_before")
    clicked(stepper.locator("[data-does=next_step]"))
    assert chip("blame").get_attribute("aria-disabled") == "false"
    chip("blame").click()
    book.shot("questions_form")
    assert not violations(book.page, ".aitrain-stepper")
    clicked(stepper.locator(".aitrain-question:visible .aitrain-ask"))
    assert "gradients.blame(" in stepper.locator(".aitrain-answer pre").first.inner_text()
    book.shot("questions_blame")
    clicked(stepper.locator("[data-follows=nudge_these]"))
    assert "others in the batch" in stepper.locator(".aitrain-answer").first.inner_text()
    book.shot("questions_nudged")
    assert not violations(book.page, ".aitrain-stepper")

    chip("fork").focus()
    book.page.keyboard.press("Enter")  # from here on by keyboard
    for _ in range(4):  # past the three others
        book.page.keyboard.press("Tab")
    book.until_focused(stepper, "Name")
    book.page.keyboard.type("faster <b>")
    before = int(stepper.get_attribute("data-clicks"))
    book.page.keyboard.press("Enter")
    book.until(lambda: int(stepper.get_attribute("data-clicks")) > before)
    rows = stepper.locator(".aitrain-branches > li")
    book.until(lambda: rows.count() == 2)
    assert "faster <b>" in rows.nth(1).inner_text()
    clicked(rows.nth(1).locator("[data-does=train_branch]"))
    assert "here" in rows.nth(1).inner_text()
    chip("compare").click()
    clicked(stepper.locator(".aitrain-question:visible .aitrain-ask").last)
    book.shot("questions_branches")
    chip("profile").click()
    clicked(stepper.locator(".aitrain-question:visible .aitrain-ask").last)
    assert stepper.locator(".aitrain-answer", has_text="A step takes").count() == 1
    book.shot("questions_profile")
    assert not violations(book.page, ".aitrain-stepper")
    assert book.do(1).split()[0] == "1"
    saved = book.saved()
    for words in (
        "gradients.blame(",
        "The branches of this run",
        "Which weights caused this mistake?",
        "Where does the time go?",
    ):
        assert words in saved
    assert not book.page.problems


def test_the_questions_in_a_narrow_dark_page(open_book):
    book = open_book(
        [f"{SHOWN.rpartition(chr(10))[0]}\nstepper.next_step()\nstepper"], theme="dark", width=560, height=2400
    )
    book.do(0)
    stepper = book.cell(0).locator(".aitrain-stepper")
    stepper.wait_for()
    for name in ("gradient", "weight", "forgotten", "fork"):
        stepper.locator(f"[data-question={name}]").click()
        before = int(stepper.get_attribute("data-clicks"))
        stepper.locator(".aitrain-question:visible .aitrain-ask").last.click()
        book.until(lambda: int(stepper.get_attribute("data-clicks")) > before)  # noqa: B023
        book.shot(f"questions_dark_{name}")
    assert not violations(book.page, ".aitrain-stepper")
    assert stepper.evaluate("element => element.scrollWidth <= element.clientWidth + 1")
    stepper.locator("[data-question=rates]").click()
    field = stepper.locator("[data-field=rates]")
    field.fill("fast")
    field.press("Enter")
    book.until(lambda: "numbers with commas" in stepper.locator(".aitrain-hint").inner_text())
    book.shot("questions_dark_refused")
    assert not book.page.problems


def test_a_question_that_takes_long_says_so_and_is_stopped(open_book):
    slow = "import time\ntrainer.model.register_forward_hook(lambda *_: time.sleep(1))\nstepper"
    book = open_book(
        [SHOWN.removesuffix("stepper") + slow, "print(trainer.step, len(stepper.walk.asked))"], height=1700
    )
    book.run(0)
    stepper = book.cell(0).locator(".aitrain-stepper")
    stepper.wait_for()
    stepper.locator("[data-question=profile]").click()
    asking = stepper.locator(".aitrain-question:visible .aitrain-ask").last
    asking.press("Enter")
    stop = stepper.locator("[data-does=stop_question]")
    stop.wait_for()
    assert "Working on it" in stepper.locator(".aitrain-hint").inner_text()
    book.shot("questions_working", stepper)
    assert not violations(book.page, ".aitrain-stepper")
    stop.press("Enter")
    book.until(lambda: "Stopped before there was an answer" in stepper.locator(".aitrain-hint").inner_text())
    assert not stop.is_visible()
    assert asking.evaluate("element => element === document.activeElement"), "the focus is again where it was"
    assert stepper.get_attribute("data-busy") == "false"
    assert book.do(1).split() == ["0", "0"]
    assert not book.page.problems
