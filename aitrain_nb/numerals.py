"""How numbers are written for people: one place, so that every line, table and caption agrees."""

from __future__ import annotations

import math

_EXPLODED = 1e7
"""From here on a loss is written with its power of ten."""


def rate(value: float, digits: int = 3) -> str:
    """A learning rate, or a number at an axis, in its shortest form with at most so many significant digits.

    >>> rate(5e-05), rate(0.001), rate(3e-4), rate(0.0), rate(2.3025, digits=6)
    ('5e-5', '0.001', '0.0003', '0', '2.3025')
    """
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa}e{int(exponent)}"
    return text


def step_loss(value: float) -> str:
    """The loss of one step: three decimals, or three significant digits below 0.01; of one that has exploded the power of ten.

    >>> step_loss(2.3412), step_loss(0.00123456), step_loss(0.0), step_loss(float("nan")), step_loss(1.5e30)
    ('2.341', '0.00123', '0.000', 'nan', '1.5e30')
    """
    if _EXPLODED <= abs(value) < math.inf:
        return rate(value)
    return f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"


def epoch_loss(value: float) -> str:
    """The loss of an epoch: up to four significant digits without trailing zeros.

    >>> epoch_loss(0.8), epoch_loss(0.02341), epoch_loss(2.30258), epoch_loss(12345.6), epoch_loss(1.5e30)
    ('0.8', '0.02341', '2.303', '12346', '1.5e30')
    """
    if not math.isfinite(value):
        return f"{value}"
    if abs(value) >= _EXPLODED:
        return rate(value)
    text = f"{value:.4g}"
    return f"{value:.0f}" if "e+" in text else text


def epoch(value: float) -> str:
    """Epochs completed: a whole number as such, a part of one with three significant digits, never with an exponent.

    >>> epoch(8.0), epoch(0.3333), epoch(12.5), epoch(0.001), epoch(1234.56), epoch(100000.0), epoch(2.00001)
    ('8', '0.333', '12.5', '0.001', '1234.6', '100000', '2')
    """
    if not math.isfinite(value):
        return f"{value}"
    digits = min(9, max(1, 2 - math.floor(math.log10(abs(value))))) if value else 1
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".")


def significant(value: float, digits: int = 3) -> str:
    """`value` with this many significant digits, trailing zeros kept.

    >>> significant(1.3), significant(0.0234), significant(51880, 3)
    ('1.30', '0.0234', '51880')
    """
    if not math.isfinite(value):
        return f"{value}"
    text = f"{value:#.{digits}g}".rstrip(".")
    if "e+" in text and abs(value) < 1e7:
        return f"{value:.0f}"
    return text


def count(value: int) -> str:
    """A whole number with thousands separated: 51,880."""
    return f"{value:,}"


def several(number: int, one: str) -> str:
    """A number of things: "1 step", "1,200 steps"."""
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def epochs(completed: float) -> str:
    """How long a run is, in epochs.

    >>> epochs(1.0), epochs(0.25), epochs(12)
    ('1 epoch', '0.25 epochs', '12 epochs')
    """
    return f"{epoch(completed)} epoch{'' if completed == 1 else 's'}"


def share(value: float) -> str:
    """A share from 0 to 1 as a percentage.

    >>> share(0.975), share(1.0), share(0.00042)
    ('97.5 %', '100 %', '0.04 %')
    """
    percent = 100 * value
    if percent in {0, 100}:
        return f"{percent:.0f} %"
    return f"{percent:.1f} %" if percent >= 1 else f"{percent:.2f} %"


def memory(size_bytes: float) -> str:
    """Bytes in binary units.

    >>> memory(512), memory(207520), memory(3 * 2**30)
    ('512 bytes', '202.7 KiB', '3.0 GiB')
    """
    if size_bytes < 1024:
        return f"{size_bytes:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        size_bytes /= 1024
        if size_bytes < 1024:
            return f"{size_bytes:.1f} {unit}"
    return f"{size_bytes / 1024:.1f} TiB"


def duration(seconds: float) -> str:
    """A time in the unit that reads best.

    >>> duration(0.00123), duration(0.6451), duration(2.5), duration(150)
    ('1.2 ms', '645 ms', '2.5 s', '2 min 30 s')
    """
    if seconds < 1:
        return f"{seconds * 1000:.{0 if seconds >= 0.01 else 1}f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def pace(steps_per_second: float) -> str:
    """How fast a run goes on purpose.

    >>> pace(20), pace(0.5), pace(0)
    ('20 steps a second', '0.5 steps a second', 'full speed')
    """
    return f"{steps_per_second:.3g} steps a second" if steps_per_second else "full speed"
