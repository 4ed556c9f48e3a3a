"""What each phase of a training step shows: one record a phase."""

from aitrain_nb.records.base import Record, StepRecords
from aitrain_nb.records.batch import Batch, MicroBatch
from aitrain_nb.records.ending import Ending
from aitrain_nb.records.evaluation import Evaluation
from aitrain_nb.records.forward import Forward
from aitrain_nb.records.gradients import Gradients
from aitrain_nb.records.loss import Loss
from aitrain_nb.records.saved import Saved
from aitrain_nb.records.update import Update

__all__ = [
    "Batch",
    "Ending",
    "Evaluation",
    "Forward",
    "Gradients",
    "Loss",
    "MicroBatch",
    "Record",
    "Saved",
    "StepRecords",
    "Update",
]
