"""A sentence encoder with one linear layer, as transformers loads it from a folder. Needs torch and transformers only."""

from typing import Any

from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import SequenceClassifierOutput


class MeanPooledConfig(PretrainedConfig):
    """The encoder's config, and the classes.

    Args:
        encoder: fields of the encoder's config, model_type among them.
        more: fields that all configs have, such as id2label.
    """

    model_type = "mean-pooled"

    def __init__(self, encoder: dict[str, Any] | None = None, **more: Any) -> None:
        super().__init__(**more)
        self.encoder = encoder or {"model_type": "bert"}


class MeanPooledForSequenceClassification(PreTrainedModel):
    """The mean of the last hidden states [B, T, D] over real tokens, then C scores."""

    config_class = MeanPooledConfig
    base_model_prefix = "encoder"

    def __init__(self, config: MeanPooledConfig) -> None:
        super().__init__(config)
        shape = AutoConfig.for_model(**config.encoder)
        self.encoder = AutoModel.from_config(shape, trust_remote_code=False)
        self.head = nn.Linear(int(shape.hidden_size), int(config.num_labels or 2))
        self.post_init()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **more: Any) -> SequenceClassifierOutput:
        """Logits [B, C]."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask, **more).last_hidden_state
        real = attention_mask[..., None].to(hidden.dtype)
        return SequenceClassifierOutput(logits=self.head((hidden * real).sum(1) / real.sum(1)))
