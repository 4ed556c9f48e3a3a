"""Methods beside training all weights alike: adapters, freezing, the head first, smaller rates below."""

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    ViTConfig,
    ViTForImageClassification,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import aitrain_nb as ai
from aitrain_nb.errors import ConfigError, ModelError, PhaseError
from aitrain_nb.models import adapters
from aitrain_nb.models.parts import parts_of
from aitrain_nb.models.texts import MeanPooledClassifier
from aitrain_nb.randomness import OwnRandom
from aitrain_nb.tokenizing import train_tokenizer

WORDS = ["my bill is wrong", "the parcel never came", "please pay me back", "where is my parcel", "the bill came twice"]
ENDS = ["", " today", " again", " since monday", " they say", " and i wait", " so what now", " in may"]
FRAME = pd.DataFrame({
    "text": [f"{words}{end}" for words in WORDS for end in ENDS],
    "label": [label for label in ("billing", "delivery", "billing", "delivery", "billing") for _ in ENDS],
})  # fmt: skip
QUICK = {"batch_size": 8, "keep": "last", "threads": 1}  # 4 steps an epoch


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    """A tiny pretrained encoder of three layers with its tokenizer."""
    folder = tmp_path_factory.mktemp("bert")
    tokenizer = train_tokenizer(WORDS, "words", 300)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32
    )
    with OwnRandom(0):
        BertForSequenceClassification(config).base_model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def gpt(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpt")
    tokenizer = train_tokenizer(WORDS, "words", 300, frame=False)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=16, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    with OwnRandom(0):
        GPT2LMHeadModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vit")
    config = ViTConfig(
        image_size=8, patch_size=4, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16
    )
    with OwnRandom(0):
        ViTForImageClassification(config).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 8, "width": 8}).save_pretrained(folder)
    return folder


def prepared(folder, **fields):
    return ai.prepare(data=FRAME, model=str(folder), **{**QUICK, "epochs": 3, **fields})


def weights_of(trainer):
    return {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}


def moved_in(trainer, before):
    return {name for name, weight in trainer.model.named_parameters() if not torch.equal(weight, before[name])}


def logits_of(trainer, model):
    inputs = next(iter(trainer.tokenize().parts)).inputs
    trainer.undo()
    model.eval()
    with torch.no_grad():
        return trainer.task.outputs(model, inputs)


def passes(update):
    """Whether its checks hold, but for the one on Adam's epsilon: the gradients of so small a model come near it."""
    return all(row.passed for row in update.check().itertuples() if "times ten" not in row.check)


# adapters


def test_lora_trains_the_adapters_and_the_head_and_leaves_the_rest_to_the_last_bit(bert):
    trainer = prepared(bert, method="lora", lora_rank=2)
    assert type(trainer.model) is BertForSequenceClassification
    before = weights_of(trainer)
    trainer.fit(display="none")
    moved = moved_in(trainer, before)
    assert moved == {name for name in before if "lora_" in name or name.startswith("classifier.")}
    assert len([name for name in moved if "lora_A" in name]) == 3 * 6
    assert trainer.config.learning_rate == 1e-3
    assert any("weights are trained" in note and "frozen" in note for note in trainer.notes)
    assert f"({sum(before[name].numel() for name in moved):,} trained)" in repr(trainer)


def test_lora_begins_with_the_answers_of_the_pretrained_model(bert):
    lora, whole = (prepared(bert, method=method) for method in ("lora", "fine-tune"))
    assert torch.equal(logits_of(lora, lora.model), logits_of(whole, whole.model))


