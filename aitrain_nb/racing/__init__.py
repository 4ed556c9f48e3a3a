"""The same run under several settings, measured here and now, in turn: `race`."""

from aitrain_nb.racing.results import Race, Raced
from aitrain_nb.racing.running import race

__all__ = ["Race", "Raced", "race"]
