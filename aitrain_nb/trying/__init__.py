"""A trained model is tried: what it says about one example of a person's own, to look at."""

from aitrain_nb.trying.answers import Answer, Written, code_as_html, notes_as_html
from aitrain_nb.trying.drawing import Paper
from aitrain_nb.trying.pictures import try_image
from aitrain_nb.trying.prompts import Writing
from aitrain_nb.trying.texts import MOST_LETTERS, try_text

__all__ = [
    "MOST_LETTERS",
    "Answer",
    "Paper",
    "Writing",
    "Written",
    "code_as_html",
    "notes_as_html",
    "try_image",
    "try_text",
]
