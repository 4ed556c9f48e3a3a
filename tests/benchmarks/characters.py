"""A small GPT on characters against counting: validation loss after so many seconds, beside an n-gram model's on the same split.

The n-gram model interpolates all orders up to n with Witten and Bell's weights (The Zero-Frequency Problem, 1991). Both are asked about
the same characters: the GPT sees up to 64 before each, the n-gram model n - 1.

    python tests/benchmarks/characters.py --seconds 60
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import Counter, defaultdict

import aitrain_nb as ai

PROMPT = "The people of the United States "


class Characters:
    """An interpolated n-gram model of characters.

    Args:
        text: to count.
        order: n.
        alphabet: how many characters there are, for the uniform guess at the bottom.
    """

    def __init__(self, text: str, order: int, alphabet: int) -> None:
        self.order, self.alphabet = order, alphabet
        self.counts: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(order)]
        for length, table in enumerate(self.counts):
            for start in range(len(text) - length):
                table[text[start : start + length]][text[start + length]] += 1
        self.totals = [{context: sum(seen.values()) for context, seen in table.items()} for table in self.counts]

    def probability(self, before: str, character: str) -> float:
        """P(character | the last n - 1 characters of `before`)."""
        found = 1 / self.alphabet
        for length in range(min(self.order - 1, len(before)) + 1):
            context = before[len(before) - length :]
            seen = self.counts[length].get(context)
            if seen is None:
                break
            total, kinds = self.totals[length][context], len(seen)
            found = (seen[character] + kinds * found) / (total + kinds)
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--orders", type=int, nargs="+", default=[1, 2, 3, 5, 6])
    given = parser.parse_args()
    losses, sample = [], ""
    for seed in range(given.seeds):
        trainer = ai.prepare(
            task="text-generation", data="speeches", seed=seed, batch_size=16, learning_rate=4e-3, warmup_steps=50,
            evaluate_every=0, max_steps=100_000,
        )  # fmt: skip
        trainer.watchers.append(after(given.seconds))
        trainer.fit(display="none")
        evaluation = trainer.evaluate()
        losses.append(evaluation.loss)
        print(
            f"GPT, seed {seed}: {trainer.step} steps in {given.seconds:.0f} s, validation loss {evaluation.loss:.3f} nats"
        )
        sample = sample or trainer.generate(PROMPT, tokens=300, temperature=0.8)
    text, names = trainer.data.train.columns["text"], trainer.class_names
    joined = "\n\n".join(text)
    shown = {name: character for character, name in (("\n", "⏎"), (" ", "␣"), ("\t", "⇥"))} | {
        name: name for name in names
    }
    shown |= {"⏎": "\n", "␣": " ", "⇥": "\t"}
    characters = trainer._evaluator._prepared["validation"].columns
    blocks = [
        "".join(shown[names[i]] for i in row) + shown[names[last]]
        for row, last in zip(characters["input_ids"].tolist(), characters["labels"][:, -1].tolist(), strict=True)
    ]
    print(f"\n| model | nats a character on {sum(len(block) - 1 for block in blocks):,} of them | bits | seconds |")
    print("| --- | --- | --- | --- |")
    for order in given.orders:
        began = time.perf_counter()
        counted = Characters(joined, order, len(names))
        surprises = [
            -math.log(counted.probability(block[max(0, place - order + 1) : place], block[place]))
            for block in blocks
            for place in range(1, len(block))
        ]
        loss = statistics.fmean(surprises)
        print(
            f"| {order}-gram | {loss:.3f} | {loss / math.log(2):.2f} | {time.perf_counter() - began:.0f} |", flush=True
        )
    middle = statistics.median(losses)
    weights = sum(weight.numel() for weight in trainer.model.parameters())
    print(f"| small-gpt, {weights:,} weights, median of {given.seeds} seeds | {middle:.3f} ({min(losses):.3f} to {max(losses):.3f}) "
          f"| {middle / math.log(2):.2f} | {given.seconds:.0f} |")  # fmt: skip
    print(f"\nThe GPT of seed 0 goes on, temperature 0.8:\n\n{sample}")


def after(seconds: float):
    """A watcher that ends the run when its time is over."""
    end = time.monotonic() + seconds

    def watch(_record: object) -> None:
        if time.monotonic() > end:
            raise ai.StopTraining("time is over")

    return watch


if __name__ == "__main__":
    main()
