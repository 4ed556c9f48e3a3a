"""Looking closer at a step taken by hand: the same computation once more, on copies, with the same random numbers.

Nothing here changes the trainer. Weights come from the step's snapshot, so that a question can be asked after the
update too.
"""

from aitrain_nb.engine.inspection.forward import OfForward
from aitrain_nb.engine.inspection.gradients import OfGradients
from aitrain_nb.engine.inspection.update import OfUpdate


class Inspector(OfForward, OfGradients, OfUpdate):
    """Answers the questions that the records ask about the step they belong to."""
