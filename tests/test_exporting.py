"""Exports: every format opens again and answers the same, here and in a fresh process, at sizes that it was not traced with."""

import copy
import json
import logging
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

import aitrain_nb as ai
from aitrain_nb.exporting import export, format_names
from aitrain_nb.exporting.comparing import check_same
from aitrain_nb.exporting.formats import find_format
from aitrain_nb.exporting.manifest import describe, read_manifest
from aitrain_nb.exporting.rounding import keep_as_codes, matrices, rounded
from aitrain_nb.tokenizing import train_tokenizer

pytestmark = pytest.mark.usefixtures("forked")

WORDS = ["the", "app", "crashes", "when", "my", "account", "page", "opens", "and", "the", "bill", "is", "wrong"]
TEXTS = [" ".join(WORDS[(place * step) % 13] for place in range(step + 2)) for step in range(1, 41)]


@pytest.fixture(scope="module")
def encoder():
    """A BERT of one layer on 40 texts of two classes, with room for 320 tokens."""
    data = ai.Dataset({"text": TEXTS, "label": [len(text) % 2 for text in TEXTS]}, ["odd", "even"]).split()
    tokenizer = train_tokenizer(TEXTS, "words", 100)
    tokenizer.model_max_length = 320
    shape = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=320, num_labels=2,
    )  # fmt: skip
    torch.manual_seed(0)
    return ai.Trainer(BertForSequenceClassification(shape), "text-classification", data, processor=tokenizer)


@pytest.fixture(scope="module")
def gpt():
    """A GPT-2 of one layer on letters, with room for 320 tokens."""
    data = ai.Dataset({"text": [" ".join(TEXTS)]}).split()
    tokenizer = train_tokenizer(TEXTS, "characters", 100, frame=False)
    shape = GPT2Config(
        vocab_size=len(tokenizer), n_positions=320, n_embd=16, n_layer=1, n_head=2, bos_token_id=None, eos_token_id=None
    )
    torch.manual_seed(0)
    config = ai.TrainConfig(max_length=32)
    return ai.Trainer(GPT2LMHeadModel(shape), "text-generation", data, config, processor=tokenizer)


@pytest.fixture(scope="module")
def cnn():
    trainer = ai.prepare(data="digits", model="small-cnn", max_steps=20)
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module")
def vit():
    return ai.prepare(data="digits", model="small-vit", normalization="data")


def reopened(trainer, name, folder):
    """The model written and opened again here."""
    kind = find_format(name)
    kind.check(trainer)
    model = trainer.model.eval()
    kind.write(copy.deepcopy(model), trainer, folder)
    return kind.open(folder, describe(name, trainer))


def folder_in(place, name):
    (place / name).mkdir()
    return place / name


