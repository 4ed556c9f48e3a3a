"""Who is to blame for the loss of one example: its gradient, what it would lose without a tensor, and the test by moving weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from aitrain_nb.engine.dropout import DropoutMasks, can_stand_alone
from aitrain_nb.engine.replaying import place_of
from aitrain_nb.errors import ConfigError, DataError, ModelError, unknown_name
from aitrain_nb.randomness import generator
from aitrain_nb.records.answers.blame import Blame, BlameTest, Moved, Weight
from aitrain_nb.records.targets import Targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from aitrain_nb.engine.replaying import Replay
    from aitrain_nb.records import StepRecords

_MOST = 200
"""Single weights that are named."""
_SHARE = 0.2
"""Of the example's loss that a test's move should take away, to first order."""
_HALVINGS = 12
"""Times that such a move is made half as long, at most."""


class Answered(NamedTuple):
    """One example of a micro-batch with its loss, and what the loss would be with other weights.

    Attributes:
        place: of the example in the micro-batch.
        true: its right answer in words.
        loss, p_true: nats; probability of the right answer, for texts e to the minus mean loss of its tokens.
        weights: those that are trained, by name, as the step began.
        gradients: of the example's loss, by name; those that it doesn't use are missing.
        ask: weights -> loss of each example [B], and whether it is answered right [B].
    """

    place: int
    true: str
    loss: float
    p_true: float
    weights: dict[str, Tensor]
    gradients: dict[str, Tensor]
    ask: Callable[[dict[str, Tensor]], tuple[Tensor, Tensor]]

    @classmethod
    def of(cls, replay: Replay, records: StepRecords, number: int, example: int) -> Answered:
        """Ask a step about one of its examples; raises DataError where there is none, or where it has no right answer."""
        trainer, part = replay._trainer, records.batch.parts[number]
        targets, place = Targets(part.inputs["labels"]), place_of(part.inputs, example)
        if not bool(targets.counted[place].any()):
            raise DataError(
                f"Example {place} has no right answer.",
                "Without one there is no mistake.",
                "Choose an example with a label.",
            )
        before = replay.asking(records)

        def ask(weights: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
            logits = replay.replay(records, number, before | weights)
            right = ((logits.argmax(-1) == targets.labels) & targets.counted).float()
            return targets.per_example(trainer.task.loss(logits, part.inputs)), targets.per_example(right) > 0.5

        trained = {name: weight for name, weight in before.items() if weight.requires_grad}
        loss = ask({})[0][place]
        found = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
        gradients = {name: one for name, one in zip(trained, found, strict=True) if one is not None}
        names = trainer.class_names
        true = "a text" if targets.many else names[int(targets.labels[place])]
        kept = {name: weight.detach() for name, weight in trained.items()}
        loss = loss.detach()
        return cls(place, true, float(loss), float((-loss).exp()), kept, gradients, ask)

    @torch.no_grad()
    def without_each(self, replay: Replay, records: StepRecords, number: int) -> dict[str, float]:
        """The example's loss with all weights of one tensor at zero, nats, for each tensor: alone, where the others don't change it."""
        before, part, masks = replay.asking(records), records.batch.parts[number], DropoutMasks()
        zeros = {name: {name: torch.zeros_like(weight)} for name, weight in self.weights.items()}
        if not can_stand_alone(replay._trainer.model):
            return {name: float(self.ask(zero)[0][self.place]) for name, zero in zeros.items()}
        with masks:
            replay.replay(records, number, before)
        inputs = {name: value[self.place : self.place + 1] for name, value in part.inputs.items()}
        found = {}
        for name, zero in zeros.items():
            with masks.of(self.place):
                logits = replay.replay(records, number, before | zero, inputs=inputs)
            loss = Targets(inputs["labels"]).per_example(replay._trainer.task.loss(logits, inputs))
            found[name] = float(loss[0])
        return found

    def most(self, blames: dict[str, Tensor], number: int = _MOST) -> list[Weight]:
        """The single weights with the most blame, without sign, the first most."""
        found: list[tuple[float, str, int]] = []
        for name, blame in blames.items():
            values, places = blame.abs().flatten().topk(min(number, blame.numel()))
            found += [(value, name, place) for value, place in zip(values.tolist(), places.tolist(), strict=True)]
        return [self._weight(name, place) for _, name, place in sorted(found, key=lambda one: -one[0])[:number]]

    def _weight(self, name: str, place: int) -> Weight:
        """The weight at this place of the flattened tensor."""
        index = tuple(int(i) for i in torch.unravel_index(torch.tensor(place), self.weights[name].shape))
        return Weight(name, index, float(self.weights[name][index]), float(self.gradients[name][index]))

    def test(self, blame: Blame, rows: int | Sequence[Any], lr: float | None) -> BlameTest:
        """Move the blamed weights, as many at random, and all, each on copies; see `Blame.test`."""
        masks, what = self._chosen(blame, rows)
        chosen = sum(int(mask.sum()) for mask in masks.values())
        slope = sum(float(((self.gradients[name] * mask).double() ** 2).sum()) for name, mask in masks.items())
        if not chosen or not slope:
            raise ConfigError(
                "These weights would not move.",
                "The gradient of this example is zero there.",
                "Leave rows=20: the ones with the most blame.",
            )
        before = self._before()
        rate = self._rate(masks, slope, before) if lr is None else _checked_rate(lr)
        everything = {name: torch.ones_like(one, dtype=torch.bool) for name, one in self.gradients.items()}
        moved = [(what, masks), ("as many at random", self._by_chance(chosen)), ("all weights", everything)]
        rows = [self._move(name, mask, rate, before) for name, mask in moved]
        return BlameTest(blame, rate, rate * slope, len(before[0]) - 1, rows)

    def _rate(self, masks: dict[str, Tensor], slope: float, before: tuple[Tensor, Tensor]) -> float:
        """So far that the loss would fall by a fifth to first order; half as far, and again, until half of that is really gained."""
        rate = _SHARE * self.loss / slope
        for _ in range(_HALVINGS):
            if self.loss - self._move("", masks, rate, before).loss >= 0.5 * rate * slope:
                break
            rate /= 2
        return rate

    def _chosen(self, blame: Blame, rows: int | Sequence[Any]) -> tuple[dict[str, Tensor], str]:
        """Which weights are meant: name -> mask; and in words."""
        masks = {name: torch.zeros_like(one, dtype=torch.bool) for name, one in self.gradients.items()}
        if isinstance(rows, int) and not isinstance(rows, bool) and rows > 0:
            single = blame.weights[:rows] or self.most({name: one**2 for name, one in self.gradients.items()}, rows)
            for one in single:
                masks[one.name][one.at] = True
            few = "" if rows <= len(single) else f", of the {rows:,} asked for: so many are listed"
            return masks, f"the {len(single)} most to blame{few}"
        if isinstance(rows, (int, str)) or not rows:
            raise ConfigError(f"rows={rows!r} names no weights.", "It is how many, or a list of them.", "rows=20")
        for one in rows:
            name, *index = list[Any](one) if isinstance(one, (tuple, list)) and one else [one]
            if name not in masks:
                raise ModelError(*unknown_name("weight tensor", str(name), list(masks)))
            try:
                masks[name][tuple(index)] = True
            except (IndexError, TypeError) as error:
                raise ModelError(
                    f"{name} has no weight at {index}.",
                    f"Its shape is {list(masks[name].shape)}.",
                    "Give one whole number a dimension.",
                ) from error
        return masks, ", ".join(str(one) if isinstance(one, str) else f"{one[0]}{list(one[1:])}" for one in rows[:3])

    def _by_chance(self, number: int) -> dict[str, Tensor]:
        sizes = {name: one.numel() for name, one in self.gradients.items()}
        drawn = torch.randperm(sum(sizes.values()), generator=generator(0, "blame"))[:number]
        flat = torch.zeros(sum(sizes.values()), dtype=torch.bool)
        flat[drawn] = True
        parts = flat.split(list(sizes.values()))
        return {
            name: part.view_as(self.gradients[name]).to(self.gradients[name].device)
            for name, part in zip(sizes, parts, strict=True)
        }

    @torch.no_grad()
    def _before(self) -> tuple[Tensor, Tensor]:
        return self.ask({})

    @torch.no_grad()
    def _move(self, what: str, masks: dict[str, Tensor], rate: float, before: tuple[Tensor, Tensor]) -> Moved:
        """The answers of all examples after these weights have moved by -rate x gradient."""
        old, was_right = before
        moved = {
            name: self.weights[name] - rate * self.gradients[name] * mask
            for name, mask in masks.items()
            if bool(mask.any())
        }
        new, is_right = self.ask(moved)
        other = torch.ones(len(old), dtype=torch.bool, device=old.device)
        other[self.place] = False
        rises = (new - old)[other]
        noise = 1e-6 * (1 + old[other])
        loss = float(new[self.place])
        return Moved(
            what, sum(int(mask.sum()) for mask in masks.values()), loss, float((-new[self.place]).exp()),
            int((rises > noise).sum()), int((rises < -noise).sum()),
            int((was_right & ~is_right & other).sum()), int((~was_right & is_right & other).sum()),
        )  # fmt: skip


def _checked_rate(lr: object) -> float:
    if isinstance(lr, bool) or not isinstance(lr, (int, float)) or not 0 < lr < float("inf"):
        raise ConfigError(f"lr={lr!r} is no learning rate.", "It is a number above 0.", "Leave it out.")
    return float(lr)
