"""What can be asked of a step and of a run, as data: each question with its fields, and the call that answers it."""

from aitrain_nb.questions.asking import Asked, ask, find, read, standing
from aitrain_nb.questions.base import Call, Field, FollowUp, Question
from aitrain_nb.questions.branches import Standing, tree
from aitrain_nb.questions.of_a_run import OF_A_RUN
from aitrain_nb.questions.of_a_step import OF_A_STEP

__all__ = [
    "OF_A_RUN",
    "OF_A_STEP",
    "Asked",
    "Call",
    "Field",
    "FollowUp",
    "Question",
    "Standing",
    "ask",
    "find",
    "read",
    "standing",
    "tree",
]
