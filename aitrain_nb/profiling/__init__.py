"""Where the time of a step goes: each phase, and what is computed in it."""

from aitrain_nb.profiling.kinds import BETWEEN, KINDS, kind_of
from aitrain_nb.profiling.measuring import PHASES, profile
from aitrain_nb.profiling.results import Operation, Profile

__all__ = ["BETWEEN", "KINDS", "PHASES", "Operation", "Profile", "kind_of", "profile"]
