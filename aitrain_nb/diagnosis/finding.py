"""`Finding`: one thing that a rule has seen, with its evidence, its cause and what to change."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from aitrain_nb import numerals

if TYPE_CHECKING:
    from collections.abc import Mapping

Confidence = Literal["low", "medium", "high"]


class Evidence(NamedTuple):
    """A number that speaks for a finding.

    Attributes:
        quantity: what was measured, in words.
        value: what it was.
        threshold: what would have counted, in words.
    """

    quantity: str
    value: float | str
    threshold: str

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, str) else numerals.epoch_loss(self.value)
        return f"{self.quantity}: {value} ({self.threshold})"


class Observation(NamedTuple):
    """What a rule returns when it fires.

    Attributes:
        what: a sentence with the numbers.
        evidence: what speaks for it.
        confidence: how sure the numbers make it.
        fix: fields of the config with the values to try; empty where no field mends it.
    """

    what: str
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    fix: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, repr=False)
class Finding:
    """What a rule has found.

    Attributes:
        name: of the rule, in the field's own words.
        what: a sentence with the numbers.
        evidence: (quantity, value, threshold), one each.
        confidence: "low", "medium" or "high".
        could_also_be: other causes that look the same.
        refute: a test that would show the finding to be wrong.
        fix: fields of the config with the values to try; empty where no field mends it.
        advice: the fix in words.
        how_to_read: how the curve or table shows it.
        source: where the rule comes from.
        explains: names of symptoms that were seen too and that this finding accounts for.
        is_alarm: whether something is wrong; False for a healthy run.
    """

    name: str
    what: str
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    could_also_be: tuple[str, ...]
    refute: str
    fix: Mapping[str, Any]
    advice: str
    how_to_read: str
    source: str
    explains: tuple[str, ...] = field(default=())
    is_alarm: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "fix", MappingProxyType(dict(self.fix)))

    @property
    def fix_text(self) -> str:
        """The fix in words, with the fields of the config where there are any."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.fix.items())
        return f"{self.advice} Try {fields}." if fields else self.advice

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "name": self.name, "what": self.what, "evidence": [entry._asdict() for entry in self.evidence],
            "confidence": self.confidence, "could_also_be": list(self.could_also_be), "refute": self.refute,
            "fix": dict(self.fix), "advice": self.advice, "how_to_read": self.how_to_read, "source": self.source,
            "explains": list(self.explains), "is_alarm": self.is_alarm,
        }  # fmt: skip

    def __repr__(self) -> str:
        from aitrain_nb.diagnosis import showing

        return "\n".join(showing.finding_lines(self))

    def _repr_html_(self) -> str:
        from aitrain_nb.diagnosis import showing

        return showing.finding_page(self)
