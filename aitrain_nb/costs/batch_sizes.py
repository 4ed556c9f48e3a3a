"""Batches of rising size, tried with real steps that leave no trace: how many examples a second each takes; `BatchSizes` shows them."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb import html, numerals, plots
from aitrain_nb.engine.memory import is_out_of_memory, release
from aitrain_nb.engine.order import DataOrder, lengths_of
from aitrain_nb.engine.trials import trial

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.figures import Picture

_WORTH = 1.05
_LEAST_SECONDS = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class BatchSizes:
    """What was found by trying.

    Attributes:
        rates: batch size -> examples a second, those that were tried.
        largest: the largest batch that fits.
        memory_bytes: into how much memory.
        ran_out: the batch with which memory ran out though it was to fit, or None.
    """

    rates: dict[int, float]
    largest: int
    memory_bytes: int
    ran_out: int | None = None

    @property
    def recommended(self) -> int:
        """The largest batch that still raises the examples a second by 5 % over the best smaller one; 0 where none could be tried."""
        best = 0
        for size in sorted(self.rates):
            if not best or self.rates[size] >= _WORTH * self.rates[best]:
                best = size
        return best

    def table(self) -> pd.DataFrame:
        """One row a size: batch_size, examples_per_second, seconds_per_step."""
        import pandas as pd

        rows = [(size, rate, size / rate) for size, rate in sorted(self.rates.items())]
        return pd.DataFrame(rows, columns=["batch_size", "examples_per_second", "seconds_per_step"])

    def plot(self) -> Picture:
        """Examples a second over the batch size; both answers are marked."""
        return plots.batch_sizes(self.rates, self.recommended, self.largest, description=self.text())

    def text(self) -> str:
        """What was found, in sentences."""
        if not self.recommended:
            return "No batch could be tried."
        rate = numerals.significant(self.rates[self.recommended])
        biggest = max(self.rates)
        said = f"Batches of {numerals.count(self.recommended)} take {rate} examples a second"
        if biggest > self.recommended:
            said += f"; larger ones, tried up to {numerals.count(biggest)}, add less than 5 %"
        largest = numerals.several(self.largest, "example")
        if self.ran_out is not None:
            return f"{said}. Memory ran out with {numerals.count(self.ran_out)}; the largest tried that fits has {largest}."
        return (
            f"{said}. By the estimate, the largest that fits into {numerals.memory(self.memory_bytes)} has {largest}."
        )

    def __repr__(self) -> str:
        return f"BatchSizes: {self.text()}"

    def _repr_html_(self) -> str:
        rows = [
            [numerals.count(size), numerals.significant(rate), numerals.duration(size / rate)]
            for size, rate in sorted(self.rates.items())
        ]
        return html.section(
            "Which batch size", "tried with real steps; the run is left as it was", self.plot().to_html(), html.element("p", self.text()),
            html.table(["batch size", "examples a second", "a step"], rows),
        )  # fmt: skip


def timed(trainer: Any, size: int, steps: int) -> float | None:
    """Examples a second in steps of this batch size, the quickest of them; None where memory ran out.

    Short steps are taken for `_LEAST_SECONDS`, however many that are: else another program on the machine could fall on all of them.

    The trainer is left as it was, bit for bit.
    """
    shortest = float("inf")
    try:
        with trial(trainer), trainer.threads:
            trainer.config = trainer.config.replace(batch_size=size, gradient_accumulation_steps=1)
            trainer.order = DataOrder.of(trainer.config, trainer.order.examples, lengths_of(trainer.prepared["train"]))
            trainer._feed = trainer._feed.in_order(trainer.order)
            trainer.plan = trainer.plan._replace(schedule="constant", warmup_steps=0, head_steps=0)
            started, number = perf_counter(), 0
            while number <= steps or perf_counter() - started < _LEAST_SECONDS:
                began = perf_counter()
                for _ in trainer.phases():
                    pass
                if trainer.device.type == "cuda":
                    torch.cuda.synchronize()
                if number:  # the first one also makes room
                    shortest = min(shortest, perf_counter() - began)
                number += 1
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    else:
        return size / shortest
    release()
    return None
