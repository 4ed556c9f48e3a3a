"""What a lesson asks, and how an answer is judged: each wrong answer that is to be expected has words of its own.

An exercise is data; it knows nothing of notebooks. Right is a relation or a range, never a digit. Each kind is one file.
"""

from aitrain_nb.lessons.exercises.base import AnswerError, Exercise, Verdict
from aitrain_nb.lessons.exercises.choice import LETTERS, Choice, Option
from aitrain_nb.lessons.exercises.number import Number, Slip
from aitrain_nb.lessons.exercises.sort import Before, Sort
from aitrain_nb.lessons.exercises.written import RATINGS, Explain, Fill

__all__ = [
    "LETTERS",
    "RATINGS",
    "AnswerError",
    "Before",
    "Choice",
    "Exercise",
    "Explain",
    "Fill",
    "Number",
    "Option",
    "Slip",
    "Sort",
    "Verdict",
]