def texts_of(size, vocabulary, *, masked):
    torch.manual_seed(1)
    ids = torch.randint(4, vocabulary, size)
    mask = torch.ones(size, dtype=torch.int64)
    mask[0, max(1, size[1] // 2) :] = 0
    return {"input_ids": ids, "attention_mask": mask} if masked else {"input_ids": ids}


@pytest.mark.parametrize("name", ["torch-export", "onnx", "safetensors"])
@pytest.mark.parametrize("which", ["encoder", "gpt", "cnn", "vit"])
def test_an_export_answers_the_same_at_every_size(which, name, request, tmp_path):
    trainer = request.getfixturevalue(which)
    opened = reopened(trainer, name, tmp_path)
    if which in {"encoder", "gpt"}:
        vocabulary = len(trainer.processor)
        asked = [texts_of(size, vocabulary, masked=which == "encoder") for size in ((1, 2), (1, 17), (5, 300))]
    else:
        pixels = trainer.prepared["validation"].columns["pixel_values"]
        asked = [{"pixel_values": pixels[:number]} for number in (1, 2, 7)]
    with torch.no_grad():
        for inputs in asked:
            one, two = (trainer.task.outputs(model, inputs) for model in (trainer.model, opened))
            assert one.shape == two.shape
            assert (one - two).abs().max() <= find_format(name).tolerance
            assert (one.argmax(-1) == two.argmax(-1)).all()


# the whole way, with a fresh process


def test_the_card_has_the_numbers_and_the_folder_can_be_asked(cnn, tmp_path, fresh):
    before = cnn.fingerprint()
    card = export(cnn, "int8", tmp_path / "digits")
    said = card.compared
    assert said.examples == (360, "validation")
    assert said.before["accuracy"] == pytest.approx(cnn.evaluate().accuracy)
    assert abs(said.after["loss"] - said.before["loss"]) < 0.05
    assert said.size_bytes[1] < 0.35 * said.size_bytes[0]
    assert said.flipped <= 7
    assert said.raw_furthest < 0.05
    assert (card.frame().loc["export", "flipped"]) == said.flipped
    raw = cnn.data.validation.columns["image"][:20]
    opened = ai.load_exported(tmp_path / "digits")
    assert list(opened.predict(raw).columns) == list(cnn.predict(raw).columns)
    assert (opened.predict(raw)["predicted"] == cnn.predict(raw)["predicted"]).mean() > 0.9
    written = (tmp_path / "digits" / "README.md").read_text()
    assert "answers that became others" in written
    assert "How to load it without aitrain_nb stands in its README.md." in card.text()
    assert "## How to load it" in written
    assert "library_name: aitrain-nb" in written
    assert str(tmp_path) not in "".join(file.read_text(errors="ignore") for file in (tmp_path / "digits").iterdir())
    assert cnn.fingerprint() == before


def test_transformers_loads_it_with_a_pipeline(encoder, tmp_path):
    from transformers import pipeline

    card = export(encoder, "transformers", tmp_path / "texts")
    assert card.compared.furthest < 1e-6
    ask = pipeline("text-classification", model=str(tmp_path / "texts"), top_k=None)
    for text in TEXTS[:5]:
        told = {one["label"]: one["score"] for one in ask([text])[0]}
        own = encoder.predict([text]).iloc[0]
        assert told["odd"] == pytest.approx(own["p(odd)"], abs=1e-6)
        assert told["even"] == pytest.approx(own["p(even)"], abs=1e-6)


def test_grey_images_go_through_a_pipeline_too(vit, tmp_path):
    from PIL import Image
    from transformers import pipeline

    export(vit, "transformers", tmp_path / "digits")
    ask = pipeline("image-classification", model=str(tmp_path / "digits"), top_k=10)
    raw = vit.data.validation.columns["image"][0, 0]
    picture = Image.fromarray((raw * vit.data.scale * 255).round().byte().numpy())
    own = vit.predict([picture]).iloc[0]
    told = {one["label"]: one["score"] for one in ask(picture)}
    assert told == pytest.approx({name: own[f"p({name})"] for name in vit.class_names}, abs=1e-5)


def test_a_sentence_encoder_with_a_mean_takes_its_code_along(tmp_path):
    """In a fresh process, since transformers keeps the classes that it has seen."""
    trainer = ai.prepare(data="tickets", model="minilm", max_length=32, max_steps=1)
    card = export(trainer, "transformers", tmp_path / "mini", examples=20)
    assert card.compared.furthest < 1e-6
    texts = ["the app crashes", "please refund my money"]
    program = (
        "import json, sys; from transformers import pipeline\n"
        "ask = pipeline('text-classification', model=sys.argv[1], trust_remote_code=True)\n"
        "print(json.dumps([one['score'] for one in ask(json.loads(sys.argv[2]))]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "mini"), json.dumps(texts)], capture_output=True, text=True, check=True, timeout=300
    )  # fmt: skip
    with trainer.in_full_precision():
        own = trainer.predict(texts)["probability"].tolist()
    assert json.loads(done.stdout.strip().splitlines()[-1]) == pytest.approx(own, abs=1e-5)


def test_a_language_model_writes_the_same_text(gpt, tmp_path):
    card = export(gpt, "safetensors", tmp_path / "letters")
    assert card.compared.furthest < 1e-6
    opened = ai.load_exported(tmp_path / "letters")
    assert opened.generate("the app", 30) == gpt.generate("the app", 30)


def test_the_command_line_exports_and_asks(encoder, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from aitrain_nb import cli

    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"text": TEXTS, "label": ["odd" if len(text) % 2 else "even" for text in TEXTS]}).to_csv(
        "texts.csv", index=False
    )
    trainer = ai.prepare(data="texts.csv", max_steps=2, tokenizer="words")
    trainer.fit("none", output_dir="runs/texts")
    done = CliRunner().invoke(cli.app, ["export", "runs/texts", "--to", "out"])
    assert done.exit_code == 0, done.output
    assert "exported to out" in done.output
    monkeypatch.chdir(tmp_path / "out")
    shutil.rmtree(tmp_path / "runs")  # an export needs no run, and no data
    (tmp_path / "texts.csv").unlink()
    asked = CliRunner().invoke(cli.app, ["predict", ".", "the app crashes"])
    assert asked.exit_code == 0, asked.output
    own = trainer.predict(["the app crashes"]).iloc[0]
    assert asked.output.strip() == f"{own['predicted']} ({own['probability']:.1%})"


def test_int8_of_onnx_is_small_and_nearly_the_same(encoder, tmp_path):
    before = logging.root.manager.disable
    one, two = (reopened(encoder, name, folder_in(tmp_path, name)) for name in ("onnx", "onnx-int8"))
    assert logging.root.manager.disable == before
    inputs = texts_of((5, 300), len(encoder.processor), masked=True)
    assert 0 < (one(**inputs) - two(**inputs)).abs().max() < 0.1
    assert [file.name for file in (tmp_path / "onnx-int8").iterdir()] == ["model.onnx"]


# what can go wrong


def test_nothing_is_lost_and_nothing_half_written_stays(cnn, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ai.DataError, match="holds other things"):
        export(cnn, "safetensors", tmp_path / "mine")
    kind = find_format("safetensors")

    def fail(model, trainer, folder):
        del model, trainer
        (folder / "half").write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kind, "write", fail)
    with pytest.raises(ai.DataError, match="No space left"):
        export(cnn, "safetensors", tmp_path / "other")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_an_export_that_answers_otherwise_is_refused(cnn, tmp_path, monkeypatch):
    kind = find_format("safetensors")
    write = kind.write

    def spoil(model, trainer, folder):
        with torch.no_grad():
            model[-1].bias[0] += 1.0
        write(model, trainer, folder)

    monkeypatch.setattr(kind, "write", spoil)
    with pytest.raises(ai.ModelError, match="answers otherwise"):
        export(cnn, "safetensors", tmp_path / "spoiled")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_could_run_code_is_opened_on_your_word_only(cnn, tmp_path):
    reopened(cnn, "torch-export", tmp_path)
    from aitrain_nb.exporting.manifest import write_manifest

    write_manifest(describe("torch-export", cnn), tmp_path)
    with pytest.raises(ai.ConfigError, match="without your word"):
        ai.load_exported(tmp_path)
    assert len(ai.load_exported(tmp_path, trusted=True).predict(cnn.data.validation.columns["image"][:3])) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no exported model"), ("[]", "holds no exported model"), ('{"format": 99}', "newer version"),
        ('{"format": 0}', "holds no exported model"), ('{"format": 1}', "holds no exported model"),
        ('{"format": true}', "holds no exported model"), ("[" * 100_000, "holds no exported model"),
    ],
)  # fmt: skip
def test_a_damaged_manifest_is_a_sentence(text, said, tmp_path):
    (tmp_path / "export.json").write_text(text)
    with pytest.raises(ai.DataError, match=said):
        read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["safetensors", "int8", "onnx", "torch-export", "transformers"])
