"""Every picture with dials of the lessons: at its ends, in words, in code, as a twin."""

import itertools

import pytest

from aitrain_nb.lessons import widgets
from aitrain_nb.widgets.explorable import Explorable, Pick, Range, Switch

every_widget = pytest.mark.parametrize("name", widgets.__all__)


def ends(dial):
    """The outermost places of a dial."""
    if isinstance(dial, Range):
        return [dial.min, dial.max]
    return (
        list(dial.choices)
        if isinstance(dial, Pick)
        else [False, True]
        if isinstance(dial, Switch)
        else ["", "A few words."]
    )


@every_widget
def test_it_draws_with_each_dial_at_its_ends(name):
    widget = getattr(widgets, name)()
    assert isinstance(widget, Explorable)
    for dial, places in [(dial, ends(about)) for dial, about in widget._dials.items()]:
        for place in places:
            widget.set(**{dial: place})
            assert widget.state["said"].strip()
            assert len(widget.state["html"]) < 120_000
    assert eval(widget.code, {name: getattr(widgets, name)}).value == widget.value


@every_widget
def test_it_says_in_words_what_it_shows(name):
    widget = getattr(widgets, name)()
    assert widget.title in widget.text()
    assert any(letter.isdigit() for letter in widget.state["said"]), "a sentence with numbers"
    assert widget.title in widget.twin()


@every_widget
def test_moving_a_dial_changes_what_is_shown(name):
    widget = getattr(widgets, name)()
    seen = {widget.state["html"]}
    for dial, about in itertools.islice(widget._dials.items(), 3):
        for place in ends(about):
            seen.add(widget.set(**{dial: place}).state["html"])
    assert len(seen) > 1


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Nothing"):
        widgets.Nothing  # noqa: B018
