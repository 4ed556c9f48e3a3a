"""`KShotCurve`: right answers against examples a class, a line a method, with a band over the seeds."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from aitrain_nb.lessons.experiments import new_scanner
from aitrain_nb.plots import BLUE, GREY, ORANGE
from aitrain_nb.plots.base import add_axes, new_page
from aitrain_nb.plots.scales import short
from aitrain_nb.widgets.explorable import Explorable, Pick, Range

if TYPE_CHECKING:
    from aitrain_nb.figures import Picture


class KShotCurve(Explorable):
    """Two methods on the new scanner's digits: which is ahead at so many examples a class, and are the seeds of one mind?

    Args:
        methods: those that can be picked; none: all that were compared.

    Example:
        KShotCurve().set(method="scratch", against="nearest mean", examples="5")
    """

    def __init__(self, *methods: str) -> None:
        names = methods or tuple(new_scanner.compared().methods)
        against = "scratch" if "scratch" in names else names[-1]
        super().__init__(
            _picture, "Examples of each class", method=Pick("fine-tune" if "fine-tune" in names else names[0], "Blue line", names),
            against=Pick(against, "Orange line", names),
            examples=Pick("5", "Examples a class", tuple(map(str, new_scanner.SHOTS))),
            seeds=Range(new_scanner.SEEDS, "Seeds", min=1, max=new_scanner.SEEDS, step=1, help="Draws of the examples."),
        )  # fmt: skip


def scores(method: str, seeds: int) -> dict[int, list[float]]:
    """Examples a class -> accuracy of each of the first seeds."""
    found: dict[int, list[float]] = {}
    for one in new_scanner.compared().measured:
        if one.method == method and one.seed < seeds:
            found.setdefault(one.shots, []).append(one.accuracy)
    return found


def _picture(method: str, against: str, examples: str, seeds: int) -> Picture:
    shots = int(examples)
    runs = {name: scores(name, seeds) for name in dict.fromkeys((method, against))}
    ours, theirs = runs[method][shots], runs[against][shots]
    figure = new_page(
        _said(method, against, ours, theirs), "line: median of the seeds, band: lowest to highest", 720, 340
    )
    axis = add_axes(figure, 52, 44, 16, 46)
    axis.set(xscale="log", xlim=(0.85, 240), ylim=(0, 103), xlabel="examples of each class", ylabel="right answers (%)")
    axis.set_xticks(new_scanner.SHOTS)
    axis.minorticks_off()
    axis.xaxis.set_major_formatter(short())
    axis.axvline(shots, color=GREY, linewidth=1.2, linestyle=":")
    looks = {against: (ORANGE, "--", "s"), method: (BLUE, "-", "o")}
    for name, (colour, style, marker) in looks.items():
        lows, middles, highs = ([100 * take(some) for some in runs[name].values()] for take in (min, median, max))
        axis.fill_between(list(runs[name]), lows, highs, color=colour, alpha=0.16, linewidth=0)
        axis.plot(list(runs[name]), middles, style, color=colour, marker=marker, markersize=5, label=name)
        axis.plot([shots], [100 * median(runs[name][shots])], marker, color=colour, markersize=11, zorder=4)
    axis.legend(frameon=False, loc="lower right")
    figure.is_drawing = True
    figure.description = (
        f"With {shots} of each class, {seeds} seeds: {method} {_percent(ours)}, {against} {_percent(theirs)} "
        f"(median, lowest to highest). {_said(method, against, ours, theirs)}."
    )
    return figure


def _said(method: str, against: str, ours: list[float], theirs: list[float]) -> str:
    if method == against:
        return f"{method}: {median(ours):.0%}"
    if min(ours) > max(theirs):
        return f"{method} is ahead with every seed"
    if min(theirs) > max(ours):
        return f"{against} is ahead with every seed"
    return "The bands overlap: it depends on the draw"


def _percent(some: list[float]) -> str:
    return f"{median(some):.0%} ({min(some):.0%} to {max(some):.0%})"
