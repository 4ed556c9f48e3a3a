"""Numbers as people read them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrain_nb import numerals

positive = st.floats(1e-12, 1e12)


@pytest.mark.parametrize(
    ("value", "text"),
    [(5e-5, "5e-5"), (1e-3, "0.001"), (3e-4, "0.0003"), (2.5e-5, "2.5e-5"), (0.1, "0.1"), (1.0, "1"), (0.0, "0"),
     (1e-8, "1e-8"), (100.0, "100")],
)  # fmt: skip
def test_a_learning_rate_has_its_shortest_form(value, text):
    assert numerals.rate(value) == text


@settings(deadline=None)
@given(positive)
def test_a_learning_rate_reads_back_within_half_a_percent(value):
    assert float(numerals.rate(value)) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.3412, "2.341"), (0.8, "0.800"), (0.01, "0.010"), (0.0099, "0.0099"), (0.00123456, "0.00123"), (0.0, "0.000"),
     (12.0, "12.000"), (math.inf, "inf"), (math.nan, "nan")],
)  # fmt: skip
def test_a_step_loss_has_three_decimals_or_three_digits_below_a_hundredth(value, text):
    assert numerals.step_loss(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8, "0.8"), (2.5, "2.5"), (1.3, "1.3"), (0.0234, "0.0234"), (2.302585, "2.303"), (12345.6, "12346"),
     (0.0, "0"), (math.nan, "nan"), (math.inf, "inf")],
)  # fmt: skip
def test_an_epoch_loss_has_four_digits_without_trailing_zeros(value, text):
    assert numerals.epoch_loss(value) == text


@settings(deadline=None)
@given(st.floats(1e-3, 1e6))
def test_an_epoch_loss_is_never_written_with_an_exponent(value):
    text = numerals.epoch_loss(value)
    assert "e" not in text
    assert float(text) == pytest.approx(value, rel=5.1e-4)


def test_an_epoch_loss_that_rounds_up_to_ten_thousand_is_written_out():
    assert numerals.epoch_loss(9999.9) == "10000"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1.3, 3, "1.30"), (0.0234, 3, "0.0234"), (100.0, 3, "100"), (99.99, 3, "100"), (51880, 3, "51880"),
     (2.0, 2, "2.0"), (-1.5, 3, "-1.50"), (0.0, 3, "0.00"), (math.nan, 3, "nan"), (-math.inf, 3, "-inf")],
)  # fmt: skip
def test_significant_digits_keep_trailing_zeros(value, digits, text):
    assert numerals.significant(value, digits) == text


@pytest.mark.parametrize(("value", "text"), [(999.9, "1000"), (-999.9, "-1000"), (999.4, "999")])
def test_a_number_that_rounds_up_to_four_digits_is_written_out(value, text):
    assert numerals.significant(value) == text


@settings(deadline=None)
@given(positive)
def test_three_significant_digits_are_within_half_a_percent(value):
    assert float(numerals.significant(value)) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (999, "999"), (51880, "51,880"), (1234567, "1,234,567")])
def test_thousands_are_separated(value, text):
    assert numerals.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.975, "97.5 %"), (0.5, "50.0 %"), (0.01, "1.0 %"), (0.00042, "0.04 %")],
)
def test_a_share_is_a_percentage(value, text):
    assert numerals.share(value) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (207520, "202.7 KiB"), (2**20, "1.0 MiB"),
     (3 * 2**30, "3.0 GiB"), (2**40, "1.0 TiB"), (5000 * 2**40, "5000.0 TiB")],
)  # fmt: skip
def test_memory_is_in_binary_units(size, text):
    assert numerals.memory(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0.0 ms"), (0.00123, "1.2 ms"), (1.0, "1.0 s"), (2.5, "2.5 s"), (60, "1 min 0 s"), (150, "2 min 30 s"),
     (3600, "60 min 0 s")],
)  # fmt: skip
def test_a_time_is_in_the_unit_that_reads_best(seconds, text):
    assert numerals.duration(seconds) == text
