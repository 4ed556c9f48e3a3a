"""The playground in a real JupyterLab: typed, drawn, chosen and written, by mouse and by keyboard."""

import pytest
from notebook_in_browser import BUSY, violations

DIGITS = [
    """import aitrain_nb as ai
trainer = ai.prepare(data="digits", model="small-cnn", epochs=3)
trainer.fit("none")
before = trainer.fingerprint()
playground = ai.Playground(trainer)
playground""",
    "print(playground.value.predicted, tuple(playground.value.example.shape), trainer.fingerprint() == before)",
    BUSY,
]
TEXTS = [
    """import aitrain_nb as ai
trainer = ai.prepare(data="tickets", model="small-encoder", max_steps=8)
trainer.fit("none")
playground = ai.Playground(trainer)
playground""",
    "print(playground.value.example)",
    'playground.ask("<img src=x onerror=alert(1)> asked in code");',
]
PROMPTS = [
    """import aitrain_nb as ai
trainer = ai.prepare(data="tickets", task="text-generation", model="small-gpt", max_steps=8)
trainer.fit("none")
playground = ai.Playground(trainer)
playground""",
    """value = playground.value
same = trainer.generate(value.prompt, tokens=len(value.pieces), temperature=0.5, top_k=None, seed=7)
print(value.text == same, len(value.pieces))""",
]

EXAMPLE = "Example of the validation data"
SLIDERS = [name for name in ("Temperature", "Top k", "Tokens", "Seed") for _ in ("a slider", "its number field")]


@pytest.fixture
def playground(open_book):
    """playground(cells, ...): the notebook, and the playground that its first cell shows."""

    def make(cells, **options):
        book = open_book(cells, **options)
        book.run(0)
        shown = book.cell(0).locator(".aitrain-playground")
        shown.locator(".aitrain-answer b").first.wait_for(timeout=90_000)
        return book, shown

    return make


def answer(shown):
    return shown.locator(".aitrain-answer").inner_text()


def wrong(shown):
    return shown.locator(".aitrain-outputs > .aitrain-wrong").text_content()


def draw(book, canvas, points):
    box = canvas.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    book.page.mouse.move(*at[0])
    book.page.mouse.down()
    for one in at[1:]:
        book.page.mouse.move(*one, steps=4)
    book.page.mouse.up()


def test_a_digit_is_drawn_with_the_mouse_and_by_keys_and_read_from_a_file(playground, tmp_path):
    from PIL import Image

    book, shown = playground(DIGITS, height=1200)
    canvas = shown.locator("canvas")
    draw(book, canvas, [(0.5, 0.15), (0.3, 0.3), (0.3, 0.7), (0.5, 0.85), (0.7, 0.7), (0.7, 0.3), (0.5, 0.15)])
    book.until(lambda: answer(shown).startswith("Answer: 0"))
    book.shot("playground_digit_light")
    assert not violations(book.page, ".aitrain-playground")
    assert book.do(1).split() == ["0", "(1,", "8,", "8)", "True"]

    book.run(2)  # a cell that runs goes first, and the page says so
    shown.locator("[data-does=clear]").click()
    assert "pad is empty" in shown.locator(".aitrain-hint").inner_text()
    book.focus(canvas)
    for key in ["Space", *["ArrowDown"] * 14]:
        book.page.keyboard.press(key)
    book.until(lambda: "a cell that runs" in shown.locator(".aitrain-hint").inner_text())
    book.let_go()
    book.until(lambda: answer(shown).startswith("Answer: 1"))
    assert not shown.locator(".aitrain-hint").is_visible()
    for key in [
        "Space",
        "ArrowRight",
        "Space",
        "ArrowRight",
    ]:  # lifted, aside, and down again: the pen is where it was left
        book.page.keyboard.press(key)
    book.page.wait_for_timeout(1300)
    count = shown.get_attribute("data-answers")
    book.page.keyboard.press("ArrowUp")
    book.until(lambda: shown.get_attribute("data-answers") != count)
    book.page.keyboard.press("Backspace")
    book.until(lambda: answer(shown).startswith("Answer: 1"))

    book.focus(canvas)
    book.page.keyboard.press("Escape")
    book.until_focused(shown, "undo")  # out of the pad, and the focus isn't lost
    shown.locator("[data-does=clear]").press("Enter")
    book.until_focused(shown, "clear")
    assert canvas.evaluate("pad => getComputedStyle(pad).touchAction") == "none", "a finger draws, it doesn't scroll"
    book.touch(canvas, [(0.5, 0.15), (0.5, 0.4), (0.5, 0.6), (0.5, 0.85)])
    book.until(lambda: answer(shown).startswith("Answer: 1"))
    assert book.tabs(shown)[:7] == [EXAMPLE, "previous", "next", "Image file", "Drawing pad", "undo", "clear"]

    Image.new("L", (40, 30), 0).save(tmp_path / "<b>black.png")
    shown.locator("input[type=file]").set_input_files(tmp_path / "<b>black.png")
    book.until(lambda: "<b>black.png" in answer(shown))
    (tmp_path / "odd.png").write_bytes(b"no image")
    shown.locator("input[type=file]").set_input_files(tmp_path / "odd.png")
    book.until(lambda: "odd.png" in wrong(shown))
    shown.locator("[data-does=next]").press("Enter")
    book.until(lambda: "in the data" in answer(shown))
    assert not wrong(shown)
    assert not book.page.problems


