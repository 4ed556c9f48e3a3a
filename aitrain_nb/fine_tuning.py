"""`trainer.fine_tune(...)`: the usual way to fine-tune: the new head first, then all, with smaller steps below."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from aitrain_nb.errors import ConfigError, PhaseError, unknown_name

if TYPE_CHECKING:
    from aitrain_nb.history import History
    from aitrain_nb.trainer import Trainer


def fine_tune(
    trainer: Trainer, epochs: int = 3, head_epochs: int = 1, layer_decay: float = 0.8, **options: Any
) -> History:
    """Train a pretrained model in the usual way: its new head first, then all of it, with smaller steps the lower a layer lies.

    The head alone learns with a rate of its own (0.01, `head_learning_rate`); then the schedule begins.
    Sets these three fields of the trainer's config and calls `fit`; to go on later, `fit` alone will do. After Howard and Ruder,
    Universal Language Model Fine-tuning for Text Classification (2018).

    Args:
        trainer: of a pretrained model, before its first step.
        epochs: in all, those of the head among them.
        head_epochs: in which the head alone is trained.
        layer_decay: the rate of a layer, as a share of that of the layer above it.
        options: of `fit`.

    Returns:
        The history.

    Raises:
        PhaseError: steps were taken before.
        ConfigError: the model isn't pretrained or has no head of its own, a value is out of range, or as `fit`.

    Example:
        trainer = ai.prepare(data="tickets", model="minilm")
        trainer.fine_tune(epochs=3)
    """
    if trainer.step or trainer.is_in_step:
        raise PhaseError(
            "fine_tune begins a run, and this one has begun.",
            f"{trainer.step:,} steps have been taken" + (", and another is under way." if trainer.is_in_step else "."),
            "Call fit() to go on, or make another trainer.",
        )
    if trainer.config.method not in {"fine-tune", "lora", "auto"}:
        raise ConfigError(
            f"fine_tune doesn't fit method={trainer.config.method!r}.",
            "It is for all weights of a pretrained model, or the adapters of method='lora'.",
            "Call fit(), or prepare(model=...) with a pretrained model, such as model='minilm'.",
        )
    known = set(inspect.signature(type(trainer).fit).parameters) - {"self", "changes"}
    for name in options:
        if name not in known:
            raise ConfigError(
                *unknown_name("option of fine_tune", name, [*known, "epochs", "head_epochs", "layer_decay"])
            )
    config = trainer.config.replace(epochs=epochs, max_steps=None, head_epochs=head_epochs, layer_decay=layer_decay)
    trainer.task.check_config(config)
    before = trainer.method_notes
    trainer.begin_as(config)
    trainer.notes = [note for note in trainer.notes if note not in before] + trainer.method_notes
    return trainer.fit(**options)
