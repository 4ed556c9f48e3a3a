"""A picture with dials: it draws what the dials say, keeps its last good state, and leaves a twin."""

import asyncio
import math

import pytest

import aitrain_nb as ai
from aitrain_nb import html
from aitrain_nb.widgets.explorable import Explorable, Pick, Range, Switch, Typed


class Squares(Explorable):
    """For tests: a number squared."""

    def __init__(self):
        super().__init__(
            lambda x, name, on, text: html.element("p", f"{name} {x * x:g} {on} {text}"), "Squares",
            x=Range(2, "x", min=0, max=10, step=1, unit="m"), name=Pick("a", "name", ("a", "b")), on=Switch(True, "on"),
            text=Typed("hi", "text"),
        )  # fmt: skip


def test_dials_are_moved_in_code_and_the_picture_follows():
    squares = Squares().set(x=3, name="b", on=False)
    assert squares.value == {"x": 3, "name": "b", "on": False, "text": "hi"}
    assert squares.state["html"] == "<p>b 9 False hi</p>"
    assert squares.code == "Squares().set(x=3, name='b', on=False, text='hi')"
    assert eval(squares.code).value == squares.value


def test_dials_are_moved_on_the_page():
    squares = Squares()
    squares.take({"type": "set", "name": "x", "value": 4.4})
    assert squares.value["x"] == 4
    squares.take({"type": "set", "name": "x", "value": 400})
    assert "goes from 0 to 10" in squares.state["wrong"]
    assert squares.value["x"] == 4
    squares.take({"type": "set", "name": "y", "value": 1})
    squares.take({"type": "set"})
    squares.take({"type": "set", "name": "on", "value": False})
    assert squares.state["wrong"] == ""
    assert squares.value["on"] is False


def test_what_was_drawn_lately_is_not_drawn_again():
    drawn = []
    one = Explorable(lambda x: drawn.append(x) or x, "x", x=Range(0, "x", min=0, max=100, step=1))
    for x in (1, 2, 1, 2, 1):
        assert one.set(x=x).shown == x
    assert drawn == [0, 1, 2]
    for x in range(100):
        one.set(x=x)
    assert len(one._drawn) == 40
    assert one.set(x=1).shown == 1
    assert drawn.count(1) == 2


async def until(fulfilled):
    for _ in range(6000):
        if fulfilled():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


@pytest.mark.parametrize(
    ("is_slow", "dial", "expected"),
    [
        (True, Range(1, "x", stops=(1, 2, 4, 8)), {1, 4, 2, 8}),
        (True, Range(0, "x", min=0, max=6, step=2), {0, 4, 2, 6}),
        (True, Range(0, "x", min=0, max=6), {0, 4.5}),
        (True, Range(0, "x", min=0, max=6000, step=2), {0, 2, 4, *range(6, 25, 2)}),
        (False, Range(1, "x", stops=(1, 2, 4, 8)), {1, 4}),
    ],
    ids=["stops", "steps", "any number", "many", "quick"],
)
def test_while_the_hand_rests_slow_pictures_of_few_places_are_drawn_ahead(is_slow, dial, expected, monkeypatch):
    monkeypatch.setattr("aitrain_nb.widgets.explorable._SLOW", 0.0 if is_slow else math.inf)
    drawn = []

    async def moved():
        one = Explorable(lambda x: drawn.append(x) or x, "x", x=dial)
        one.take({"type": "set", "name": "x", "value": 4.5})
        await until(lambda: set(drawn) == expected)
        assert drawn[:2] == [dial.value, one.value["x"]], "the wish comes first"
        await asyncio.sleep(0.2)  # nothing more comes
        return one

    one = asyncio.run(moved())
    assert set(drawn) == expected
    assert len(drawn) == len(expected), "none twice"
    assert one.shown == one.value["x"] == drawn[1], "what is shown stays"


def test_a_wish_ends_what_is_drawn_ahead(monkeypatch):
    monkeypatch.setattr("aitrain_nb.widgets.explorable._SLOW", 0.0)
    drawn = []

    async def moved():
        one = Explorable(lambda x: drawn.append(x) or x, "x", x=Range(0, "x", min=0, max=19, step=1))
        one.take({"type": "set", "name": "x", "value": 3})
        await until(lambda: len(drawn) > 3)
        before = len(drawn)
        assert 19 not in drawn
        one.take({"type": "set", "name": "x", "value": 19})
        await until(lambda: len(drawn) > before)
        assert drawn[before] == 19, "at once"

    asyncio.run(moved())


@pytest.mark.parametrize(
    ("stops", "moves"),
    [((1, 2, 4, 8), {3: 4, 2.7: 2, 1: 1, 8: 8, "6": 8}), ((-1, 0, 1), {0.4: 0, -0.6: -1}), ((0.01, 1.0), {0.2: 1.0, 0.09: 0.01})],
)  # fmt: skip
def test_a_dial_with_few_stops_stands_at_the_nearest(stops, moves):
    one = Explorable(lambda x: x, "x", x=Range(stops[0], "x", stops=stops))
    for given, stands in moves.items():
        assert one.set(x=given).value["x"] == stands
    with pytest.raises(ai.ConfigError, match=f"from {stops[0]:g} to {stops[-1]:g}"):
        one.set(x=100)
    assert one.facts["fields"][0]["slider"]["stops"] == list(stops)


@pytest.mark.parametrize("change", [{"x": 11}, {"x": "many"}, {"name": "c"}, {"y": 1}])
def test_what_can_not_be_set_gets_a_sentence(change):
    with pytest.raises(ai.ConfigError):
        Squares().set(**change)


def test_the_twin_says_where_the_dials_stand():
    squares = Squares().set(text="<b>", x=5)
    assert "&lt;b&gt;" in squares.twin()
    assert squares.text().startswith("Squares: x 5 m, name a, on on, text <b>")


def test_pictures_and_words_can_be_shown():
    one = Explorable(lambda k: ai.plots.schedule([0.1, 0.2 * k]), "Rates", k=Range(1.0, "k", min=0.5, max=2))
    assert "<img" in one.state["html"]
    assert one.state["said"].startswith("2 steps")
    assert "<pre>3.0</pre>" in Explorable(lambda k: 3 * k, "Three", k=Range(1.0, "k")).state["html"]
