"""Plots: figures with labelled axes that draw the numbers they were given, without pyplot."""

import inspect
import math

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from aitrain_nb import html, plots
from aitrain_nb.annotations import Annotation

HISTORY = pd.DataFrame(
    {
        "step": [1, 2, 3, 4],
        "epoch": [0.5, 1.0, 1.5, 2.0],
        "loss": [2.5, 1.8, 1.2, 0.8],
        "lr": [1e-3, 1e-3, 5e-4, 0.0],
        "grad_norm": [4.0, 3.0, 2.0, 1.0],
        "eval_loss": [math.nan, 1.9, math.nan, 1.5],
    }
)
NOTES = [
    Annotation("kept", 4, None, 1.5, "kept: epoch 2, 1.5"),
    Annotation("overfitting", 2, 4, None, "validation diverges from epoch 2"),
    Annotation("learning_rate", 3, None, None, "learning rate 5e-4"),
]
OLD = {"weight": [[1.0, -2.0]], "bias": [0.5]}
NEW = {"weight": [[1.5, -2.5]], "bias": [0.25]}
DRAWN = {
    "loss": lambda: plots.loss(HISTORY, classes=10, notes=NOTES),
    "run": lambda: plots.run(HISTORY, classes=10, notes=NOTES),
    "learning_rate": lambda: plots.learning_rate(HISTORY),
    "schedule": lambda: plots.schedule([0.0, 0.5, 1.0, 0.5]),
    "dials": lambda: plots.dials(OLD, NEW),
    "images": lambda: plots.images(np.arange(128.0).reshape(2, 1, 8, 8), ["3", "5"]),
    "surprise": lambda: plots.surprise([0.9, 0.1], [0.105, 2.303]),
    "bars": lambda: plots.bars(["conv1", "output"], [0.5, 2.0], "Gradients", "L2 norm (nats per weight unit)"),
    "probabilities": lambda: plots.probabilities([[0.9, 0.1], [0.2, 0.8]], ["cat", "dog"], ["first", "second"]),
    "confusion": lambda: plots.confusion([[5, 1], [0, 4]], ["cat", "dog"]),
}
LABELS = {
    "loss": [("step (dotted: an epoch ends)", "loss (nats)")],
    "run": [("", "loss (nats)"), ("", "learning\nrate"), ("step (dotted: an epoch ends)", "grad_norm")],
    "learning_rate": [("step", "learning rate"), ("step", "nats per weight unit")],
    "schedule": [("step", "learning rate")],
    "dials": [("", "weight")],
    "images": [("", ""), ("", "")],
    "surprise": [("probability given to the right answer", "loss (nats)")],
    "bars": [("L2 norm (nats per weight unit)", "")],
    "probabilities": [("class", ""), ("", "probability")],
    "confusion": [("predicted", "true")],
}


def points(line):
    return list(zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True))


def test_every_function_that_draws_is_tried_here():
    found = {
        name
        for name, function in inspect.getmembers(plots, inspect.isfunction)
        if function.__module__ == plots.__name__
        and not name.startswith("_")
        and function.__annotations__.get("return") == "Picture"
    }
    assert set(DRAWN) == set(LABELS) == found


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_is_a_figure_of_its_own(name):
    first, second = DRAWN[name](), DRAWN[name]()
    assert isinstance(first, Figure)
    assert first is not second


@pytest.mark.parametrize("name", DRAWN)
def test_the_axes_say_what_they_show_and_in_which_unit(name):
    assert [(axis.get_xlabel(), axis.get_ylabel()) for axis in DRAWN[name]().axes] == LABELS[name]


@pytest.mark.parametrize("name", [name for name in DRAWN if name != "images"])
def test_a_plot_has_a_title(name):
    axis = DRAWN[name]().axes[0]
    assert axis.get_title() or axis.get_title("left")


@pytest.mark.parametrize("name", DRAWN)
def test_a_plot_becomes_a_png_and_leaves_no_figure_open(name):
    from matplotlib import pyplot as plt

    picture = DRAWN[name]().png(dpi=40)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert plt.get_fignums() == []


def test_a_png_is_as_large_as_the_figure_says():
    figure, _ = plots.new_figure(width=3.0, height=2.0)
    picture = figure.png(dpi=50)
    assert int.from_bytes(picture[16:20], "big") == 150
    assert int.from_bytes(picture[20:24], "big") == 100


def test_a_new_figure_has_as_many_axes_as_columns():
    assert [len(plots.new_figure(columns=columns)[1]) for columns in (1, 2, 3)] == [1, 2, 3]


