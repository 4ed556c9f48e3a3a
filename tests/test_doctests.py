"""Every example in a docstring gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import aitrain_nb

MODULES = [
    "aitrain_nb",
    *(
        found.name
        for found in pkgutil.walk_packages(aitrain_nb.__path__, "aitrain_nb.")
        if not found.name.endswith("__main__")
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("name", ["config", "errors", "html", "lettering", "numerals", "overfitting", "schedules"])
def test_a_module_of_small_functions_has_examples(name):
    assert doctest.testmod(importlib.import_module(f"aitrain_nb.{name}")).attempted > 0
