"""How surprised a small language model is by each letter of a text, at four moments of its training."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from aitrain_nb import chips, html
from aitrain_nb.widgets.explorable import Explorable, Pick, Typed

if TYPE_CHECKING:
    from torch import Tensor

MOMENTS = (0, 30, 100, 300)
"""Steps after which its weights were kept."""
_MOST = 60
"""Letters that are read: what it sees at once, and a little less."""


class Speller(NamedTuple):
    """A GPT of 110,000 weights that has read messages to a shop, letter by letter.

    Attributes:
        trainer: of its run, at the end.
        weights: moment -> its weights then.
    """

    trainer: Any
    weights: dict[int, dict[str, Tensor]]

    def losses(self, text: str, moment: int = MOMENTS[-1]) -> list[tuple[str, float]]:
        """Each letter but the first, and how surprising it was after those before it, nats.

        Args:
            text: its first letters are read; capitals are the same letters.
            moment: one of `MOMENTS`.
        """
        import torch

        places, logits = self.scores(text, moment)
        if len(places) < 2:
            return []
        losses = torch.nn.functional.cross_entropy(logits[:-1], places[1:], reduction="none").tolist()
        names = self.trainer.class_names
        return [(names[place], loss) for place, loss in zip(places[1:].tolist(), losses, strict=True)]

    def scores(self, text: str, moment: int = MOMENTS[-1]) -> tuple[Tensor, Tensor]:
        """Numbers of the letters [T], and the scores [T, 85] that it gives after each."""
        import torch

        places = torch.tensor(self.trainer.processor(text)["input_ids"][:_MOST], dtype=torch.long)
        if not len(places):
            return places, torch.zeros(0, len(self.trainer.class_names))
        with torch.no_grad():
            given = torch.func.functional_call(self.trainer.model, self.weights[moment], (places[None],))
        return places, given.logits[0]


@cache
def speller(seed: int = 0) -> Speller:
    """Train it, once: about four seconds.

    Args:
        seed: of its first weights and of the run.
    """
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    import aitrain_nb as ai

    source = ai.prepare(data="tickets", task="text-generation", model="small-gpt", threads=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = GPT2LMHeadModel(
            GPT2Config(
                vocab_size=len(source.class_names), n_positions=64, n_embd=64, n_layer=2, n_head=4, attn_pdrop=0.0, embd_pdrop=0.0,
                resid_pdrop=0.0, bos_token_id=None, eos_token_id=None,
            )
        )  # fmt: skip
    config = ai.TrainConfig(
        seed=seed, batch_size=8, learning_rate=3e-3, warmup_steps=20, max_steps=MOMENTS[-1], max_length=32, evaluate_every=0,
        keep="last", threads=1,
    )  # fmt: skip
    trainer = ai.Trainer(model, "text-generation", source.data, config, source.processor)
    weights = {0: _copied(model)}

    def keep(record: Any) -> None:
        if record.phase == "update" and record.step in MOMENTS:
            weights[record.step] = _copied(model)

    trainer.watchers.append(keep)
    trainer.fit(display="none")
    return Speller(trainer, weights)


def _copied(model: Any) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


class TokenHeat(Explorable):
    """Type a text: under each letter stands how surprised the model was by it, after those before.

    Example:
        TokenHeat().set(text="Where is my parcel?", after="300 steps")
    """

    def __init__(self) -> None:
        self.speller = speller()
        moments = tuple(f"{moment} steps" for moment in MOMENTS)
        super().__init__(
            self._heat, "A loss at every letter",
            text=Typed("Where is my parcel?", "A text", help=f"Its first {_MOST} letters are read."),
            after=Pick(moments[-1], "Trained for", moments),
        )  # fmt: skip

    def _heat(self, text: str, after: str) -> html.Markup:
        letters = self.speller.losses(text, int(after.split(maxsplit=1)[0]))
        if not letters:
            return html.element("div", "Type at least 2 letters: the first has nothing before it.")
        mean = math.fsum(loss for _, loss in letters) / len(letters)
        worst = max(letters, key=lambda one: one[1])
        facts = {
            "mean loss": f"{mean:.2f} nats a letter", "perplexity": f"{math.exp(mean):.1f}",
            "most surprising": f"{worst[0]} ({worst[1]:.1f} nats)",
        }  # fmt: skip
        return html.join([
            html.facts(facts), chips.heat(letters, 8.0, "Loss of each letter (nats). The first letter has nothing before it."),
        ])  # fmt: skip