def test_first_adapters_depend_on_the_seed_alone(bert):
    def first(seed):
        torch.rand(seed + 3)  # the user's own numbers don't matter
        return prepared(bert, method="lora", seed=seed).fingerprint()

    state = torch.get_rng_state()
    assert first(0) == first(0) != first(1)
    torch.set_rng_state(state)
    prepared(bert, method="lora")
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("kind", ["bert", "mean-pooled", "gpt", "vit"])
def test_merged_adapters_answer_as_they_do_unmerged(kind, bert, gpt, vit, tmp_path):
    if kind == "mean-pooled":
        (bert / "modules.json").write_text("[]", encoding="utf-8")
    try:
        if kind == "gpt":
            text = FRAME[["text"]]
            trainer = ai.prepare(
                task="text-generation", data=text, model=str(gpt), method="lora", max_length=8, epochs=1, **QUICK
            )
        elif kind == "vit":
            trainer = ai.prepare(data="digits", model=str(vit), method="lora", max_steps=8, evaluate_every=0, **QUICK)
        else:
            trainer = prepared(bert, method="lora", learning_rate=0.02)
        trainer.fit(display="none")
        assert isinstance(trainer.model, MeanPooledClassifier) == (kind == "mean-pooled")
        names = list(dict(trainer.model.named_parameters()))
        plain = adapters.merged(trainer.model)
        assert adapters.has_adapters(trainer.model)
        assert not adapters.has_adapters(plain)
        assert list(dict(trainer.model.named_parameters())) == names, "the trainer's own model was changed"
        assert not any("lora" in name or "base_layer" in name for name in plain.state_dict())
        ours, theirs = logits_of(trainer, trainer.model), logits_of(trainer, plain)
        assert float((ours - theirs).abs().max()) < 1e-5
        with torch.no_grad():
            for name, weight in trainer.model.named_parameters():
                if "lora_B" in name:
                    assert weight.abs().max() > 0
                    weight.zero_()
        assert float((logits_of(trainer, trainer.model) - theirs).abs().max()) > 1e-4, "the adapters had no part in it"
    finally:
        (bert / "modules.json").unlink(missing_ok=True)


def test_lora_trains_less_than_two_percent_of_minilm():
    trainer = ai.prepare(data="tickets", model="minilm", method="lora")
    weights = list(trainer.model.parameters())
    trained = sum(weight.numel() for weight in weights if weight.requires_grad)
    assert 0.005 < trained / sum(weight.numel() for weight in weights) < 0.02


def test_lora_needs_peft_a_pretrained_model_and_linear_layers(bert, monkeypatch):
    with pytest.raises(ConfigError, match="needs a pretrained model"):
        ai.prepare(data="tickets", model="small-encoder", method="lora")
    find = adapters.importlib.util.find_spec
    monkeypatch.setattr(
        adapters.importlib.util, "find_spec", lambda name, *more: None if name == "peft" else find(name, *more)
    )
    with pytest.raises(ConfigError, match="peft") as error:
        prepared(bert, method="lora")
    assert error.value.fix == "pip install 'aitrain-nb[lora]'"


def test_an_export_has_the_adapters_merged(bert, tmp_path):
    trainer = prepared(bert, method="lora", learning_rate=0.02)
    trainer.fit(display="none")
    before = trainer.fingerprint()
    ai.export(trainer, "safetensors", tmp_path / "export")
    assert trainer.fingerprint() == before
    names = load_file(tmp_path / "export" / "model.safetensors").keys()
    assert names == set(prepared(bert).model.state_dict())
    answers = ai.load_exported(tmp_path / "export").predict(WORDS)
    assert answers["probability"].tolist() == pytest.approx(trainer.predict(WORDS)["probability"].tolist(), abs=1e-5)


# freezing


def test_frozen_layers_stay_to_the_last_bit(bert):
    trainer = prepared(bert, frozen_layers=2)
    before = weights_of(trainer)
    trainer.fit(display="none")
    below = ("bert.embeddings.", "bert.encoder.layer.0.", "bert.encoder.layer.1.")
    assert moved_in(trainer, before) == {name for name in before if not name.startswith(below)}


def test_patterns_freeze_modules_and_weights(bert):
    trainer = prepared(bert, freeze="*embeddings, *.layer.1, *query.bias")
    before = weights_of(trainer)
    trainer.fit(display="none")
    frozen = before.keys() - moved_in(trainer, before)
    assert frozen == {
        name for name in before if "embeddings." in name or ".layer.1." in name or name.endswith("query.bias")
    }


