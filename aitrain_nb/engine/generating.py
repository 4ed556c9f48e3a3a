"""A language model goes on with a text, one token after the other. Nothing of the run changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.randomness import generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from aitrain_nb.engine.state import TrainingState


@torch.no_grad()
def generate(
    state: TrainingState, prompt: str, tokens: int, temperature: float, top_k: int | None, seed: int
) -> Iterator[str]:
    """The text that follows the prompt, token by token, each as text.

    Args:
        state: whose model goes on, in evaluation mode.
        prompt: what to go on from.
        tokens: how many.
        temperature: the logits are divided by it: below 1 safer, above 1 wilder, 0 always the most probable token.
        top_k: choose among this many most probable tokens only; None: among all.
        seed: decides the choices.

    Raises:
        DataError: an empty prompt.
        ConfigError: the task doesn't generate, or a number is out of range.
    """
    if state.task.name != "text-generation":
        raise ConfigError(
            f"A model for {state.task.name} doesn't write texts.", "It gives classes.", "Call predict(...) instead."
        )
    if temperature < 0 or tokens < 0 or (top_k is not None and top_k < 1):
        raise ConfigError(
            f"Can't generate {tokens} tokens at temperature {temperature} from the {top_k} most probable.",
            "None of them may be negative, and top_k is at least 1.", "temperature=0.8 is a good start.",
        )  # fmt: skip
    own = state.task.own_examples(prompt, None, state.data)
    ids = state.task.prepare_own(own, state.data, state.processor, state.config).columns["input_ids"]
    if not ids.shape[1]:
        raise DataError("The prompt is empty.", "There is nothing to go on from.", "Give it a first word.")
    ids, chance = ids.to(state.device), generator(seed, "generate")
    limit = _context(state)
    modes = [(module, module.training) for module in state.model.modules()]
    state.model.eval()
    try:
        for _ in range(tokens):
            with state.threads, state.random.replayed(state.random.state):
                logits = state.task.outputs(state.model, {"input_ids": ids[:, -limit:]})[0, -1].float().cpu()
            chosen = _choose(logits, temperature, top_k, chance)
            ids = torch.cat([ids, torch.tensor([[chosen]], device=state.device)], dim=1)
            yield state.processor.decode([chosen])
    finally:
        for module, training in modes:
            module.training = training


def _context(state: TrainingState) -> int:
    """Tokens the model can see at once."""
    config: Any = getattr(state.model, "config", None)
    positions = getattr(config, "n_positions", None) or getattr(config, "max_position_embeddings", None)
    return int(positions or state.config.max_length or 128)


def _choose(logits: Tensor, temperature: float, top_k: int | None, chance: torch.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    logits = logits / temperature
    if top_k is not None and top_k < len(logits):
        lowest = logits.topk(top_k).values[-1]
        logits = logits.masked_fill(logits < lowest, -torch.inf)
    return int(torch.multinomial(logits.softmax(-1), 1, generator=chance))
