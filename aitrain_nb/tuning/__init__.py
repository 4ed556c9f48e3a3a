"""Numbers for a run, found by trying: a learning rate, two fields at once."""

from aitrain_nb.tuning.finding import RateFinding
from aitrain_nb.tuning.optimizers import compare_optimizers
from aitrain_nb.tuning.range_test import find_learning_rate
from aitrain_nb.tuning.sweeping import sweep
from aitrain_nb.tuning.swept import Sweep

__all__ = ["RateFinding", "Sweep", "compare_optimizers", "find_learning_rate", "sweep"]