def test_small_models_are_frozen_too():
    trainer = ai.prepare(data="digits", model="small-cnn", frozen_layers=2, max_steps=2, evaluate_every=0, **QUICK)
    before = weights_of(trainer)
    trainer.fit(display="none")
    assert moved_in(trainer, before) == {"hidden.weight", "hidden.bias", "output.weight", "output.bias"}


def test_what_can_not_be_frozen_is_named(bert):
    with pytest.raises(ConfigError, match=r"'\*embedings' matches no weight") as error:
        prepared(bert, freeze="*embedings")
    assert "embeddings" in error.value.fix
    with pytest.raises(ConfigError, match="3 layers"):
        prepared(bert, frozen_layers=4)
    with pytest.raises(ModelError, match="nothing to train"):
        prepared(bert, freeze="*")


# smaller rates below


def test_each_level_has_its_rate(bert):
    trainer = prepared(bert, layer_decay=0.5, optimizer="sgd", weight_decay=0.0, max_grad_norm=0.0)
    parts = parts_of(trainer.model)
    assert [len(level) > 0 for level in parts.levels] == [True] * 5
    for record in trainer.phases():
        update = record
    for depth, level in enumerate(reversed(parts.levels)):
        for name in level:
            weight = dict(trainer.model.named_parameters())[name]
            if weight.grad is not None:
                expected = update.before[name] - trainer.config.learning_rate * 0.5**depth * weight.grad
                assert torch.allclose(weight, expected, rtol=0, atol=1e-9), name
    assert update.lr == trainer.config.learning_rate
    assert update.lowest_lr == pytest.approx(update.lr * 0.5**4)
    assert "group['rate_factor']" in update.code()


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_the_update_s_formula_knows_the_rates(bert, optimizer):
    trainer = prepared(bert, layer_decay=0.3, optimizer=optimizer, learning_rate=0.01, weight_decay=0.1)
    for _ in range(2):
        for record in trainer.phases():
            update = record
    assert passes(update)
    name = "bert.embeddings.word_embeddings.weight"
    if optimizer == "adamw":
        found = update.weight(name, 3, 1)
        assert found["from_decay"] == pytest.approx(-0.01 * 0.3**4 * 0.1 * found["before"], rel=1e-5)


# the head first


def test_the_head_is_trained_alone_and_then_all(bert):
    trainer = prepared(bert, head_epochs=1)
    assert trainer.plan.head_steps == 4
    before = weights_of(trainer)
    trainer.control.begin(0.0, ())
    for _ in range(4):
        for _record in trainer.phases():
            pass
    assert moved_in(trainer, before) == {"classifier.weight", "classifier.bias"}
    for record in trainer.phases():
        last = record
    assert len(moved_in(trainer, before)) == len(before)
    assert passes(last)
    assert [(change.step, change.name) for change in trainer.history.changes] == [(5, "unfrozen")]
    trainer.undo()
    assert trainer.history.changes == []


def test_the_head_alone_has_a_rate_of_its_own_and_the_schedule_begins_after_it(bert):
    trainer = prepared(bert, epochs=3, head_epochs=1, learning_rate=1e-4, schedule="linear", warmup_steps=2)
    rates = trainer.plan.rates()
    assert rates[:4] == [0.01] * 4
    assert rates[4:] == pytest.approx([0.0, 5e-5, *(1e-4 * left / 6 for left in range(6, 0, -1))])
    assert [trainer.plan.part(step) for step in (0, 3, 4, 7)] == ["head alone", "head alone", "warm-up", "decay"]
    assert {(4, 0.01), (5, 0.0)} <= set(trainer.plan.curve())
    assert prepared(bert, head_epochs=1, head_learning_rate=0.5).plan.rates()[0] == 0.5
    trainer.watchers.append(lambda _record: setattr(trainer.control, "learning_rate", 0.003))
    trainer.fit("none", max_steps=6)
    assert [row["lr"] for row in trainer.history][:3] == [0.01, 0.003, 0.003]  # the lever moves it too


