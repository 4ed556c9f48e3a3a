"""`Estimate`: what a run needs of memory, part by part, and of time; which batches fit; what was measured beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from aitrain_nb import html, malloc, numerals, plots
from aitrain_nb.costs import allocating, speed
from aitrain_nb.costs.free_memory import ALMOST_ALL, free_memory
from aitrain_nb.costs.limits import limits_of
from aitrain_nb.costs.measured import Measured

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.costs.setups import Setup
    from aitrain_nb.costs.tracing import Step
    from aitrain_nb.figures import Picture
    from aitrain_nb.trainer import Trainer

GIB = 2**30
SIZES = (8 * GIB, 16 * GIB, 24 * GIB)
"""Memory of usual devices, bytes."""
PARTS = ("weights", "gradients", "optimizer", "activations", "rest")
RULE_OF_THUMB = {"BertConfig": "4-8 GB (BERT), with small batches", "GPT2Config": "8-16 GB (GPT-2), with small batches"}
"""Config of transformers -> what is often said of training such a model."""
_SPREAD = (0.7, 1.6)
"""Between which multiples of the estimated time a run is expected before a step of it has been taken."""
_LARGEST = 65_536
_LEAST = {"memory": 32 * 2**20, "time": 2.0}
"""Bytes and seconds below which what torch makes once, and the loop itself, weigh as much as the model."""
_COUNTED = (
    "Tensors are what torch asks for at the fullest moment of a step. On a processor the C library keeps more: blocks of under 32 MiB "
    "that were given back and fit nothing later."
)
_SAVING = " Where aitrain-nb starts the process (aitrain-nb lab, aitrain-nb train) it keeps less, by its settings."


@dataclass(frozen=True, eq=False, repr=False)
class Estimate:
    """What a run needs. Its memory is what torch is asked for at the fullest moment of a step, beyond what the process holds before.

    Attributes:
        setup: what was estimated.
        limits: bytes of memory that the batch should fit into.
        rule_of_thumb: what is often said of such a model, or empty.
        measured: what the run has needed so far, or None.
    """

    setup: Setup
    limits: tuple[int, ...] = SIZES
    rule_of_thumb: str = ""
    measured: Measured | None = None

    @property
    def batch_size(self) -> int:
        """Examples that go through the model at once."""
        return self.setup.config.batch_size

    @cached_property
    def parts(self) -> dict[str, int]:
        """Part -> bytes at the fullest moment: weights, gradients, optimizer, activations, rest."""
        return self._parts(self.setup.step, self.batch_size)

    def _parts(self, step: Step, examples: int) -> dict[str, int]:
        setup = self.setup
        waiting = setup.gradients_bytes if setup.config.gradient_accumulation_steps > 1 else 0
        _, place = step.peak(examples, waiting)
        found = step.parts(examples, place)
        gradients = max(found["gradients"], waiting)
        held = {"weights": setup.weights_bytes, "gradients": gradients, "optimizer": setup.optimizer_bytes}
        of_step = held | {"activations": found["activations"], "rest": found["rest"]}
        after = held | {"gradients": setup.gradients_bytes, "activations": 0, "rest": 0}  # the update itself
        fullest = max(of_step, after, key=lambda parts: sum(parts.values()))
        return fullest | {"rest": fullest["rest"] + setup.kept_bytes}

    @property
    def peak_bytes(self) -> int:
        """All parts together."""
        return sum(self.parts.values())

    def process_bytes(self) -> int | None:
        """What the process takes for it where glibc allocates: the tensors, and what it keeps of those that went. Else None."""
        if (rules := self._rules) is None:
            return None
        setup = self.setup
        if self._kept_key not in setup.kept:
            states = setup.optimizer_bytes / max(1, setup.gradients_bytes)
            lasting = [int(states * weight.nbytes) // 2 for weight in setup.trained for _ in range(2)]
            setup.kept[self._kept_key] = allocating.taken(setup.step, self.batch_size, lasting, rules)
        waiting = setup.gradients_bytes if setup.config.gradient_accumulation_steps > 1 else 0
        return max(self.peak_bytes, setup.weights_bytes + setup.kept_bytes + waiting + setup.kept[self._kept_key])

    @property
    def _rules(self) -> malloc.Rules | None:
        """By which the C library allocates, where that matters and is known."""
        return malloc.rules() if self.setup.device == "cpu" else None

    @property
    def _kept_key(self) -> tuple[str, bool, int]:
        config = self.setup.config
        return config.precision, config.gradient_checkpointing, config.batch_size

    @property
    def is_whole(self) -> bool:
        """Whether it is known, too, what the C library keeps, or there is nothing to know."""
        return self._kept_key in self.setup.kept or self._rules is None

    @property
    def all_bytes(self) -> int:
        """What is to be reckoned with: tensors, and what the C library keeps as far as that is known."""
        return (self.process_bytes() if self.is_whole else None) or self.peak_bytes

    def peak_of(self, batch_size: int, *, gradient_checkpointing: bool = False) -> int | None:
        """Bytes at the fullest moment with this batch; None where the model has no gradient checkpointing."""
        step = self.setup.checkpointed if gradient_checkpointing else self.setup.step
        return None if step is None else sum(self._parts(step, batch_size).values())

    def fits(self, memory_bytes: int) -> bool:
        """Whether the run fits into so much memory, with what the C library keeps; raises ConfigError where that is no number of bytes."""
        memory_bytes = limits_of(memory_bytes)[0]
        return (self.process_bytes() or self.peak_bytes) <= memory_bytes

    def largest_batch(self, memory_bytes: int, *, gradient_checkpointing: bool = False) -> int | None:
        """The largest batch that fits, 0 where not even one example does; None where the model has no gradient checkpointing.

        What the C library keeps counts as far as it is known (`process_bytes`, `fits`), with every batch as the same share.
        """
        if (self.setup.checkpointed if gradient_checkpointing else self.setup.step) is None:
            return None
        memory_bytes = int(limits_of(memory_bytes)[0] * self.peak_bytes / self.all_bytes)
        low, high = 0, _LARGEST
        while low < high:
            middle = (low + high + 1) // 2
            peak = self.peak_of(middle, gradient_checkpointing=gradient_checkpointing)
            assert peak is not None
            low, high = (middle, high) if peak <= memory_bytes else (low, middle - 1)
        return low

    @cached_property
    def seconds_per_step(self) -> float:
        """Of an optimizer step: by the steps taken, else by the arithmetic of one and the speed of this machine."""
        if self.measured is not None and self.measured.seconds_per_step is not None:
            return self.measured.seconds_per_step
        return self._foreseen_seconds_per_step

    @cached_property
    def _foreseen_seconds_per_step(self) -> float:
        setup, config = self.setup, self.setup.config
        measured = speed.measure(setup.device, setup.threads)
        moved = 2 * (setup.gradients_bytes * 2 + setup.optimizer_bytes)
        examples = config.batch_size * config.gradient_accumulation_steps
        return measured.seconds(setup.step, examples, setup.length, moved)

    @property
    def is_arithmetic(self) -> bool:
        """Whether everything is known that it takes: its step was followed, and this machine's speed was measured."""
        return self.setup.is_followed and speed.is_measured(self.setup.device, self.setup.threads)

    def work_out(self) -> None:
        """Find out everything that it takes; raises ConfigError where the model can't be followed."""
        _ = self.peak_bytes, self.seconds_per_step, self.process_bytes()

    @property
    def seconds(self) -> float | None:
        """Of the whole run, evaluations with it; None where its steps aren't known. An evaluation is a third of a step an example."""
        if self.setup.steps is None:
            return None
        each = self.seconds_per_step / (self.batch_size * self.setup.config.gradient_accumulation_steps)
        return self.seconds_per_step * self.setup.steps + each / 3 * self.setup.evaluated

    @property
    def seconds_range(self) -> tuple[float, float] | None:
        """Between which times the run is expected to take, seconds."""
        if self.seconds is None:
            return None
        low, high = (0.85, 1.2) if self.measured is not None and self.measured.steps else _SPREAD
        return low * self.seconds, high * self.seconds

    def beside(self, trainer: Trainer) -> Estimate:
        """The same beside what the run of this trainer has needed so far."""
        return replace(self, measured=Measured.of(trainer))

    def comparison(self) -> pd.DataFrame:
        """Estimate beside measurement, as far as the run has gone: what, estimated, measured, error as a share of the measured.

        Its rows are "memory", bytes at the fullest moment, and "time", seconds of the steps that were taken; none before the first.
        """
        import pandas as pd

        rows: list[tuple[str, float, float]] = []
        measured = self.measured or Measured()
        if measured.steps and measured.peak_bytes:
            rows.append(("memory", self.process_bytes() or self.peak_bytes, measured.peak_bytes))
        if measured.steps and measured.seconds:
            rows.append(("time", self._foreseen_seconds_per_step * measured.steps, measured.seconds))
        told = [(*row, row[1] / row[2] - 1) for row in rows]
        return pd.DataFrame(told, columns=["what", "estimated", "measured", "error"]).set_index("what", drop=False)

    def compared(self) -> list[list[str]]:
        """The same in words, a row each."""
        written = {"memory": numerals.memory, "time": numerals.duration}
        steps = "" if self.measured is None else f" of {numerals.several(self.measured.steps, 'step')}"
        return [
            [what + (steps if what == "time" else ""), written[what](estimated), written[what](measured),
             f"{100 * error:+.1f} %" if measured >= _LEAST[what] else "too little to tell an error"]
            for what, estimated, measured, error in self.comparison().itertuples(index=False)
        ]  # fmt: skip

    @property
    def compared_in_words(self) -> str:
        """The same in a line."""
        return " · ".join(
            f"{what}: estimated {estimated}, measured {measured} ({error})"
            for what, estimated, measured, error in self.compared()
        )

    @property
    def seconds_left(self) -> float | None:
        """Of the steps and evaluations that are still to come; None where the run's steps aren't known."""
        if self.seconds is None or not self.setup.steps:
            return None
        done = 0 if self.measured is None else min(self.measured.steps, self.setup.steps)
        return self.seconds * (1 - done / self.setup.steps)

    def table(self) -> pd.DataFrame:
        """One row a part: part, bytes, share of the whole."""
        import pandas as pd

        rows = [(part, size, size / self.peak_bytes) for part, size in self.parts.items()]
        return pd.DataFrame(rows, columns=["part", "bytes", "share"])

    def fitting(self) -> list[tuple[int, bool, int, int | None]]:
        """For each limit: its bytes, whether the run fits, the largest batch, and the largest with gradient checkpointing."""
        return [
            (
                limit,
                self.fits(limit),
                self.largest_batch(limit) or 0,
                self.largest_batch(limit, gradient_checkpointing=True),
            )
            for limit in self.limits
        ]

    def facts(self) -> dict[str, str]:
        """Name -> value, as a person reads it."""
        found = {"tensors": f"about {numerals.memory(self.peak_bytes)}", "time": self.time_in_words}
        if (whole := self.process_bytes()) is not None:
            found["with what the C library keeps"] = f"about {numerals.memory(whole)}"
        if self.rule_of_thumb:
            found["the rule of thumb says"] = self.rule_of_thumb
        return found

    @property
    def memory_in_words(self) -> str:
        """The memory of the run beside what is free now on its device."""
        free = free_memory(self.setup.device)
        first = f"about {numerals.memory(self.all_bytes)} above what this process takes now"
        if self.all_bytes > self.peak_bytes:
            first += f", {numerals.memory(self.peak_bytes)} of it tensors"
        if self.all_bytes <= ALMOST_ALL * free:
            return f"{first}; fits in the {numerals.memory(free)} that are free"
        largest = self.largest_batch(int(ALMOST_ALL * free))
        fitting = f"batches of {largest} fit" if largest else "not even one example fits"
        return f"{first}; too much for the {numerals.memory(free)} that are free: {fitting}"

    @property
    def parts_in_words(self) -> str:
        """The parts of its memory."""
        return ", ".join(f"{part} {_size(size)}" for part, size in self.parts.items())

    @property
    def weights_in_words(self) -> str:
        """How many numbers the model holds, and how many of them are trained, where that isn't all."""
        whole, trained = self.setup.weights
        return f"{trained:,} of {whole:,} are trained" if trained < whole else numerals.count(whole)

    @property
    def time_in_words(self) -> str:
        """The time of the run, or of a step where its length isn't known."""
        if self.seconds is None:
            return f"about {numerals.duration(self.seconds_per_step)} a step"
        if self.seconds < 1:
            return "about a second or less"
        low, high = self.seconds_range or (0.0, 0.0)
        return f"about {numerals.duration(self.seconds)} ({numerals.duration(low)} to {numerals.duration(high)})"

    def plot(self) -> Picture:
        """The parts, stacked in one bar, and the limits."""
        return plots.memory(self.parts, self.limits, description=self.text())

    def text(self) -> str:
        """What was found, in sentences."""
        peak = f"about {numerals.memory(self.peak_bytes)} at the fullest moment of a step"
        first = f"{self.setup.what}, batches of {self.batch_size}: {peak} ({self.parts_in_words})."
        whole = self.process_bytes()
        kept = (
            ""
            if whole is None
            else f" The process takes about {numerals.memory(whole)}, with what the C library keeps."
        )
        return f"{first}{kept} Time: {self.time_in_words}."

    def __repr__(self) -> str:
        lines = [f"Estimate: {self.text()}"]
        for limit, fits, batch, checkpointed in self.fitting():
            more = "" if checkpointed is None else f", {_batch(checkpointed)} with gradient checkpointing"
            lines.append(
                f"  {numerals.memory(limit)}: {'fits' if fits else 'too small'}; largest batch {_batch(batch)}{more}"
            )
        lines += [f"  {self.compared_in_words}"] if self.compared() else []
        if self.rule_of_thumb:
            lines.append(f"  the rule of thumb says: {self.rule_of_thumb}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        whole = max(1, self.peak_bytes)
        rows = [
            [part, _size(size), html.bar(size / whole, numerals.share(size / whole))]
            for part, size in self.parts.items()
        ]
        fitting = [
            [numerals.memory(limit), "yes" if fits else "no", _batch(batch),
             "not with this model" if checkpointed is None else _batch(checkpointed)]
            for limit, fits, batch, checkpointed in self.fitting()
        ]  # fmt: skip
        return html.section(
            "What this run needs", f"{self.setup.what}, batches of {self.batch_size}; nothing was allocated for it",
            html.facts(self.facts()), self.plot().to_html(),
            html.table(["part", "memory", "share"], rows),
            html.table(["memory of the device", "fits?", "largest batch", "with gradient checkpointing"], fitting),
            html.table(["", "estimated", "measured", "error"], self.compared()) if self.compared() else "",
            html.element("p", _COUNTED + (_SAVING if self._rules == "as it comes" else ""), style="opacity:0.8"),
        )  # fmt: skip


def _size(part: int) -> str:
    """Of a part: gradients may not be there yet when a step is at its fullest, or the inner values no longer."""
    return numerals.memory(part) if part else "none at that moment"


def _batch(number: int) -> str:
    return numerals.count(number) + (" or more" if number >= _LARGEST else "")
