"""Errors: what, why and fix in the text; the nearest valid name first."""

import os
import pickle
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrain_nb import errors
from aitrain_nb.errors import AitrainError, ConfigError, DataError, ModelError, PhaseError, StopTraining, nearest

KINDS = [AitrainError, ConfigError, DataError, ModelError, PhaseError]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_what_why_and_fix_on_a_line_each(kind):
    error = kind("It broke.", "The number is 3.", "Make it 2.")
    assert str(error) == "It broke.\nWhy: The number is 3.\nFix: Make it 2."
    assert (error.what, error.why, error.fix) == ("It broke.", "The number is 3.", "Make it 2.")


def test_missing_parts_leave_no_empty_line():
    assert str(AitrainError("It broke.")) == "It broke."
    assert str(AitrainError("It broke.", fix="Make it 2.")) == "It broke.\nFix: Make it 2."


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_caught_as_an_aitrain_error(kind):
    with pytest.raises(AitrainError):
        raise kind("It broke.")


def test_a_stop_is_no_error_of_ours_and_carries_its_reason():
    stop = StopTraining("loss is low enough")
    assert not isinstance(stop, AitrainError)
    assert stop.reason == str(stop) == "loss is low enough"


@pytest.mark.parametrize("error", [ConfigError("a", "b", "c"), StopTraining("enough")])
def test_an_error_survives_pickling(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert str(again) == str(error)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("learning_rte", "learning_rate"),
        ("Learning-Rate", "learning_rate"),
        ("batchsize", "batch_size"),
        ("epoch", "epochs"),
    ],
)
def test_the_nearest_name_is_the_one_that_was_meant(typed, meant):
    assert nearest(typed, ["epochs", "batch_size", "learning_rate", "seed"])[0] == meant


@settings(deadline=None)
@given(st.text(), st.lists(st.text(min_size=1), min_size=1, unique=True))
def test_every_valid_name_is_listed_once_and_an_exact_one_comes_first(name, valid):
    assert sorted(nearest(name, valid)) == sorted(valid)
    exact = valid[-1]
    same = [other for other in valid if other.lower().replace("-", "_") == exact.lower().replace("-", "_")]
    assert nearest(exact, valid)[0] in same


def test_names_equally_near_are_listed_in_alphabetical_order():
    assert nearest("zzz", ["b", "c", "a"]) == ["a", "b", "c"]


def test_an_unknown_name_is_answered_with_the_valid_ones():
    what, why, fix = errors.unknown_name("model", "smal-cnn", ["mlp", "small-cnn"])
    assert what == "There is no model named 'smal-cnn'."
    assert why == "The valid names are: mlp, small-cnn."
    assert fix == "Did you mean 'small-cnn'?"


def shown_by_ipython(cell, **environment):
    """What a notebook shows where this cell raises."""
    code = f"from IPython.core.interactiveshell import InteractiveShell as Shell; Shell.instance(colors='nocolor').run_cell({cell!r})"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | environment
    )
    return run.stdout + run.stderr


CELL = "import aitrain_nb as ai\nai.TrainConfig(\n    learning_rte=3)\n"


def test_a_notebook_shows_the_persons_line_and_the_sentences_and_no_traceback():
    shown = shown_by_ipython(CELL)
    assert "in line 2: ai.TrainConfig(" in shown
    assert "Why:" in shown
    assert "Fix:" in shown
    assert "learning_rate" in shown
    assert "pydantic" not in shown
    assert "Traceback" not in shown


def test_the_whole_traceback_is_there_for_who_asks_for_it():
    shown = shown_by_ipython(CELL, AITRAIN_NB_TRACEBACK="1")
    assert "Traceback" in shown
    assert "pydantic" in shown
