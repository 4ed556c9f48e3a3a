"""Text models: small ones from a description, and a pretrained encoder with a head for classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from aitrain_nb.errors import ConfigError
from aitrain_nb.models.pretrained import find_pretrained, label_names, load_pretrained
from aitrain_nb.randomness import OwnRandom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from aitrain_nb.config import TrainConfig

SMALL = {"small-encoder": "text-classification", "small-gpt": "text-generation"}
"""Models made from a description: name -> the task it serves."""


def is_small(name: str) -> bool:
    """Whether the model is made from a description, hence has no pretrained weights."""
    return name in SMALL


def small_for(task: str) -> list[str]:
    """Names of the small models that serve a task."""
    return [name for name, serves in SMALL.items() if serves == task]


def check_small(name: str, task: str) -> None:
    """Raise ConfigError where a small model serves another task."""
    if SMALL[name] != task:
        raise ConfigError(
            f"The model {name!r} isn't for {task}.", f"It is for {SMALL[name]}.", f"Use model={small_for(task)[0]!r}."
        )


def small_encoder(vocabulary: int, class_names: Sequence[str], padding: int, positions: int) -> nn.Module:
    """A BERT of 2 layers, width 128, 4 heads, for classes; with 4,000 tokens about 1 million weights."""
    from transformers import BertConfig, BertForSequenceClassification

    return BertForSequenceClassification(
        BertConfig(
            vocab_size=vocabulary, pad_token_id=padding, max_position_embeddings=positions, **label_names(class_names),
            hidden_size=128, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4,
        )
    )  # fmt: skip


def small_gpt(vocabulary: int, positions: int) -> nn.Module:
    """A GPT-2 of 4 layers, width 128, 4 heads; with 100 characters about 0.8 million weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=vocabulary, n_positions=positions, n_embd=128, n_layer=4, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0,
            attn_pdrop=0.0, activation_function="gelu", bos_token_id=None, eos_token_id=None, pad_token_id=None,
        )
    )  # fmt: skip


def classifier(config: TrainConfig, class_names: Sequence[str]) -> nn.Module:
    """A pretrained encoder with a new head for these classes; `method="head"` freezes all but the head.

    An encoder that was trained to stand for whole sentences (its folder says so in modules.json) keeps its pooling, the
    mean over the tokens; others get the head that transformers gives them.
    """
    from transformers import AutoModel, AutoModelForSequenceClassification

    place = find_pretrained(str(config.model))
    if (Path(place) / "modules.json").is_file():
        encoder = load_pretrained(AutoModel, config)
        with OwnRandom(config.seed):
            model: nn.Module = MeanPooledClassifier(encoder, len(class_names))
    else:
        labels = label_names(class_names) | {"num_labels": len(class_names)}
        model = load_pretrained(AutoModelForSequenceClassification, config, **labels)
    return (
        model.train()
    )  # all of it: transformers gives what it loads in evaluation mode, and a loop looks at the outermost module only


def mean_of_tokens(hidden: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean of hidden states [B, T, D] over real tokens, those with 1 in the mask [B, T]: [B, D]."""
    real = attention_mask[..., None].to(hidden.dtype)
    return (hidden * real).sum(1) / real.sum(1)


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
        logits: Tensor = self.head(mean_of_tokens(hidden, attention_mask))
        return logits
