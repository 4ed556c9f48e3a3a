"""Numbers or a table in, a picture with its description out. Never pyplot; matplotlib is imported inside the functions.

Each picture says in a sentence what is to be seen in it (`picture.description`), from the same numbers that it draws.
"""

from aitrain_nb.plots.answers import bars, confusion, probabilities, surprise
from aitrain_nb.plots.base import BLUE, DARK_ORANGE, GREEN, GREY, ORANGE, PURPLE, new_figure
from aitrain_nb.plots.comparisons import comparison
from aitrain_nb.plots.examples import images, samples, worst
from aitrain_nb.plots.memories import batch_sizes, memory
from aitrain_nb.plots.methods import methods
from aitrain_nb.plots.profiles import profile
from aitrain_nb.plots.races import race
from aitrain_nb.plots.rates import learning_rate, schedule
from aitrain_nb.plots.roundings import rounding
from aitrain_nb.plots.runs import loss, run
from aitrain_nb.plots.searches import range_test, sweep
from aitrain_nb.plots.tensors import attention, dials, histograms
from aitrain_nb.plots.transfers import transfer
from aitrain_nb.plots.trials import rates_tried, watched

__all__ = [
    "BLUE",
    "DARK_ORANGE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "attention",
    "bars",
    "batch_sizes",
    "comparison",
    "confusion",
    "dials",
    "histograms",
    "images",
    "learning_rate",
    "loss",
    "memory",
    "methods",
    "new_figure",
    "probabilities",
    "profile",
    "race",
    "range_test",
    "rates_tried",
    "rounding",
    "run",
    "samples",
    "schedule",
    "surprise",
    "sweep",
    "transfer",
    "watched",
    "worst",
]
