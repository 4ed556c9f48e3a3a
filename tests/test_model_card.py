"""The card of a run says what was trained, how well and how to load it; nothing private, nothing that is taken for markup."""

from __future__ import annotations

import getpass
import json
import platform
import socket
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from markdown_it import MarkdownIt

import aitrain_nb as ai
from aitrain_nb.control import Change
from aitrain_nb.markdown import escape, table
from aitrain_nb.run_folder import environment
from tests.test_every_view import HOSTILE


def rendered(text: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)


def front_matter(text: str) -> dict:
    _, front, _ = text.split("---\n", 2)
    return yaml.safe_load(front)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    ai.prepare(model="mlp", epochs=2, learning_rate=0.01).fit("none", output_dir=folder)
    return folder


@pytest.fixture(scope="module")
def card(folder):
    return (folder / "README.md").read_text(encoding="utf-8")


def test_the_hub_finds_what_it_looks_for(card):
    front = front_matter(card)
    assert front["library_name"] == "aitrain-nb"
    assert front["pipeline_tag"] == "image-classification"
    assert front["metrics"] == ["loss", "accuracy", "f1"]
    (result,) = front["model-index"][0]["results"]
    assert result["dataset"]["name"] == "digits"
    assert {metric["type"] for metric in result["metrics"]} == {"loss", "accuracy", "f1"}


def test_the_hubs_own_reader_takes_the_card(card):
    from huggingface_hub import ModelCard

    data = ModelCard(card).data
    assert data.model_name == "mlp"
    assert [result.metric_type for result in data.eval_results] == ["loss", "accuracy", "f1"]


def test_the_numbers_are_those_of_the_weights_it_kept(folder, card):
    trainer = ai.load_run(folder)
    evaluation = trainer.evaluate()
    (result,) = front_matter(card)["model-index"][0]["results"]
    told = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert told["loss"] == pytest.approx(evaluation.loss, abs=1e-6)
    assert told["accuracy"] == pytest.approx(evaluation.accuracy, abs=1e-6)
    for row in evaluation.table().to_dict("records"):
        assert f"| {row['class']} | {row['examples']:,.0f} | " in card
    assert "learning\\_rate | 0.01 |" in card
    for sentence in trainer.history.story():
        assert escape(sentence) in card
    assert all(finding.name in card for finding in ai.diagnose(trainer.history))


def test_each_class_is_told_also_by_save_run_and_after_a_resume_that_brings_nothing_better(tmp_path):
    trainer = ai.prepare(model="mlp", max_steps=8, evaluate_every=4)
    trainer.fit("none", output_dir=tmp_path / "run")
    ai.save_run(trainer, tmp_path / "saved")
    again = ai.load_run(tmp_path / "run")
    again.fit("none", output_dir=tmp_path / "run", max_steps=12, replay=[Change(9, "learning_rate", 50.0)])
    assert again.ending.kept_step == 8
    for name in ("run", "saved"):
        assert "| class | examples |" in (tmp_path / name / "README.md").read_text(encoding="utf-8")


def test_settings_that_a_rule_filled_in_are_no_difference(card):
    told = card.split("## Settings")[1].split("##")[0]
    assert "learning\\_rate" in told
    assert not any(name in told for name in ("method", "evaluation", "log"))


