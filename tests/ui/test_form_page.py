"""The form in a real JupyterLab: moved by mouse and keyboard, previewed, trained by its button, and what stays of it."""

from notebook_in_browser import BUSY, violations

CELLS = [
    'import aitrain_nb as ai\nform = ai.ConfigForm("digits", model="mlp", epochs=2)\nform',
    "print(form.config.batch_size, form.config.learning_rate, form.preview.plan.total_steps, form.trainer and form.trainer.step)",
    BUSY,
    "curve = form.shown['curve']  # as the page draws it",
    (
        "rates = [row['lr'] for row in form.history]\n"
        "print(len(curve), len(rates), max(abs(previewed - taken) for (_, previewed), taken in zip(curve, rates, strict=True)))"
    ),
]
BASIC = ["Task", "Data", "Model", "Method", "Epochs", "Epochs, epochs", "Batch size"]  # a slider, then its number field


def fact(form, name):
    return form.locator(".aitrain-facts div", has=form.page.get_by_text(name, exact=True)).locator("dd").text_content()


def test_a_run_is_described_previewed_and_trained(open_book):
    book = open_book(CELLS, height=1400)
    book.run(0)
    form = book.cell(0).locator(".aitrain-form")
    form.wait_for()
    book.until(lambda: fact(form, "steps in all") == "90")
    assert fact(form, "weights") == "4,810"
    book.shot("form_light")
    names = book.tabs(form)
    assert names[: len(BASIC)] == BASIC
    assert names.index("train") < names.index("Optimizer") < names.index("Load a config or a run"), (
        "Train comes before what is folded away"
    )

    size = form.locator('[data-field="batch_size"] input[type=range]')
    book.focus(size)
    for _ in range(3):
        book.page.keyboard.press("ArrowRight")
    book.until_focused(form, "Batch size")  # the notebook takes no arrow key of a slider
    book.until(lambda: fact(form, "steps in all") != "90")
    box = form.locator('[data-field="learning_rate"] input[type=range]').bounding_box()
    book.page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    number = form.locator('[data-field="epochs"] input:not([type=range])').first
    number.fill("3")
    number.press("Enter")
    form.locator('[data-field="schedule"] select').select_option("cosine")
    book.until(lambda: "cosine" in fact(form, "learning rate"))
    page_says = fact(form, "steps in all").replace(",", "")
    printed = book.do(1).split()
    assert int(printed[0]) > 32
    assert printed[2] == page_says
    assert not book.do(3)

    model = form.locator('[data-field="model"] input')
    model.fill("smal-cnn")
    model.press("Enter")
    wrong = form.locator('[data-field="model"] .aitrain-wrong')
    book.until(lambda: "Did you mean 'small-cnn'?" in wrong.text_content())
    model.fill("mlp")
    model.press("Enter")
    book.until(lambda: not wrong.text_content())

    book.run(2)  # a cell that runs goes first
    form.locator("[data-does=train]").press("Enter")
    book.page.wait_for_timeout(300)
    assert form.get_attribute("data-word") not in {"running", "done"}
    book.let_go()
    book.until(lambda: form.get_attribute("data-word") in {"done", "failed"})
    book.until_focused(form, "train")
    assert form.get_attribute("data-word") == "done", form.inner_text()
    assert book.do(1).split()[-1] == page_says
    steps, trained, difference = book.do(4).split()
    assert steps == trained == page_says
    assert float(difference) < 1e-12
    assert "memory: estimated" in form.locator(".aitrain-run").inner_text(), (
        "what was foreseen stands beside what it took"
    )
    book.shot("form_trained")
    assert not violations(book.page, ".aitrain-form")

    assert "steps in all" in book.saved()
    assert not book.page.problems


def test_what_makes_a_run_quicker_is_switched_in_its_group(open_book):
    cells = ['import aitrain_nb as ai\nform = ai.ConfigForm("digits", model="small-vit")\nform', "print(form.config)"]
    book = open_book(cells, height=1400)
    book.run(0)
    form = book.cell(0).locator(".aitrain-form")
    form.wait_for()
    form.get_by_text("Speed and memory", exact=True).click()
    form.locator('[data-field="gradient_checkpointing"] input').check()
    form.locator('[data-field="precision"] select').select_option("fp16")
    form.locator('[data-field="fused_optimizer"] select').select_option("off")
    book.until(lambda: "gradient_checkpointing=True" in book.do(1))
    assert "precision='fp16'" in book.do(1)
    assert "fused_optimizer='off'" in book.do(1)
    book.until(lambda: "that are free" in fact(form, "memory"))
    book.shot("form_speed")
    assert not violations(book.page, ".aitrain-form")
    assert not book.page.problems


def test_what_a_run_needs_comes_a_moment_later_and_follows_the_batch(open_book):
    cells = ['import aitrain_nb as ai\nform = ai.ConfigForm("tickets", model="minilm", method="lora")\nform', CELLS[2]]
    book = open_book(cells, theme="dark", width=560, height=1400)
    book.run(0)
    form = book.cell(0).locator(".aitrain-form")
    form.wait_for()
    book.until(lambda: "that are free" in fact(form, "memory"))
    assert "are trained" in fact(form, "weights")
    before = fact(form, "memory")
    book.run(1)  # a cell that runs doesn't hold it up
    number = form.locator('[data-field="batch_size"] input[type=text]')
    number.fill("8")
    number.press("Enter")
    book.until(lambda: fact(form, "memory") != before)
    form.get_by_text("Speed and memory", exact=True).click()
    attention = form.locator('[data-field="attention"] option[value=auto]')
    assert attention.text_content() == "auto: eager"
    book.shot("form_needs_dark_narrow")
    assert not violations(book.page, ".aitrain-form")
    book.until(lambda: "that are free" in book.saved())
    assert not book.page.problems


def test_a_long_run_of_the_form_is_stopped_and_interrupted(open_book):
    cells = [CELLS[0].replace("epochs=2", "epochs=500"), CELLS[1]]
    book = open_book(cells, theme="dark", width=560, height=1400)
    book.run(0)
    form = book.cell(0).locator(".aitrain-form")
    form.wait_for()
    book.shot("form_dark_narrow")
    assert not violations(book.page, ".aitrain-form")
    rate = form.locator('[data-field="learning_rate"] input[type=range]')
    assert rate.evaluate("range => getComputedStyle(range).touchAction") == "pan-y", (
        "a finger that goes up and down scrolls the page"
    )
    book.touch(rate, [(0.6, 0.5), (0.63, 0.5), (0.7, 0.5), (0.75, 0.5)])
    touched = form.locator('[data-field="learning_rate"] input[type=text]').input_value()
    book.until(lambda: fact(form, "learning rate") == f"{touched}, constant")
    train, panel = form.locator("[data-does=train]"), form.locator(".aitrain-panel")
    for end in (lambda: panel.locator("[data-does=stop]").click(), book.interrupt):
        train.click()
        book.until(lambda: int(panel.get_attribute("data-rows") or 0) > 100)
        assert "measured" in panel.locator(".aitrain-needed").text_content()
        book.shot("form_training_dark_narrow")
        book.run(1)  # the next cell waits for the run, and finds what it has come to
        end()
        assert 100 < int(book.wait_for(1).split()[-1]) < 22_500
        assert form.get_attribute("data-word") == "stopped"
    assert not book.page.problems
