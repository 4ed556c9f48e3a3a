"""What all tasks share: the interface, and the losses, scores and checks that most of them take as they are."""

from aitrain_nb.tasks.base.losses import PLAIN, LossOptions
from aitrain_nb.tasks.base.own_examples import label_numbers, own_texts
from aitrain_nb.tasks.base.task import Task

__all__ = ["PLAIN", "LossOptions", "Task", "label_numbers", "own_texts"]
