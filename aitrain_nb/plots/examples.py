"""Examples, the ones that were got most wrong, and what a model says of some over the steps of its run."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from aitrain_nb import captions, numerals
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import plain, wrapped
from aitrain_nb.plots.base import GREY, LINES, ORANGE, PANELS, new_figure
from aitrain_nb.spreads import as_array

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture


def images(pictures: Any, titles: Sequence[str], columns: int = 8) -> Picture:
    """Pictures in rows.

    Args:
        pictures: [n, channels, height, width], any range, 1 or 3 channels.
        titles: one short text a picture.
        columns: pictures in a row.

    Raises:
        DataError: the pictures have another shape, or there are fewer of them than titles.
    """
    from aitrain_nb.figures import Picture

    pictures = as_array(pictures)
    if len(titles) and (pictures.ndim != 4 or len(pictures) < len(titles)):
        raise DataError(
            "These pictures can't be drawn.", f"Their shape is {list(pictures.shape)}, and there are {len(titles)} titles.",
            f"Give [{len(titles)}, channels, height, width].",
        )  # fmt: skip
    rows = max(1, math.ceil(len(titles) / columns))
    figure = Picture(figsize=(columns * 0.9, rows * 1.15), layout="constrained")
    for position, title in enumerate(titles):
        axis = figure.add_subplot(rows, columns, position + 1)
        _show(axis, pictures[position], wrapped(title, 14, 3))
    figure.description = "0 pictures: there is nothing to draw."
    if len(titles):
        size = "x".join(str(side) for side in pictures[0].shape[-2:])
        named = "; ".join(_runs(titles[:24])) + (" ..." if len(titles) > 24 else "")
        figure.description = f"{numerals.several(len(titles), 'picture')} of {size} pixels: {named}."
    return figure


def _runs(titles: Sequence[str]) -> list[str]:
    """The titles in order; one that follows itself stands once, with how often.

    >>> _runs(["3", "5", "5"])
    ['3', '2 x 5']
    """
    found = [(title, len(list(some))) for title, some in itertools.groupby(titles)]
    return [f"{count} x {title}" if count > 1 else title for title, count in found]


def _show(axis: Axes, picture: Any, title: str) -> None:
    """One picture with its title, without axes."""
    axis.imshow(_shown(picture), cmap="gray_r")
    axis.set_title(title, fontsize=8)
    axis.axis("off")


def _shown(picture: Any) -> Any:
    """One picture as matplotlib takes it: [height, width], or colours [height, width, 3] from 0 to 1."""
    if len(picture) == 1:
        return picture[0]
    colours = picture.transpose(1, 2, 0)
    low, high = float(colours.min()), float(colours.max())
    return colours if low >= 0 and high <= 1 else (colours - low) / ((high - low) or 1.0)


def worst(cases: pd.DataFrame, pictures: Any = None, title: str = "The examples with the highest loss") -> Picture:
    """Examples that a model got most wrong: as pictures, or as texts with a bar for the loss of each.

    Args:
        cases: one row an example, the worst first, the index is its number. Columns true, predicted, loss (nats) and, where known,
            p_true and p_predicted (0 to 1), text, text_pair, position (of a target inside the example).
        pictures: [n, channels, height, width] of the same examples, any range; None for texts.
        title: the heading.
    """
    from aitrain_nb.figures import Picture

    rows: list[dict[str, Any]] = [
        {"number": number, **{str(name): value for name, value in row.items()}}
        for number, row in zip(cases.index, cases.to_dict("records"), strict=True)
    ]
    if pictures is not None and rows:
        columns = min(4 if len(rows) <= 8 else 6, len(rows))
        down = math.ceil(len(rows) / columns)
        figure = Picture(figsize=(max(4.0, 1.75 * columns), 2.3 * down + 0.4), layout="constrained")
        for place, row in enumerate(rows):
            axis = figure.add_subplot(down, columns, place + 1)
            _show(axis, as_array(pictures[place]), "\n".join(_verdict(row, 22)))
        figure.suptitle(plain(title), fontsize=11)
    else:
        figure = Picture(figsize=(9, 0.74 * max(1, len(rows)) + 0.9), layout="constrained")
        _worst_texts(figure, rows, title)
    figure.description = captions.of_worst(rows, title)
    return figure


def _worst_texts(figure: Picture, rows: Sequence[dict[str, Any]], title: str) -> None:
    """Words on the left, bars of the loss on the right, row by row."""
    left, right = figure.subplots(1, 2, width_ratios=[2.6, 1], sharey=True)
    losses = [row["loss"] if math.isfinite(row["loss"]) else 0.0 for row in rows]
    for place, row in enumerate(rows):
        text = " | ".join(str(row[name]) for name in ("text", "text_pair") if row.get(name))
        left.text(0, place - 0.36, "   ".join(_verdict(row, 30)[:2]), fontsize=9, fontweight="bold", va="top")
        left.text(
            0, place - 0.09, wrapped(text or captions.place_of(row), 84, 2), fontsize=9, va="top", linespacing=1.15
        )
    drawn = right.barh(range(len(rows)), losses, height=0.5, color=ORANGE, alpha=0.85)
    right.bar_label(drawn, labels=[f" {numerals.step_loss(row['loss'])}" for row in rows], fontsize=8)
    right.set(xlabel="loss (nats)", yticks=[], ylim=(max(1, len(rows)) - 0.5, -0.5))
    right.margins(x=0.2)
    right.set_xlim(0, None)
    right.spines[["top", "right"]].set_visible(False)
    left.set(xlim=(0, 1))
    left.set_title(plain(title), loc="left", fontsize=11)
    left.axis("off")


def _verdict(row: dict[str, Any], width: int) -> list[str]:
    """What an example is, what the model said, and the loss, a line each."""
    sure = f" ({numerals.share(row['p_predicted'])})" if "p_predicted" in row else ""
    given = f" ({numerals.share(row['p_true'])})" if "p_true" in row and "p_predicted" not in row else ""
    return [
        f"is {plain(row['true'], width - 3 - len(given))}{given}",
        f"said {plain(row['predicted'], width - 5 - len(sure))}{sure}",
        f"loss {numerals.step_loss(row['loss'])} nats",
    ]


def samples(frame: pd.DataFrame, title: str | None = None) -> Picture:
    """What a model said at some steps of its run: texts it wrote, or the probability of the right answer of some examples.

    Args:
        frame: as `watchers.sample` keeps it: columns step, loss (nats) and text; or step, loss, example, true, probability (of the
            right answer, 0 to 1).
        title: the heading; by default it says which of the two.
    """
    if "text" in frame:
        return _written(frame, title or "What the model wrote")
    return _right_answers(frame, title or "Probability of the right answer")


def _written(frame: pd.DataFrame, title: str) -> Picture:
    rows = frame.to_dict("records")
    shown = _evenly(rows, 8)
    figure, (axis,) = new_figure(width=9, height=0.66 * max(1, len(shown)) + 0.6)
    axis.axis("off")
    axis.set(xlim=(0, 1), ylim=(max(1, len(shown)), 0))
    axis.set_title(plain(title), loc="left", fontsize=11)
    for place, row in enumerate(shown):
        axis.axhline(place, color=GREY, linewidth=0.5)
        axis.text(0, place + 0.14, f"step {row['step']:g}", fontsize=8.5, fontweight="bold", va="top")
        if math.isfinite(row["loss"]):
            axis.text(0, place + 0.46, f"loss {numerals.step_loss(row['loss'])}", fontsize=8, va="top", color="#595959")
        axis.text(0.12, place + 0.14, wrapped(row["text"], 88, 3), fontsize=9, va="top", linespacing=1.15)
    figure.description = f"{title}: 0 samples."
    if rows:
        first, last = rows[0], rows[-1]
        end = f" (loss {numerals.step_loss(last['loss'])} nats)" if math.isfinite(last["loss"]) else ""
        figure.description = f"{title}: {len(rows)} {'sample' if len(rows) == 1 else 'samples'}."
        figure.description += f" At step {first['step']:g}: {captions.quoted(first['text'])}."
        if len(rows) > 1:
            figure.description += f" At step {last['step']:g}{end}: {captions.quoted(last['text'])}."
        if len(shown) < len(rows):
            figure.description += f" {len(shown)} of them are drawn."
    return figure


def _evenly(rows: Sequence[Any], most: int) -> list[Any]:
    """At most so many rows, the first and the last among them."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def _right_answers(frame: pd.DataFrame, title: str) -> Picture:
    figure, (axis,) = new_figure(width=8, height=3.6)
    groups = list(frame.groupby("example", sort=False))[:PANELS]
    ends = _apart([float(group["probability"].iloc[-1]) for _, group in groups], 0.062)
    sentences = [
        f"{title}: {numerals.several(frame['example'].nunique(), 'example')} at {numerals.several(frame['step'].nunique(), 'step')}."
    ]
    for place, ((example, group), height) in enumerate(zip(groups, ends, strict=True)):
        colour, style, marker = LINES[place % len(LINES)]
        first, last = group.iloc[0], group.iloc[-1]
        style = style if place < len(LINES) else "-" if style != "-" else ":"
        axis.plot(group["step"], group["probability"], color=colour, linestyle=style, marker=marker, markersize=4)
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkB": 3, "relpos": (0, 0.5)}
        axis.annotate(
            plain(f"{example}: {first['true']}", 22), (last["step"], last["probability"]), (1.03, height), fontsize=8, va="center",
            textcoords=("axes fraction", "data"), arrowprops=leader, annotation_clip=False,
        )  # fmt: skip
        if place < 6:
            start, end = numerals.share(first["probability"]), numerals.share(last["probability"])
            sentences.append(
                f"Example {example} ({first['true']}): {start} at step {first['step']:g}, {end} at the end."
            )
    axis.set(title=plain(title), xlabel="step", ylabel="probability of the right answer", ylim=(-0.03, 1.03))
    figure.description = " ".join(sentences)
    return figure


def _apart(heights: Iterable[float], gap: float) -> list[float]:
    """Heights (0 to 1) moved as little as need be so that words at them don't overlap."""
    heights = [height if math.isfinite(height) else 0.0 for height in heights]
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    moved = [heights[place] for place in order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    top = max(1.0, gap * (len(moved) - 1))
    for i in range(len(moved) - 1, -1, -1):
        moved[i] = min(moved[i], top - gap * (len(moved) - 1 - i))
    return [moved[order.index(place)] for place in range(len(heights))]
