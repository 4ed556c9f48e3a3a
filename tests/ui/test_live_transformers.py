"""The live panel of a transformers Trainer in a real JupyterLab: its levers act while `train()` runs, and its picture is saved."""

import json
import re

import nbformat
import pytest
from notebook_in_browser import violations

pytest.importorskip("accelerate", reason="transformers' Trainer needs accelerate")

PREPARE = """
import torch, transformers, aitrain_nb as ai
config = transformers.GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=1, n_head=2)
rows = [{"input_ids": ids, "labels": ids} for ids in torch.randint(0, 20, (64, 8))]
arguments = transformers.TrainingArguments("out", num_train_epochs=500, per_device_train_batch_size=16, learning_rate=0.003,
    eval_strategy="steps", eval_steps=40, save_strategy="no", report_to="none", use_cpu=True)
def trainer_with(*callbacks):
    model = transformers.GPT2LMHeadModel(config)
    return transformers.Trainer(model, arguments, train_dataset=rows, eval_dataset=rows[:8], callbacks=[*callbacks])
print("ready")
"""
RUN = """
monitor = ai.Monitor.for_transformers(pace=20, points=2000)
trainer_with(monitor).train()
"""
TOLD = """
print(*monitor.history.changes, sep="\\n")
print(monitor.ending)
print(len(monitor.history), monitor.history.last["step"], monitor.history.last["lr"])
"""
JOINED = """
trainer = trainer_with()
monitor = ai.Monitor.for_transformers(trainer, pace=20)
trainer.train()
"""


def test_stop_and_rate_act_while_it_trains_and_the_picture_is_saved(open_book):
    book = open_book([PREPARE, RUN, TOLD, JOINED, "print(monitor.ending)"])
    assert "ready" in book.do(0, 90)
    book.run(1)
    panel = book.panel(1)
    panel.wait_for()
    word, line = lambda: book.data(1, "word"), panel.locator(".aitrain-line")
    book.until(lambda: book.data(1, "live") == "true" and int(book.data(1, "rows") or 0) > 8)

    field = panel.get_by_role("textbox", name="Learning rate")
    field.fill("0.1")
    field.press("Enter")
    book.until(lambda: re.search(r"lr=0\.09\d", line.text_content()))  # the schedule is linear, and goes on
    panel.get_by_role("button", name="Pause", exact=True).click()
    book.until(lambda: word() == "paused")
    held = line.text_content()
    book.page.wait_for_timeout(400)
    assert line.text_content() == held, "a paused run takes no step"
    panel.get_by_role("button", name="Step", exact=True).click()
    book.until(lambda: line.text_content() != held and word() == "paused")
    panel.get_by_role("button", name="Resume", exact=True).click()
    book.until(lambda: word() == "running")
    book.until(lambda: int(book.data(1, "rows")) > 45)
    book.shot("transformers_live")
    found = violations(book.page, ".aitrain-panel")
    assert not found, found

    panel.get_by_role("button", name="Stop", exact=True).click()
    assert "by the Stop button" in book.wait_for(1)
    assert panel.count() == 0, "the static twin stands in its place"
    book.output(1).locator("figure img").first.wait_for()
    book.shot("transformers_twin")
    told = book.do(2)
    assert [re.search(r"name='(\w+)'", one)[1] for one in told.splitlines() if one.startswith("Change")] == [
        "learning_rate", "paused", "paused",
    ]  # fmt: skip
    assert "stopped: by the Stop button; kept" in told
    rows, step, rate = told.splitlines()[-1].split()
    assert rows == step
    assert float(rate) == pytest.approx(0.1, rel=0.1)

    book.run(3)
    book.panel(3).wait_for()
    book.until(lambda: int(book.data(3, "rows") or 0) > 2)
    book.interrupt()
    said = book.wait_for(3)
    assert "KeyboardInterrupt" in said
    assert "interrupted" in book.output(3).locator("figure").first.inner_text()
    assert book.panel(3).count() == 0
    assert book.output(3).locator("progress").count() == 0, "the Trainer's own table is gone"
    assert "stopped: interrupted; kept the last weights" in book.do(4)
    book.shot("transformers_interrupted")

    the_file_has_two_pictures_and_no_widget(book)
    assert not book.page.problems


def the_file_has_two_pictures_and_no_widget(book):
    book.save()
    book.until(lambda: "stopped: interrupted" in book.path.read_text(encoding="utf-8"))
    saved = nbformat.read(book.path, as_version=4)
    left = json.dumps(saved).count("widget-view")  # a number: pytest would compare the pictures letter by letter
    assert (left, "widgets" in saved.metadata) == (0, False), "no widget in the file"
    for number in (1, 3):
        pages = [one["data"].get("text/html", "") for one in saved.cells[number].outputs if "data" in one]
        pictures = [page for page in pages if "<figure" in page and "data:image/png" in page]
        assert len(pictures) == 1
