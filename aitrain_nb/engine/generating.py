"""A language model goes on with a text, one token after the other. Nothing of the run changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch

from aitrain_nb.engine.modes import evaluation_mode
from aitrain_nb.errors import ConfigError, DataError
from aitrain_nb.randomness import generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.data import Splits
    from aitrain_nb.engine.device import Threads
    from aitrain_nb.randomness import OwnRandom
    from aitrain_nb.tasks import Task

CHOICES = 10
"""How many of the most probable tokens a piece names."""
_BEFORE = 8
"""Tokens before a new one that may change how it is written, such as whether a space comes first."""
_UNFINISHED = "�"
"""What stands for a letter of which only some bytes are there; the next tokens bring the others, four at most."""


class Writer(Protocol):
    """What a text is written with: a trainer, or a model that was exported."""

    task: Task
    data: Splits
    processor: Any
    config: TrainConfig
    class_names: Sequence[str]
    model: nn.Module
    device: torch.device
    threads: Threads
    random: OwnRandom


class Piece(NamedTuple):
    """A token that a language model went on with.

    Attributes:
        text: what it adds to the text; empty while a letter that needs several tokens isn't complete.
        token: the token as a person can read it.
        probability: with which it was chosen, 0 to 1, temperature and top-k included; of the model itself at temperature 0.
        choices: the most probable tokens at its place with their probabilities, best first, at most ten.
    """

    text: str
    token: str
    probability: float
    choices: tuple[tuple[str, float], ...]


def pieces(
    state: Writer, prompt: str, tokens: int, temperature: float, top_k: int | None, seed: int
) -> Iterator[Piece]:
    """What follows the prompt, token by token; between two of them the model and all random numbers are as they were.

    Args:
        state: whose model goes on, in evaluation mode.
        prompt: what to go on from; of a long one the model sees the end.
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
    ids = state.task.prepare_own(own, state.data, state.processor, state.config).columns["input_ids"][0].tolist()
    if not ids:
        raise DataError("The prompt is empty.", "There is nothing to go on from.", "Give it a first word.")
    chance, writer = generator(seed, "generate"), _Writer(state.processor, ids)
    for _ in range(tokens):
        probabilities = _probabilities(_logits(state, ids), temperature, top_k)
        greedy = temperature == 0
        chosen = int(probabilities.argmax() if greedy else torch.multinomial(probabilities, 1, generator=chance))
        ids.append(chosen)
        best = probabilities.topk(min(CHOICES, int((probabilities > 0).sum())))
        choices = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        named = tuple((state.class_names[number], value) for number, value in choices)
        yield Piece(writer.add(chosen), state.class_names[chosen], float(probabilities[chosen]), named)


def context(state: Writer) -> int:
    """Tokens the model can see at once."""
    config: Any = getattr(state.model, "config", None)
    positions = getattr(config, "n_positions", None) or getattr(config, "max_position_embeddings", None)
    return int(positions or state.config.max_length or 128)


@torch.no_grad()
def _logits(state: Writer, ids: Sequence[int]) -> Tensor:
    """Scores of the token that comes next [V], on the CPU."""
    inputs = {"input_ids": torch.tensor([ids[-context(state) :]], device=state.device)}
    with evaluation_mode(state.model), state.threads, state.random.replayed(state.random.state):
        return state.task.outputs(state.model, inputs)[0, -1].float().cpu()


def _probabilities(logits: Tensor, temperature: float, top_k: int | None) -> Tensor:
    """Probability of each token to be chosen [V]; at temperature 0 those of the model itself."""
    if temperature == 0:
        return logits.softmax(-1)
    logits = logits / temperature
    if top_k is not None and top_k < len(logits):
        lowest = logits.topk(top_k).values[-1]
        logits = logits.masked_fill(logits < lowest, -torch.inf)
    return logits.softmax(-1)


class _Writer:
    """What each new token adds to the text: a space may come first, and a letter may need several tokens.

    Args:
        processor: the tokenizer.
        ids: the tokens of the prompt.
    """

    def __init__(self, processor: Any, ids: Sequence[int]) -> None:
        self._decode, self._before, self._waiting = processor.decode, list(ids[-_BEFORE:]), list[int]()

    def add(self, number: int) -> str:
        """The text that this token completes."""
        self._waiting.append(number)
        before, whole = self._decode(self._before), self._decode(self._before + self._waiting)
        text: str = whole.removeprefix(before) if whole.startswith(before) else self._decode(self._waiting)
        if text.endswith(_UNFINISHED) and len(self._waiting) < 4:
            return ""
        self._before, self._waiting = [*self._before, *self._waiting][-_BEFORE:], []
        return text
