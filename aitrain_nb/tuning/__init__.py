"""Numbers for a run, found by trying: a learning rate, two fields at once."""

from aitrain_nb.tuning.finding import RateFinding
from aitrain_nb.tuning.range_test import find_learning_rate

__all__ = ["RateFinding", "find_learning_rate"]
