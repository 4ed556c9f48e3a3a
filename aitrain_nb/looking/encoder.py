"""Frozen features of a pretrained text model, and how many rows there is time for."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aitrain_nb.config import TrainConfig

LONGEST = 256
"""Most tokens of a text for the features: what MiniLM's sentence model was made for."""
_BATCH = 32
_TOKENIZED_AT_MOST = 20_000


@dataclass(frozen=True, eq=False)
class Encoder:
    """A pretrained model that turns texts into vectors.

    Attributes:
        model: a base model of transformers, in evaluation mode.
        tokenizer: the one that belongs to it.
        limit: most tokens that the model can take.
    """

    model: Any
    tokenizer: Any
    limit: int

    def vectors(self, texts: Sequence[str], pairs: Sequence[str] | None) -> NDArray[Any]:
        """The mean of the last hidden states over real tokens, of length 1: [n, D] float32.

        Texts of like length share a batch, so that little is padding.
        """
        import torch

        from aitrain_nb.models.texts import mean_of_tokens

        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        found = np.empty((len(texts), self.model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                places = order[start : start + _BATCH]
                inputs = self.tokenizer(
                    [texts[place] for place in places], [pairs[place] for place in places] if pairs else None,
                    padding=True, truncation=True, max_length=min(LONGEST, self.limit), return_tensors="pt",
                ).to(self.model.device)  # fmt: skip
                hidden = self.model(**inputs).last_hidden_state
                pooled = mean_of_tokens(hidden, inputs["attention_mask"])
                found[places] = torch.nn.functional.normalize(pooled.float(), dim=1).cpu().numpy()
        return found

    def tokens_per_second(self, texts: Sequence[str], pairs: Sequence[str] | None) -> float:
        """Real tokens a second, measured on these texts as one batch after a short first one."""
        self.vectors(texts[:2], pairs[:2] if pairs else None)
        began = perf_counter()
        self.vectors(texts, pairs)
        return self.used_tokens(texts, pairs) / (perf_counter() - began)

    def used_tokens(self, texts: Sequence[str], pairs: Sequence[str] | None) -> int:
        """Tokens of these texts that the features use."""
        return sum(min(LONGEST, length) for length in token_lengths(self.tokenizer, texts, pairs))


def load_encoder(config: TrainConfig) -> Encoder:
    """The base model that a config names.

    Raises:
        ConfigError: its package isn't installed, or it can't be loaded.
    """
    from transformers import AutoModel

    from aitrain_nb.engine.device import find_device
    from aitrain_nb.models.pretrained import find_pretrained, load_pretrained
    from aitrain_nb.tokenizing import load_tokenizer

    place = find_pretrained(str(config.model))
    tokenizer = load_tokenizer(place)
    model: Any = load_pretrained(AutoModel, config.replace(method="fine-tune")).eval()
    positions = getattr(model.config, "max_position_embeddings", None) or LONGEST
    return Encoder(model.to(find_device("auto")), tokenizer, int(min(tokenizer.model_max_length, positions, 100_000)))


def token_lengths(tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None) -> list[int]:
    """Tokens of each text [n], special ones counted, nothing cut."""
    encoded = tokenizer(list(texts), list(pairs) if pairs else None, return_attention_mask=False, verbose=False)
    return [len(row) for row in encoded["input_ids"]]


def sampled_lengths(tokenizer: Any, texts: Sequence[str], pairs: Sequence[str] | None, seed: int) -> list[int]:
    """Tokens of each text, or of a seeded sample of 20,000 texts where there are more."""
    if len(texts) > _TOKENIZED_AT_MOST:
        places = np.random.default_rng(seed).choice(len(texts), _TOKENIZED_AT_MOST, replace=False).tolist()
        texts, pairs = [texts[place] for place in places], [pairs[place] for place in places] if pairs else None
    return token_lengths(tokenizer, texts, pairs)


def affordable_rows(
    encoder: Encoder,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    lengths: Sequence[int],
    seconds: float,
    seed: int,
) -> int:
    """How many rows there is time for, from the measured speed of one batch.

    Args:
        encoder: the model.
        texts: all of them.
        pairs: the second texts, or None.
        lengths: tokens of a sample of the texts.
        seconds: that the features may take.
        seed: decides which texts are measured.
    """
    places = np.random.default_rng(seed).choice(len(texts), min(_BATCH, len(texts)), replace=False).tolist()
    speed = encoder.tokens_per_second(
        [texts[place] for place in places], [pairs[place] for place in places] if pairs else None
    )
    usual = sum(min(LONGEST, length) for length in lengths) / len(lengths)
    return max(100, int(seconds * speed / usual))
