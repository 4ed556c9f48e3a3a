"""Several runs in one picture: validation bold, training thin, each name where its line ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aitrain_nb import captions
from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.plots.base import LINES, add_axes, new_page, say_empty
from aitrain_nb.plots.line_names import Curve, write_names
from aitrain_nb.plots.run_data import RunData, smooth, thin
from aitrain_nb.plots.scales import few_ticks, limits, short

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes

    from aitrain_nb.figures import Picture
    from aitrain_nb.history import History

_LEFT, _ABOVE, _BELOW, _NARROWEST, _LOWEST = 64, 46, 42, 380, 240
_HIGHEST = 1.5
"""Times the highest loss at the start of a run; what explodes leaves the picture above."""


def comparison(
    runs: Mapping[str, History | pd.DataFrame], against: str = "epochs", *, width: int = 860, height: int = 360
) -> Picture:  # fmt: skip
    """The losses of several runs: validation bold, training thin (smoothed), the lowest validation loss marked.

    Args:
        runs: name -> a `History`, or its `frame()`; of a run that was never validated the training loss is bold.
        against: "epochs" (completed) or "steps".
        width: in pixels of the page, 1/96 inch; at least 380.
        height: the same; at least 240.

    Raises:
        ConfigError: `against` is something else.
        DataError: a run is neither.
    """
    if against not in {"epochs", "steps"}:
        raise ConfigError(*unknown_name("axis", against, ["epochs", "steps"]))
    width, height = max(_NARROWEST, width), max(_LOWEST, height)
    note = "bold: validation, thin: training (smoothed), large mark: the lowest validation loss"
    figure, right = new_page("Loss of each run", note, width, height), min(170, width // 3)
    axis = add_axes(figure, _LEFT, _BELOW, right, _ABOVE)
    data = {name: RunData.of(history, ()) for name, history in runs.items()}
    _set_scales(axis, data, against)
    curves = [_draw(axis, place, name, one, against) for place, (name, one) in enumerate(data.items())]
    write_names(figure, axis, [curve for curve in curves if curve is not None], right)
    figure.description = captions.of_comparison(data)
    return figure


def _at(data: RunData, against: str) -> tuple[np.ndarray, np.ndarray]:
    """Where the steps and the evaluations stand: [n], [m]."""
    return (data.epoch, data.at_epoch) if against == "epochs" else (data.step, data.evaluated)


def _smoothed(data: RunData, against: str) -> tuple[np.ndarray, np.ndarray]:
    """The training loss where it is a finite number."""
    x, _ = _at(data, against)
    finite = np.isfinite(data.loss) & np.isfinite(x)
    losses = data.loss[finite]
    return x[finite], smooth(losses, max(2, len(losses) // 20))


def _validated(data: RunData, against: str) -> tuple[np.ndarray, np.ndarray]:
    _, x = _at(data, against)
    finite = np.isfinite(data.validation) & np.isfinite(x)
    return x[finite], data.validation[finite]


def _set_scales(axis: Axes, data: Mapping[str, RunData], against: str) -> None:
    training = [_smoothed(one, against) for one in data.values()]
    curves = [*training, *(_validated(one, against) for one in data.values())]
    x, y = (np.concatenate([np.empty(0), *(curve[place] for curve in curves)]) for place in (0, 1))
    axis.set(xlabel=f"{against} completed" if against == "epochs" else "step", ylabel="loss (nats)")
    if not len(x):
        say_empty(axis, "no loss is a finite number")
        return
    start = max((losses[0] for _, losses in training if len(losses)), default=np.inf)
    axis.set_xlim(*limits(0.0, float(x.max()), from_zero=True))
    axis.set_ylim(*limits(float(y.min()), float(min(y.max(), max(_HIGHEST * start, y.min())))))
    axis.yaxis.set_major_locator(few_ticks(5))
    axis.yaxis.set_major_formatter(short())


def _draw(axis: Axes, place: int, name: str, data: RunData, against: str) -> Curve | None:
    """The lines of a run; None where there is nothing to draw."""
    colour, _, marker = LINES[place % len(LINES)]
    columns = max(50, round(axis.get_window_extent().width))
    x, y = _smoothed(data, against)
    at, validation = _validated(data, against)
    bold: dict[str, Any] = {"linewidth": 2.0} if not len(at) else {"linewidth": 0.9, "alpha": 0.55}
    if len(x):
        axis.plot(*thin(x, y, columns), color=colour, **bold, marker="o" if len(x) == 1 else None)
    if len(at):
        axis.plot(*thin(at, validation, columns), color=colour, linewidth=2.0)
        best = int(validation.argmin())
        axis.plot(
            [at[best]],
            [validation[best]],
            marker,
            color=colour,
            markersize=9,
            markeredgecolor="white",
            zorder=5,
            clip_on=False,
        )
        x, y = at, validation
    return Curve(name, colour, marker, (float(x[-1]), float(y[-1]))) if len(x) else None