def test_its_code_loads_the_run_from_where_it_was_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame({"text": [f"day number {number}" for number in range(40)], "label": ["a", "b"] * 20})
    fields = {"vocabulary_size": 60, "max_steps": 2, "model": "small-encoder"}
    ai.prepare(data=frame, **fields).fit("none", output_dir="runs/mine")
    code = Path("runs/mine/README.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    assert "ai.load_run('runs/mine', data=data)" in code
    found = {"data": frame}
    exec(code.split("trainer.predict")[0], found)  # our own page
    assert found["trainer"].step == 2


def test_that_memory_ran_out_is_among_the_limits(tmp_path):
    trainer = ai.prepare(model="mlp", max_steps=2)
    trainer.history.add_change(Change(1, "micro_batch_size", 4))
    ai.save_run(trainer, tmp_path)
    assert "- It ran out of memory at step 1: 4 examples at once" in (tmp_path / "README.md").read_text(
        encoding="utf-8"
    )


def test_the_curve_lies_beside_it(folder, card):
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert "](curve.png)" in card


def test_its_code_for_the_tensors_runs(folder, card, monkeypatch):
    monkeypatch.chdir(folder)
    code = card.split("```python\n")[2].split("```")[0]
    found: dict = {}
    exec(code, found)  # our own page
    assert {name: tuple(weight.shape) for name, weight in found["weights"].items()} == {
        name: tuple(weight.shape) for name, weight in ai.load_run(folder).model.state_dict().items()
    }


def test_the_environment_says_what_and_not_whose(folder):
    text = (folder / "environment.json").read_text(encoding="utf-8")
    (call,) = json.loads(text)["calls"]
    assert call["versions"]["torch"] == torch.__version__
    assert call["versions"]["python"] == platform.python_version()
    assert (call["device"], call["precision"]) == ("cpu", "float32")
    assert call["began"].endswith("+00:00")
    assert call["seconds"] > 0
    private = {str(Path.cwd()), str(Path.home()), socket.gethostname(), sys.prefix}
    for written in (text, (folder / "README.md").read_text(encoding="utf-8")):
        assert not [one for one in private if len(one) > 2 and one in written]
        assert f"/{getpass.getuser()}" not in written


def test_each_call_of_fit_is_remembered(tmp_path):
    trainer = ai.prepare(model="mlp", max_steps=4)
    trainer.fit("none", output_dir=tmp_path / "run")
    ai.load_run(tmp_path / "run").fit("none", output_dir=tmp_path / "run", max_steps=8)
    calls = environment.read_environment(tmp_path / "run")
    assert len(calls) == 2
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "| calls of fit | 2 |\n| call 1 ended as | done; kept epoch 0.09, step 4" in card
    assert f"| began | {calls[0]['began']} |" in card
    assert calls[0]["began"] < calls[1]["began"]
    assert "step 8" in (tmp_path / "run" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "[", "[1]", '{"calls": 3}', '{"calls": [3, {"seconds": "x"}]}', "[" * 100_000])
def test_a_damaged_environment_costs_nothing(tmp_path, text):
    trainer = ai.prepare(model="mlp", max_steps=2)
    trainer.fit("none", output_dir=tmp_path)
    (tmp_path / "environment.json").write_text(text)
    trainer.fit("none", output_dir=tmp_path, max_steps=4)
    assert environment.read_environment(tmp_path)[-1]["seconds"] > 0


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    assert environment._commit(tmp_path) is None
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    assert environment._commit(Path.cwd()) is None


def test_a_run_without_an_evaluation_or_a_number_has_its_card(tmp_path, lose_a_number):
    trainer = ai.prepare(model="mlp", max_steps=8, evaluate_every=0, nan_policy="mark")
    lose_a_number(trainer, 3)
    trainer.fit("none", output_dir=tmp_path / "nan")
    text = (tmp_path / "nan" / "README.md").read_text(encoding="utf-8")
    assert "how good they are isn't known" in text
    assert "were not finite" in text
    assert "model-index" not in front_matter(text)
    ai.save_run(ai.prepare(model="mlp"), tmp_path / "none")
    assert "0 steps have been taken" in (tmp_path / "none" / "README.md").read_text(encoding="utf-8")


def test_hostile_labels_and_names_stay_text(tmp_path):
    words = [*HOSTILE, "`code` $x^2$ @everyone #1", "![x](javascript:evil())", "https://evil.example www.evil.example"]
    frame = pd.DataFrame(
        {"text": [f"text number {i} {i % 13}" for i in range(130)], "label": [words[i % 13] for i in range(130)]}
    )
    folder = tmp_path / "<img src=x onerror=evil()>`|**`"
    trainer = ai.prepare(data=frame, vocabulary_size=300, max_steps=4, batch_size=8)
    trainer.fit("none", output_dir=folder)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert front_matter(card)
    page = Elements(rendered(card.split("---\n", 2)[2]))
    assert page.tags <= {
        "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "strong", "img", "a", "pre", "code",
    }  # fmt: skip
    assert {value for name, value in page.attributes if name in {"href", "src"}} == {
        "curve.png", "config.yaml", "history.jsonl", "environment.json",
    }  # fmt: skip
    assert {name for name, _ in page.attributes} <= {"href", "src", "alt", "class", "style"}
    assert not any("evil" in (value or "") for _, value in page.attributes)
    assert "<script>evil=1<" in page.text  # what looks like a path is left out
    assert page.headings == card.count("\n## ")


class Elements(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.text, self.headings = set(), [], "", 0
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        self.headings += tag == "h2"

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize(
    "text", [*HOSTILE, "- a", "+ a", "= a", "1. a", "2) a", "> a", "# a", "a | b", "\\", "www.a.b", "*a* _b_ ~~c~~"]
)
def test_escaped_text_is_read_as_it_was(text):
    shown = rendered(escape(text))
    assert shown.startswith("<p>")
    assert shown.count("<") == 2
    assert "| --- |" in table(["a"], [[text]])
    assert rendered(table(["a"], [[text]])).count("<td>") == 1
