"""`Findings`: all that a diagnosis has to say, the causes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from aitrain_nb.diagnosis import showing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.diagnosis.finding import Finding


class Tick(NamedTuple):
    """Something that is well in a healthy run.

    Attributes:
        name: what it is.
        holds: whether it is so; None where it can't be told.
        words: the numbers, or why it can't be told.
    """

    name: str
    holds: bool | None
    words: str


class Findings(Sequence["Finding"]):
    """What a diagnosis has found, a cause before the symptoms that it doesn't explain.

    It is a sequence of `Finding`; a healthy run has one, named "healthy".

    Args:
        about: what was looked at, in words.
        found: the findings.
        ticks: what is well and what isn't.
        looked_at: what was there to look at, in words.
        missing: rule -> what it would have needed.
        config: of the run, where it is known: so the fixes can say what was before.

    Example:
        findings = ai.diagnose(trainer)
        better = findings.apply(trainer.config)
    """

    def __init__(
        self, about: str, found: Iterable[Finding], ticks: Iterable[Tick] = (), looked_at: Iterable[str] = (),
        missing: Mapping[str, str] | None = None, config: TrainConfig | None = None,
    ) -> None:  # fmt: skip
        self.about, self.ticks, self.looked_at = about, tuple(ticks), tuple(looked_at)
        self.missing, self.config = dict(missing or {}), config
        self._found = tuple(found)

    @overload
    def __getitem__(self, place: int) -> Finding: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Finding]: ...
    def __getitem__(self, place: int | slice) -> Finding | Sequence[Finding]:
        return self._found[place]

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, one: object) -> bool:
        return one in self._found or one in self.names

    @property
    def alarms(self) -> list[Finding]:
        """The findings that say that something is wrong."""
        return [finding for finding in self._found if finding.is_alarm]

    @property
    def names(self) -> list[str]:
        """The names of the findings, in order."""
        return [finding.name for finding in self._found]

    @property
    def fix(self) -> dict[str, Any]:
        """The fields that all findings together would change; where two disagree, the first one counts."""
        fields: dict[str, Any] = {}
        for finding in self._found:
            fields = dict(finding.fix) | fields
        return fields

    def apply(self, config: TrainConfig) -> TrainConfig:
        """The config with the fields of `fix` changed; raises ConfigError where they don't fit it."""
        return config.replace(**self.fix)

    def table(self) -> pd.DataFrame:
        """One row a finding: name, what, confidence, evidence, explains, fix, advice, refute, source."""
        import pandas as pd

        rows = [
            {
                "name": finding.name, "what": finding.what, "confidence": finding.confidence,
                "evidence": "; ".join(map(str, finding.evidence)), "explains": ", ".join(finding.explains),
                "fix": dict(finding.fix), "advice": finding.advice, "refute": finding.refute, "source": finding.source,
            }
            for finding in self._found
        ]  # fmt: skip
        names = ["name", "what", "confidence", "evidence", "explains", "fix", "advice", "refute", "source"]
        return pd.DataFrame(rows, columns=names)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, ready for JSON."""
        return {
            "about": self.about, "findings": [finding.to_dict() for finding in self._found],
            "ticks": [tick._asdict() for tick in self.ticks], "looked_at": list(self.looked_at), "missing": self.missing,
        }  # fmt: skip

    def text(self, width: int | None = None) -> str:
        """All of it for a terminal, in lines of at most so many letters where a width is given."""
        rows = showing.lines(self)
        return "\n".join(rows if width is None else (showing.fitted(row, width) for row in rows))

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return showing.page(self)