def test_the_loss_plot_draws_training_and_validation():
    axis = DRAWN["loss"]().axes[0]
    training, smoothed, validation, nothing, _change = axis.get_lines()
    assert points(training) == [(1, 2.5), (2, 1.8), (3, 1.2), (4, 0.8)]
    assert points(validation) == [(2, 1.9), (4, 1.5)]
    assert nothing.get_ydata()[0] == pytest.approx(math.log(10))
    assert len({line.get_linestyle() for line in (smoothed, validation, nothing)}) == 3
    texts = [text.get_text() for text in axis.texts]
    assert "kept: epoch 2, 1.5" in texts
    assert "knows nothing: ln 10" in texts


def test_the_loss_plot_leaves_out_what_is_not_finite():
    history = HISTORY.assign(loss=[2.5, math.nan, math.inf, 0.8])
    assert points(plots.loss(history).axes[0].get_lines()[0]) == [(1, 2.5), (4, 0.8)]


@pytest.mark.parametrize(
    "history",
    [
        HISTORY.drop(columns="eval_loss"),
        HISTORY.iloc[:1],
        HISTORY.assign(loss=math.nan, eval_loss=math.nan),
        pd.DataFrame(columns=["step", "epoch", "loss", "lr", "grad_norm"]),
    ],
    ids=["no evaluation", "one step", "only nan", "no step"],
)
@pytest.mark.parametrize("draw", [plots.loss, plots.learning_rate])
def test_a_run_that_is_short_or_broken_can_be_drawn(draw, history):
    assert draw(history).png(dpi=30).startswith(b"\x89PNG")


def test_the_learning_rate_plot_draws_rate_and_norm():
    left, right = DRAWN["learning_rate"]().axes
    assert points(left.get_lines()[0]) == [(1, 1e-3), (2, 1e-3), (3, 5e-4), (4, 0.0)]
    assert points(right.get_lines()[0]) == [(1, 4.0), (2, 3.0), (3, 2.0), (4, 1.0)]


def test_the_schedule_plot_counts_steps_from_1():
    assert points(DRAWN["schedule"]().axes[0].get_lines()[0]) == [(1, 0.0), (2, 0.5), (3, 1.0), (4, 0.5)]


@pytest.mark.parametrize(("after", "heights"), [(None, [1.0, -2.0, 0.5]), (NEW, [1.5, -2.5, 0.25])])
def test_each_dial_is_a_bar_at_its_weight_now(after, heights):
    axis = plots.dials(OLD, after).axes[0]
    assert [bar.get_height() for bar in axis.patches] == heights
    assert "3 dials" in axis.get_title()
    assert dict(zip(axis.get_xticks().tolist(), [t.get_text() for t in axis.get_xticklabels()], strict=True)) == {
        0.5: "weight",
        2.0: "bias",
    }


def test_a_line_shows_where_each_dial_stood_before():
    assert plots.dials(OLD).axes[0].collections[:] == []
    lines = [segment for held in plots.dials(OLD, NEW).axes[0].collections for segment in held.get_segments()]
    assert [segment[:, 1].tolist() for segment in lines] == [[1.0, 1.0], [-2.0, -2.0], [0.5, 0.5]]


def test_the_dials_of_a_torch_model_can_be_drawn():
    layer = torch.nn.Linear(3, 2)
    bars = plots.dials(layer.state_dict()).axes[0].patches
    assert [bar.get_height() for bar in bars] == pytest.approx([*layer.weight.flatten().tolist(), *layer.bias.tolist()])


def test_pictures_have_their_titles_and_pixels():
    axes = DRAWN["images"]().axes
    assert [axis.get_title() for axis in axes] == ["3", "5"]
    assert np.array_equal(axes[1].images[0].get_array(), np.arange(64.0, 128.0).reshape(8, 8))


def test_pictures_are_laid_out_in_rows():
    figure = plots.images(np.zeros((5, 1, 2, 2)), list("abcde"), columns=2)
    assert [axis.get_subplotspec().rowspan.start for axis in figure.axes] == [0, 0, 1, 1, 2]
    assert [axis.get_subplotspec().colspan.start for axis in figure.axes] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-2.0, 2.0)])
def test_colour_pictures_of_any_range_keep_their_contrast(low, high):
    picture = np.linspace(low, high, 48).reshape(1, 3, 4, 4)
    shown = np.asarray(plots.images(picture, ["a"]).axes[0].images[0].get_array())
    assert shown.shape == (4, 4, 3)
    assert shown.min() >= 0
    assert len(np.unique(shown)) == 48