def test_a_text_is_typed_and_the_saved_notebook_holds_the_answer_but_no_widget(playground):
    book, shown = playground(TEXTS, theme="dark", width=560, height=1100)
    area = shown.get_by_label("Text")
    area.fill("")
    area.press_sequentially("My parcel <b>never</b> came", delay=15)
    book.until(lambda: "parcel <b>never</b> came" in answer(shown))
    book.shot("playground_text_dark_narrow")
    assert not violations(book.page, ".aitrain-playground")
    assert book.do(1).strip() == "My parcel <b>never</b> came"
    assert book.tabs(shown)[:4] == ["Text", EXAMPLE, "previous", "next"]
    area.fill("")
    book.until(lambda: "Type a few words" in shown.locator(".aitrain-hint").inner_text())
    book.do(2)
    book.until(lambda: "asked in code" in answer(shown))
    assert "asked in code" in area.input_value()
    assert not shown.locator("img").count()
    assert "asked in code" in book.saved()
    assert not book.page.problems


def test_a_prompt_is_gone_on_with_and_stopped(playground):
    book, shown = playground(PROMPTS, height=1200)
    area = shown.get_by_label("Prompt")
    area.fill("The parcel")
    book.until(lambda: "What comes next" in answer(shown) and "'The parcel'" in answer(shown))
    for name, value in [("Temperature", "0.5"), ("Seed", "7"), ("Tokens", "300")]:
        field = shown.get_by_role("textbox", name=name, exact=True)
        field.fill(value)
        field.press("Enter")
    tabs = book.tabs(shown)
    assert tabs[:14] == ["Prompt", EXAMPLE, "previous", "next", *SLIDERS, "write", "stop"]
    area.press("Control+Enter")
    pieces = shown.get_by_role("option")
    book.until(lambda: pieces.count() > 5)
    shown.locator("[data-does=stop]").click()
    book.until(lambda: shown.get_attribute("data-writing") == "false")
    count = pieces.count()
    assert count < 300
    book.focus(pieces.first)
    book.page.keyboard.press("ArrowRight")
    assert "Most probable here" in shown.locator(".aitrain-about").inner_text()
    book.shot("playground_prompt_light")
    assert not violations(book.page, ".aitrain-playground")
    assert book.do(1).split() == ["True", str(count)]
    assert not book.page.problems