def test_damaged_weights_are_a_sentence_and_nothing_else(name, cnn, vit, tmp_path, capfd):
    trainer = vit if name == "transformers" else cnn
    reopened(trainer, name, tmp_path)
    for file in tmp_path.iterdir():
        if file.suffix in {".safetensors", ".onnx", ".pt2"}:
            file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(ai.DataError, match="Export it again"):
        find_format(name).open(tmp_path, describe(name, trainer))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "file", "lost"),
    [
        ("int8", "int8.safetensors", "output.bias"),
        ("int8", "int8.safetensors", "output.weight.scales"),
        ("safetensors", "model.safetensors", "output.bias"),
    ],
)
def test_weights_that_lack_a_tensor_are_refused(name, file, lost, cnn, tmp_path):
    reopened(cnn, name, tmp_path)
    tensors = load_file(tmp_path / file)
    del tensors[lost]
    save_file(tensors, tmp_path / file)
    with pytest.raises(ai.DataError, match=f"Can't open {file}"):
        find_format(name).open(tmp_path, describe(name, cnn))


def test_a_model_of_your_own_goes_where_the_computation_goes():
    data = ai.Dataset({"image": torch.rand(40, 1, 4, 4), "label": [0, 1] * 20}).split()
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2))
    trainer = ai.Trainer(model, "image-classification", data)
    for name in ("safetensors", "int8", "transformers"):
        with pytest.raises(ai.ConfigError, match="torch-export"):
            find_format(name).check(trainer)
    find_format("torch-export").check(trainer)
    with pytest.raises(ai.ConfigError, match="Did you mean 'torch-export'"):
        export(trainer, "torch-exprt")
    assert format_names() == ["adapter", "int8", "onnx", "onnx-int8", "safetensors", "torch-export", "transformers"]


# rounding


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_rounded_weight_lies_half_a_step_from_its_own_at_most(bits):
    torch.manual_seed(0)
    weight = torch.randn(7, 3, 5)
    weight[3] = 0
    kept = rounded(weight, bits)
    assert int(kept.codes.abs().max()) == 2 ** (bits - 1) - 1
    assert ((kept.weight - weight).abs() <= kept.scales / 2 + 1e-6).all()
    assert (kept.weight[3] == 0).all()


def test_codes_stand_for_every_use_of_a_weight(gpt):
    """The head of a GPT-2 is its embedding."""
    model = copy.deepcopy(gpt.model).eval()
    kept = {name: rounded(weight) for name, weight in matrices(model)}
    other = copy.deepcopy(model)
    with torch.no_grad():
        for name, weight in matrices(other):
            weight.copy_(kept[name].weight)
    keep_as_codes(model, kept)
    ids = torch.randint(0, 20, (2, 9))
    with torch.no_grad():
        assert (model(ids).logits - other(ids).logits).abs().max() < 1e-5
    assert not [name for name, weight in model.named_parameters() if weight.ndim >= 2]