def test_the_surprise_curve_is_minus_ln_p():
    axis = DRAWN["surprise"]().axes[0]
    curve = points(axis.get_lines()[0])
    assert all(loss == pytest.approx(-math.log(p)) for p, loss in curve)
    assert curve[-1] == (1.0, pytest.approx(0.0))
    assert axis.collections[0].get_offsets().tolist() == [[0.9, 0.105], [0.1, 2.303]]


@pytest.mark.parametrize(("p_true", "losses"), [([], []), ([0.0, 0.5], [math.inf, 0.693]), ([1e-30], [69.0])])
def test_the_surprise_plot_takes_certain_mistakes(p_true, losses):
    assert plots.surprise(p_true, losses).png(dpi=30).startswith(b"\x89PNG")


def test_bars_have_the_first_name_on_top_and_their_value_in_words():
    axis = DRAWN["bars"]().axes[0]
    heights = {bar.get_width(): bar.get_y() for bar in axis.patches}
    assert heights[0.5] > heights[2.0]
    assert [text.get_text().strip() for text in axis.texts] == ["0.5", "2"]
    names = dict(zip(axis.get_yticks().tolist(), [t.get_text() for t in axis.get_yticklabels()], strict=True))
    assert names == {1: "conv1", 0: "output"}


@pytest.mark.parametrize("values", [[0.0, 0.0], [1e-6, 1.0], [0.0, 3.0]])
def test_bars_on_a_log_scale_take_zeros(values):
    axis = plots.bars(["a", "b"], values, "t", "l", log=True).axes[0]
    assert axis.get_xscale() == ("log" if max(values) > 0 else "linear")


def test_probabilities_are_drawn_from_0_to_1_with_names():
    axis = DRAWN["probabilities"]().axes[0]
    assert np.asarray(axis.images[0].get_array()).tolist() == [[0.9, 0.1], [0.2, 0.8]]
    assert axis.images[0].get_clim() == (0, 0.9)  # an untrained model's pale guesses stay visible
    assert [label.get_text() for label in axis.get_xticklabels()] == ["cat", "dog"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["first", "second"]


def test_a_confusion_matrix_writes_its_counts_with_truth_in_rows():
    axis = DRAWN["confusion"]().axes[0]
    assert {(text.get_position(), text.get_text()) for text in axis.texts} == {
        ((0, 0), "5"),
        ((1, 0), "1"),
        ((1, 1), "4"),
    }


def test_a_confusion_matrix_of_zeros_can_be_drawn():
    assert plots.confusion([[0, 0], [0, 0]], ["a", "b"]).axes[0].texts[:] == []


DESCRIPTIONS = {
    "run": ["2.500 at step 1", "Learning rate from 0.001 to 0", "Gradient norm between 1 and 4", "Learning rate 5e-4"],
    "loss": [
        "2.500 at step 1",
        "0.800 at step 4",
        "lowest at epoch 2 with 1.5",
        "Kept: epoch 2, 1.5.",
        "diverges",
        "(step 3)",
    ],
    "learning_rate": ["from 0.001 to 0", "between 1 and 4", "median 2.5"],
    "schedule": ["4 steps", "highest at step 3 with 1", "ends at 0.5"],
    "dials": ["3 weights in 2 groups", "from -2.5 to 1.5", "in weight, by 0.5"],
    "images": ["2 pictures of 8x8 pixels: 3; 5"],
    "surprise": ["2 answers", "from 0.1 to 0.9", "2.3 to 0.105 nats"],
    "bars": ["Most: output, 2", "Least: conv1, 0.5"],
    "probabilities": ["2 examples, 2 classes", "cat with 90.0 %", "first"],
    "confusion": ["9 of 10", "cat taken for dog, once"],
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_says_in_words_what_it_shows(name):
    description = DRAWN[name]().description
    assert description.endswith(".")
    assert all(part in description for part in DESCRIPTIONS[name]), description


@pytest.mark.parametrize("name", DRAWN)
def test_a_notebook_shows_the_picture_with_its_description(name):
    picture = DRAWN[name]()
    page = picture._repr_html_()
    escaped = html.escape(picture.description)
    assert page.startswith("<figure")
    assert f'alt="{escaped}"' in page
    assert f">{escaped}</figcaption>" in page
    assert repr(picture) == f"Picture: {picture.description}"


def test_a_lost_loss_is_said():
    history = HISTORY.assign(loss=[2.5, math.nan, math.inf, 0.8])
    assert "At 2 steps it is not a finite number." in plots.loss(history).description


def test_hostile_names_stay_text_in_a_picture():
    page = plots.bars(["<script>alert(1)</script>"], [1.0], "t", "u")._repr_html_()
    assert "<script" not in page
