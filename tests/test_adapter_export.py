"""The export format adapter: only what LoRA trained, opened on the base model, which must be the same one."""

import json
import shutil

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

import aitrain_nb as ai
from aitrain_nb.randomness import OwnRandom
from aitrain_nb.tokenizing import train_tokenizer

pytestmark = pytest.mark.usefixtures("forked")

WORDS = ["my bill is wrong", "the parcel never came", "please pay me back", "where is my parcel", "the bill came twice"]
ENDS = ["", " today", " again", " since monday", " they say", " and i wait", " so what now", " in may"]
FRAME = pd.DataFrame({
    "text": [f"{words}{end}" for words in WORDS for end in ENDS],
    "label": [label for label in ("billing", "delivery", "billing", "delivery", "billing") for _ in ENDS],
})  # fmt: skip
KINDS = ["bert", "mean-pooled", "gpt"]


def base_model(kind, folder, seed=0):
    """A tiny pretrained model with its tokenizer."""
    tokenizer = train_tokenizer(WORDS, "words", 300, frame=kind != "gpt")
    with OwnRandom(seed):
        if kind == "gpt":
            shape = {"n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, "bos_token_id": 0, "eos_token_id": 0}
            GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), **shape)).save_pretrained(folder)
        else:
            shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
            encoder = BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), **shape)).base_model
            encoder.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if kind == "mean-pooled":
        (folder / "modules.json").write_text("[]", encoding="utf-8")
    return folder


def trained(kind, base):
    of_task = (
        {"task": "text-generation", "data": FRAME[["text"]], "max_length": 8} if kind == "gpt" else {"data": FRAME}
    )
    trainer = ai.prepare(
        model=str(base), method="lora", lora_rank=2, learning_rate=0.02, epochs=2, batch_size=8, keep="last", threads=1, **of_task
    )  # fmt: skip
    trainer.fit("none")
    return trainer


@pytest.fixture(scope="module", params=KINDS)
def exported(request, tmp_path_factory, forked):
    """The kind, its base model, the trainer, the card of its export."""
    base = base_model(request.param, tmp_path_factory.mktemp("base"))
    trainer = trained(request.param, base)
    return request.param, base, trainer, ai.export(trainer, "adapter", tmp_path_factory.mktemp("exports") / "adapter")


def test_a_fresh_process_answers_as_the_trainer_and_the_files_hold_only_what_was_trained(exported):
    kind, _, trainer, card = exported
    assert card.compared.furthest <= 1e-5
    assert card.compared.flipped == 0
    weights = load_file(card.folder / "adapter_model.safetensors")
    assert all(name.startswith("base_model.model.") and "lora_" in name for name in weights)
    head = load_file(card.folder / "head.safetensors") if kind != "gpt" else {}
    moved = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
    assert sum(weight.numel() for weight in (*weights.values(), *head.values())) == moved
    assert not (card.folder / "model.safetensors").exists()
    assert "needs the base model" in card.text()
    assert "library_name: peft" in (card.folder / "README.md").read_text()
    texts = FRAME["text"].tolist()[:4]
    pd.testing.assert_frame_equal(ai.load_exported(card.folder).predict(texts), trainer.predict(texts), rtol=1e-4)


def test_peft_reads_it_as_the_card_says(exported, monkeypatch):
    kind, _, trainer, card = exported
    said = {}
    monkeypatch.chdir(card.folder)
    exec(card._loading(), said)
    ids = {"input_ids": torch.tensor([[5, 6, 7, 8]])}
    ours = trainer.model.encoder if kind == "mean-pooled" else trainer.model
    with torch.no_grad():
        assert torch.allclose(said["model"].eval()(**ids)[0], ours.eval()(**ids)[0], atol=1e-5)
    if kind == "mean-pooled":
        assert torch.equal(said["head"]["head.weight"], trainer.model.head.weight)


def test_the_base_model_may_lie_elsewhere_and_must_be_the_same(exported, tmp_path):
    kind, base, trainer, card = exported
    folder = shutil.copytree(card.folder, tmp_path / "adapter")
    manifest = json.loads((folder / "export.json").read_text())
    manifest["base"]["place"] = str(tmp_path / "gone")
    (folder / "export.json").write_text(json.dumps(manifest))
    with pytest.raises(ai.ConfigError, match="can't be loaded") as error:
        ai.load_exported(folder)
    assert error.value.fix == "Say where it is: load_exported(folder, base='...')."
    moved = shutil.copytree(base, tmp_path / "moved")
    text = FRAME["text"].tolist()[:1]
    pd.testing.assert_frame_equal(ai.load_exported(folder, base=moved).predict(text), trainer.predict(text), rtol=1e-4)
    other = base_model(kind, tmp_path / "other", seed=1)
    with pytest.raises(ai.DataError, match="isn't the base model that these adapters were trained with"):
        ai.load_exported(folder, base=other)


@pytest.mark.parametrize("file", ["adapter_model.safetensors", "head.safetensors"])
def test_a_file_that_lacks_a_tensor_is_refused(exported, file, tmp_path):
    folder = shutil.copytree(exported[3].folder, tmp_path / "adapter")
    if not (folder / file).exists():
        assert exported[0] == "gpt"  # its head is its embedding, which is the base model's
        return
    tensors = load_file(folder / file)
    del tensors[next(iter(tensors))]
    save_file(tensors, folder / file)
    with pytest.raises(ai.DataError, match=f"Can't open {file}"):
        ai.load_exported(folder)


@pytest.mark.parametrize(
    "text", ["{}", "[]", '{"target_modules": ["nowhere"], "r": 2, "lora_alpha": 4}', '{"target_modules": 3}']
)
def test_a_damaged_config_of_the_adapters_is_a_sentence(exported, text, tmp_path):
    folder = shutil.copytree(exported[3].folder, tmp_path / "adapter")
    (folder / "adapter_config.json").write_text(text)
    with pytest.raises(ai.DataError, match="Can't open adapter_config"):
        ai.load_exported(folder)


def test_what_has_no_adapters_and_what_needs_no_base_is_said(exported, tmp_path):
    _, base, _, _ = exported
    plain = ai.prepare(data="digits", model="mlp", max_steps=1)
    with pytest.raises(ai.ConfigError, match="no adapters"):
        ai.export(plain, "adapter", tmp_path / "one")
    ai.export(plain, "safetensors", tmp_path / "two")
    with pytest.raises(ai.ConfigError, match="holds all weights"):
        ai.load_exported(tmp_path / "two", base=base)


def test_minilm_with_adapters_is_a_fiftieth_of_its_size(tmp_path, monkeypatch, fresh):
    trainer = ai.prepare(
        data="tickets", model="minilm", method="lora", max_steps=2, max_length=16, evaluate_every=0, threads=1
    )
    trainer.fit("none")
    card = ai.export(trainer, "adapter", tmp_path / "adapter", examples=16)
    assert card.compared.size_bytes[1] < 0.03 * card.compared.size_bytes[0]
    assert card.compared.furthest <= 1e-5
    assert json.loads((card.folder / "export.json").read_text())["base"]["place"] == "minilm"
    monkeypatch.chdir(card.folder)
    said = {}
    exec(card._loading(), said)
    assert said["head"]["head.weight"].shape == (6, 384)