def test_few_bits_break_a_model_and_its_weights_come_back(cnn):
    before = cnn.fingerprint()
    found = ai.simulate_quantization(cnn)
    assert cnn.fingerprint() == before
    frame = found.frame().set_index("bits")
    assert list(frame.index) == [32, 8, 7, 6, 5, 4, 3, 2]
    assert frame.loc[32, "accuracy"] == pytest.approx(cnn.evaluate().accuracy)
    assert abs(frame.loc[8, "loss"] - frame.loc[32, "loss"]) < 0.02 < abs(frame.loc[2, "loss"] - frame.loc[32, "loss"])
    assert frame["size_bytes"].is_monotonic_decreasing
    assert frame.loc[8, "size_bytes"] / frame.loc[32, "size_bytes"] == pytest.approx(0.26, abs=0.01)
    assert frame.loc[2, "flipped"] > frame.loc[8, "flipped"]
    assert found.plot().description == found.sentence()
    assert [row.bits for row in ai.simulate_quantization(cnn, 8).rows] == [8]
    for bits in ([], [1], [9], [8, 8], [4.0], None, 1):
        with pytest.raises(ai.ConfigError, match="from 2 to 8"):
            ai.simulate_quantization(cnn, bits)
    with pytest.raises(ai.ConfigError, match="A trainer is needed"):
        ai.simulate_quantization("a run")
    with pytest.raises(ai.DataError, match="no split 'nowhere'"):
        ai.simulate_quantization(cnn, 8, split="nowhere")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"examples": 0}, "examples=0 can't be compared"),
        ({"examples": 1.5}, "examples=1.5 can't be compared"),
        ({"folder": "."}, "'.' is no folder of the export's own"),
        ({"folder": ".."}, "'..' is no folder of the export's own"),
        ({"folder": "/"}, "'/' is no folder of the export's own"),
        ({"folder": 3}, "int is no name of a folder"),
    ],
)
def test_what_cant_be_exported_is_said(options, said, cnn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ai.AitrainError, match=said):
        ai.export(cnn, **options)
    assert not list(tmp_path.iterdir())


def test_the_home_is_found(cnn, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    ai.export(cnn, folder="~/digits", examples=5)
    assert ai.load_exported("~/digits").manifest.data == "digits"
    assert (tmp_path / "digits").is_dir()
    with pytest.raises(ai.ConfigError, match="NoneType is no name of a folder"):
        ai.load_exported(None)


def test_the_hub_gets_the_folder_with_its_card(cnn, tmp_path, monkeypatch):
    import huggingface_hub

    told = []

    class Hub:
        def __init__(self, token=None):
            told.append(token)

        def create_repo(self, name, *, private, exist_ok):
            told.append((name, private, exist_ok))
            return huggingface_hub.RepoUrl(f"https://huggingface.co/{name}")

        def upload_folder(self, *, repo_id, folder_path):
            told.append((repo_id, sorted(path.name for path in folder_path.iterdir())))

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    card = export(cnn, "safetensors", tmp_path / "digits", examples=10)
    assert card.push_to_hub("me/digits").endswith("me/digits")
    assert told[1] == ("me/digits", True, True)
    assert told[2] == ("me/digits", ["README.md", "architecture.json", "export.json", "model.safetensors"])

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(Hub, "create_repo", refuse)
    with pytest.raises(ai.ConfigError, match="no network"):
        card.push_to_hub("me/digits")


def test_the_tolerance_is_looked_at(cnn):
    from aitrain_nb.exporting.comparing import Compared

    found = Compared((1, "validation"), 1, 0, float("nan"), None, {}, {}, (1, 1), (1.0, 1.0), (1.0, 1.0), 1, 0.1)
    with pytest.raises(ai.ModelError):
        check_same(found, find_format("onnx"))


def test_a_run_with_16_bits_is_compared_with_32_as_its_export_computes(tmp_path):
    trainer = ai.prepare(data="tickets", model="small-encoder", max_length=16, max_steps=3, precision="bf16")
    trainer.fit("none")
    texts = trainer.data.validation.columns["text"][:4]
    coarse = trainer.predict(texts)["probability"]
    with trainer.in_full_precision():
        fine = trainer.predict(texts)["probability"]
    assert (coarse - fine).abs().max() > 1e-5
    assert (trainer.predict(texts)["probability"] == coarse).all(), "and afterwards it is as it was"
    assert export(trainer, "transformers", tmp_path / "small", examples=8).compared.raw_furthest < 1e-6
