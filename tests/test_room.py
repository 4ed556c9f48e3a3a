"""The room is the sweep: each seat its rate, one line each, one curve for all."""

import math
from itertools import pairwise

import pytest

from aitrain_nb.errors import AitrainError
from aitrain_nb.lessons import assign, pool, room


def test_neighbours_get_rates_far_apart_and_any_room_covers_the_range():
    rates = [math.log10(room.rate_of(seat)) for seat in range(1, 31)]
    assert all(abs(a - b) > 1 for a, b in pairwise(rates))
    for size in (5, 10, 30):
        some = sorted(rates[:size])
        widest = max(b - a for a, b in pairwise(some))
        assert widest < 3 * (some[-1] - some[0]) / size


def test_a_seat_trains_and_gives_the_same_line_each_time(monkeypatch):
    monkeypatch.setitem(room.RECIPE, "max_steps", 5)
    one = assign(17)
    assert one.line == assign(17).line
    assert one.learning_rate == room.rate_of(17)
    assert one.line in one._repr_html_()
    assert room._LINE.fullmatch(one.line)


@pytest.mark.parametrize("seat", [0, -1, 1000, 1.5, "17", True, None])
def test_a_seat_that_is_none_gets_a_sentence(seat):
    with pytest.raises(AitrainError, match="no seat"):
        assign(seat)


def test_what_was_pasted_becomes_one_curve_whatever_stands_around_it():
    lines = ["Anna:", " seat 1: rate 0.024 loss 0.1335 right 0.953", "> seat 3: rate 0.48 loss inf right 0.100 (oh)"]
    pasted = "\n".join([*lines, "seat 3: rate 0.48 loss 1.76 right 0.314"])
    picture = pool(pasted)
    assert picture.description == "2 seats: best at rate 0.024 with a validation loss of 0.134 (95% right)."


@pytest.mark.parametrize("pasted", ["", "nothing here", "seat x: rate y"])
def test_no_line_at_all_gets_a_sentence(pasted):
    with pytest.raises(AitrainError, match="no line of a seat"):
        pool(pasted)


def test_a_line_that_was_cut_gets_a_sentence():
    with pytest.raises(AitrainError, match="Can't read"):
        pool("seat 1: rate 0.0.1 loss 2 right 1")


def test_a_small_room_takes_the_sample_which_holds_real_runs():
    assert "Thirty runs" in pool().description
    sample = room._sample()
    assert [one.seat for one in sample] == list(range(1, 31))
    assert all(one.learning_rate == room.rate_of(one.seat) for one in sample)
    again, kept = assign(4), sample[3]
    assert abs(again.loss - kept.loss) < 0.05, "python -m aitrain_nb.lessons.room"
