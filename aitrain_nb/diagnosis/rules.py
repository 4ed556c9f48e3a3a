"""How a rule is written: one function with `@rule(...)`, which is silent where it lacks what it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb.diagnosis.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.diagnosis.curves import Curves
    from aitrain_nb.diagnosis.finding import Observation

LOSS_SYMPTOMS = (
    "loss exploding", "loss increasing", "noisy loss", "plateau", "not learning", "underfitting", "learning rate too high",
    "learning rate too low",
)  # fmt: skip
"""What a curve of losses shows when something else is wrong."""
MODEL_SYMPTOMS = ("exploding gradients", "vanishing gradients", "dead units", "update/weight ratio")
"""What a model shows then."""

_LACKING: dict[str, tuple[str, Callable[[Case], bool]]] = {
    "any": ("a loss", lambda case: bool(len(case.curves.losses) or len(case.curves.training))),
    "rates": ("learning rates", lambda case: bool(np.isfinite(case.curves.rates).any())),
    "losses": ("three training losses", lambda case: len(case.curves.main) >= 3),
    "some": ("six training losses", lambda case: len(case.curves.main) >= 6),
    "long": ("ten training losses", lambda case: len(case.curves.main) >= 10),
    "validation": ("three validation losses", lambda case: len(case.curves.checked) >= 3),
    "norms": ("gradient norms", lambda case: bool(np.isfinite(case.curves.norms).sum() >= 3)),
    "classes": ("the number of classes", lambda case: case.curves.baseline is not None),
    "accuracy": ("accuracies of evaluations", lambda case: bool(np.isfinite(case.curves.accuracies).any())),
    "trainer": ("the trainer, with its model and data", lambda case: case.probe is not None),
}  # fmt: skip
"""What a rule may need -> in words, and whether a case has it."""


@dataclass(frozen=True, eq=False)
class Case:
    """What a diagnosis has before it.

    Attributes:
        curves: the numbers of the run.
        config: what describes the run, or None.
        probe: looks at the model and the data, or None without a trainer.
    """

    curves: Curves
    config: TrainConfig | None = None
    probe: Any = None

    def lacks(self, needs: Iterable[str]) -> str:
        """What of these isn't there, in words; empty where all is."""
        return " and ".join(_LACKING[need][0] for need in needs if not _LACKING[need][1](self))


@dataclass(frozen=True)
class Rule:
    """A rule with what a person should know about it; see `Finding` for the texts.

    Attributes:
        name: in the field's own words.
        look: the function: a case -> an Observation, or None where all is well.
        needs: names of what it can't do without.
        explains: names of symptoms that this cause brings with it.
        texts: the texts of its findings.
    """

    name: str
    look: Callable[[Case], Observation | None]
    needs: tuple[str, ...]
    explains: tuple[str, ...]
    texts: dict[str, Any]

    def apply(self, case: Case) -> Finding | None:
        """The finding of this rule, or None."""
        seen = self.look(case)
        return None if seen is None else Finding(name=self.name, **seen._asdict(), **self.texts)


RULES: list[Rule] = []
"""Every rule, in the order of their modules: a cause stands before what it explains."""


def rule(
    name: str, *, needs: tuple[str, ...], could_also_be: tuple[str, ...], refute: str, advice: str, how_to_read: str, source: str,
    explains: tuple[str, ...] = (), among: list[Rule] = RULES,
) -> Callable[[Callable[[Case], Observation | None]], Callable[[Case], Observation | None]]:  # fmt: skip
    """Register a function as the rule of this name; the texts are those of its findings.

    Args:
        name: in the field's own words.
        needs: what it can't do without: "losses", "some", "long", "validation", "norms", "classes", "accuracy", "trainer".
        could_also_be: other causes that look the same.
        refute: a test that would show the finding to be wrong.
        advice: the fix in words.
        how_to_read: how the curve or table shows it.
        source: where the rule comes from.
        explains: symptoms that this cause brings with it, and that are then no findings of their own.
        among: the list of rules that it joins.
    """
    texts = {
        "could_also_be": could_also_be,
        "refute": refute,
        "advice": advice,
        "how_to_read": how_to_read,
        "source": source,
    }

    def register(look: Callable[[Case], Observation | None]) -> Callable[[Case], Observation | None]:
        among.append(Rule(name, look, needs, explains, texts))
        return look

    return register


def judge(case: Case, rules: Iterable[Rule]) -> tuple[list[Finding], dict[str, str]]:
    """The findings of these rules, symptoms folded into the causes that explain them, and what the silent ones lacked."""
    found: list[tuple[Rule, Finding]] = []
    missing = {}
    for one in rules:
        lack = case.lacks(one.needs)
        if lack:
            missing[one.name] = lack
        elif (finding := one.apply(case)) is not None:
            found.append((one, finding))
    return _fold(found), missing


def _fold(found: list[tuple[Rule, Finding]]) -> list[Finding]:
    """Drop what another finding explains, and say there that it was seen."""
    names = {finding.name for _, finding in found}
    kept = []
    for one, finding in found:
        explained = any(finding.name in other.explains for other, _ in found if other is not one)
        if not explained:
            seen = tuple(name for name in one.explains if name in names and name != one.name)
            kept.append(replace(finding, explains=seen))
    return kept