def test_head_epochs_that_fit_nothing_are_refused(bert):
    with pytest.raises(ConfigError, match="leave no epoch"):
        prepared(bert, epochs=2, head_epochs=2)
    with pytest.raises(ConfigError, match="Nothing but its head"):
        prepared(bert, head_epochs=1, method="head")
    with pytest.raises(ConfigError, match="needs a pretrained model"):
        ai.prepare(data="digits", model="small-vit", head_epochs=1)
    with pytest.raises(ConfigError, match="doesn't fit text-generation"):
        ai.prepare(task="text-generation", head_epochs=1)
    with pytest.raises(ConfigError, match="Nothing but its head"):
        prepared(bert, head_epochs=1, freeze="bert")


# going on


@pytest.mark.parametrize(
    "fields",
    [
        {"method": "lora", "lora_dropout": 0.1},
        {"layer_decay": 0.7},
        {"head_epochs": 1},
        {"method": "lora", "head_epochs": 1},
    ],
    ids=["lora", "rates", "head first", "lora, head first"],
)
@pytest.mark.parametrize("stop_at", [2, 4, 6])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(bert, tmp_path, fields, stop_at):
    whole = prepared(bert, **fields)
    whole.fit(display="none")
    first = prepared(bert, **fields)
    first.watchers.append(lambda record: first.stop() if record.step == stop_at and record.phase == "update" else None)
    first.fit(display="none", output_dir=tmp_path / "run")
    assert first.step == stop_at
    second = ai.load_run(tmp_path / "run", data=FRAME)
    second.fit(display="none")
    assert second.step == whole.step == 12
    assert second.fingerprint() == whole.fingerprint()
    assert second.history.frame()["loss"].tolist() == whole.history.frame()["loss"].tolist()
    assert [change.name for change in second.history.changes] == [change.name for change in whole.history.changes]


@pytest.mark.parametrize("fields", [{"method": "lora"}, {"layer_decay": 0.7}, {"head_epochs": 1}])
def test_undo_is_exact(bert, fields):
    trainer = prepared(bert, **fields)
    prints = []
    for _ in range(6):
        prints.append(trainer.fingerprint())
        for _record in trainer.phases():
            pass
    end = trainer.fingerprint()
    for expected in reversed(prints):
        trainer.undo()
        assert trainer.fingerprint() == expected
    for _ in range(6):
        for _record in trainer.phases():
            pass
    assert trainer.fingerprint() == end


# fine_tune


def test_fine_tune_is_fit_with_three_fields(bert):
    plain = prepared(bert, epochs=3, head_epochs=1, layer_decay=0.8)
    plain.fit(display="none")
    sugar = prepared(bert, epochs=7, max_steps=2)
    history = sugar.fine_tune(display="none")
    assert history is sugar.history
    assert sugar.fingerprint() == plain.fingerprint()
    assert sugar.config.changed() == plain.config.changed()
    assert sugar.notes == plain.notes
    assert any("Steps 1 to 4 train the head alone" in note for note in sugar.notes)
    with pytest.raises(PhaseError, match="12 steps"):
        sugar.fine_tune()


def test_fine_tune_after_a_step_that_was_taken_back_trains_all(bert):
    trainer = prepared(bert, head_epochs=2, layer_decay=0.5)
    for _record in trainer.phases():
        pass
    trainer.undo()
    before = weights_of(trainer)
    trainer.fine_tune(epochs=2, head_epochs=1, display="none")
    assert moved_in(trainer, before) == before.keys()
    assert trainer.notes == prepared(bert, epochs=2, head_epochs=1, layer_decay=0.8).notes


def test_fine_tune_with_an_option_that_is_none_changes_nothing(bert):
    trainer = prepared(bert)
    before = trainer.config
    with pytest.raises(ConfigError, match="option of fine_tune"):
        trainer.fine_tune(epochs=7, pase=3)
    assert trainer.config == before


def test_fine_tune_is_for_pretrained_models():
    with pytest.raises(ConfigError, match="method='scratch'"):
        ai.prepare(data="digits", model="mlp").fine_tune()


@pytest.mark.parametrize("method", ["fine-tune", "lora", "head"])
def test_a_pretrained_model_comes_in_training_mode_throughout(method):
    trainer = ai.prepare(data="tickets", model="minilm", method=method)
    assert all(module.training for module in trainer.model.modules())
