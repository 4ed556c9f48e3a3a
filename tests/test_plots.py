"""Plots: figures with labelled axes that draw the numbers they were given, without pyplot."""

import base64
import inspect
import io
import math
import re
import subprocess
import sys
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from aitrain_nb import html, plots
from aitrain_nb.annotations import Annotation
from aitrain_nb.errors import DataError

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
    Annotation("learning_rate", 3, None, None, "learning rate 5e-4", amount=5e-4),
]
TENSORS = {"weight": [[1.0, -2.0], [0.0, 3.0]], "bias": [0.5, math.nan]}
ATTENTION = [[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.7, 0.3]]]
CASES = pd.DataFrame(
    {
        "true": ["cat", "dog"],
        "predicted": ["dog", "dog"],
        "loss": [2.5, 0.25],
        "p_predicted": [0.9, 0.8],
        "text": ["it purrs", "it barks"],
    },
    index=[7, 3],
)
ANSWERS = pd.DataFrame(
    {
        "step": [0, 0, 10, 10],
        "loss": [math.nan, math.nan, 1.0, 1.0],
        "example": [4, 9, 4, 9],
        "true": ["cat", "dog"] * 2,
        "probability": [0.5, 0.4, 0.75, 0.2],
    }
)
WRITTEN = pd.DataFrame({"step": [0, 10], "loss": [math.nan, 1.25], "text": ["Where xq", "Where is it?"]})
HOSTILE = [
    "$x$", "a_b^c", "$5 and $6", r"\frac{a}", r"\$\$", "日本語のラベル", "😀 emoji", "bidi \u202e evil", "x" * 300, "line\nbreak", "\ttab",
    "\x00\x1b[31m", "\ud800", "مرحبا", "e\u0301\u0301", "", " ", "_hidden", "<script>alert(1)</script>",
]  # fmt: skip
OLD = {"weight": [[1.0, -2.0]], "bias": [0.5]}
NEW = {"weight": [[1.5, -2.5]], "bias": [0.25]}
DRAWN = {
    "loss": lambda: plots.loss(HISTORY, classes=10, notes=NOTES),
    "run": lambda: plots.run(HISTORY, classes=10, notes=NOTES),
    "comparison": lambda: plots.comparison({"one": HISTORY, "two": HISTORY.assign(eval_loss=HISTORY["eval_loss"] * 2)}),
    "profile": lambda: plots.profile(
        {"forward": {"matrix products": 0.02, "dropout": 0.01, "loss": 0.001}, "update": {"between operations": 0.004}},
        ["matrix products", "dropout", "between operations", "loss"],
        description="A step takes 35 ms.",
    ),
    "race": lambda: plots.race(
        ["as it is", "slow"], [(0.9, 1.0, 1.1), (2.0, 2.5, 6.0)], [1.0, 0.5], description="slow takes 2.50."
    ),
    "methods": lambda: plots.methods(
        {"scratch": {1: [0.2, 0.3], 5: [0.5, 0.6]}, "head": {1: [0.4], 5: [0.7]}},
        0.1,
        description="With 5 head is best: 70 %.",
    ),
    "transfer": lambda: plots.transfer(
        {"scratch": {0: [0.2], 10: [0.5]}, "head": {0: [0.2, 0.3], 10: [0.6, 0.7]}},
        {"scratch": [], "head": [0.8, 0.9]},
        0.95,
        old="digits 0 to 4",
        new="digits 5 to 9",
        description="On digits 5 to 9 head is best.",
    ),
    "learning_rate": lambda: plots.learning_rate(HISTORY),
    "schedule": lambda: plots.schedule([0.0, 0.5, 1.0, 0.5]),
    "batch_sizes": lambda: plots.batch_sizes({1: 10.0, 2: 18.0, 4: 20.0}, 4, 512, "Batches of 4."),
    "memory": lambda: plots.memory({"weights": 2**31, "gradients": 2**30, "activations": 3 * 2**31}, [8 * 2**30]),
    "rounding": lambda: plots.rounding([8, 4, 2], [0.5, 0.6, 2.0], [0.9, 0.87, 0.2], (0.5, 0.9)),
    "sweep": lambda: plots.sweep(
        {"learning_rate": [0.1, 0.01], "batch_size": [8, 16]},
        {(0.1, 8): 1.5, (0.01, 8): 2.25, (0.1, 16): float("nan")},
        "validation loss",
        "3 runs, the lowest 1.5.",
    ),
    "range_test": lambda: plots.range_test(
        [1e-4, 1e-3, 1e-2],
        [2.3, 1.9, 4.0],
        [2.3, 2.1, 3.0],
        {"steepest": 1e-3},
        "steepest",
        "Lowest at 0.001, loss 2.1.",
    ),
    "rates_tried": lambda: plots.rates_tried([1e-3, 1e-2, 0.1], [2.2, 1.9, 5.0], 2.3, 1e-3),
    "watched": lambda: plots.watched(
        {"w[0]": ([1, 2], [0.5, 0.25], [1.0, -1.0]), "b[1]": ([1, 2], [0.0, 0.75], [2.0, 1.0])}
    ),
    "dials": lambda: plots.dials(OLD, NEW),
    "images": lambda: plots.images(np.arange(128.0).reshape(2, 1, 8, 8), ["3", "5"]),
    "surprise": lambda: plots.surprise([0.9, 0.1], [0.105, 2.303]),
    "bars": lambda: plots.bars(["conv1", "output"], [0.5, 2.0], "Gradients", "L2 norm (nats per weight unit)"),
    "probabilities": lambda: plots.probabilities([[0.9, 0.1], [0.2, 0.8]], ["cat", "dog"], ["first", "second"]),
    "confusion": lambda: plots.confusion([[5, 1], [0, 4]], ["cat", "dog"]),
    "histograms": lambda: plots.histograms(TENSORS, "Weights", "weight"),
    "attention": lambda: plots.attention(ATTENTION, ["it", "purrs"]),
    "worst": lambda: plots.worst(CASES),
    "samples": lambda: plots.samples(ANSWERS),
}
NO_STEP = HISTORY.iloc[:0]
EMPTY = {
    "no runs": lambda: plots.comparison({}),
    "no step of a run": lambda: plots.comparison({"one": NO_STEP}),
    "no transfer": lambda: plots.transfer({}, {}, 0.1, old="one", new="two", description="0 runs."),
    "no methods": lambda: plots.methods({}, 0.1, description="0 results."),
    "no rates": lambda: plots.learning_rate(NO_STEP),
    "no schedule": lambda: plots.schedule([]),
    "no range test": lambda: plots.range_test([], [], [], {}, description="0 steps."),
    "no rates tried": lambda: plots.rates_tried([], [], 2.3, 0.0),
    "no weights watched": lambda: plots.watched({}),
    "no dials": lambda: plots.dials({}),
    "no pictures": lambda: plots.images(np.zeros((0, 1, 4, 4)), []),
    "no answers": lambda: plots.surprise([], []),
    "no bars": lambda: plots.bars([], [], "Nothing", "unit"),
    "no probabilities": lambda: plots.probabilities([], [], []),
    "no classes": lambda: plots.confusion([], []),
    "no tensors": lambda: plots.histograms({}),
    "no tokens": lambda: plots.attention(np.zeros((2, 0, 0)), []),
    "no heads": lambda: plots.attention(np.zeros((0, 2, 2)), ["a", "b"]),
    "nothing worst": lambda: plots.worst(CASES.iloc[:0]),
    "no texts": lambda: plots.samples(WRITTEN.iloc[:0]),
    "no samples": lambda: plots.samples(ANSWERS.iloc[:0]),
}
LABELS = {
    "loss": [("step (dotted: an epoch ends)", "loss (nats)")],
    "run": [("", "loss (nats)"), ("", "learning\nrate"), ("step (dotted: an epoch ends)", "gradient\nnorm")],
    "comparison": [("epochs completed", "loss (nats)")],
    "profile": [("milliseconds", "")],
    "race": [("times the run as it is", "")] * 2,
    "methods": [("examples a class", "validation accuracy")],
    "transfer": [("step", "accuracy"), ("accuracy", "")],
    "learning_rate": [("step", "learning rate"), ("step", "nats per weight unit")],
    "schedule": [("step", "learning rate")],
    "batch_sizes": [("batch size", "examples a second")],
    "memory": [("GiB", "")],
    "rounding": [("bits of a weight", "loss (nats)"), ("bits of a weight", "accuracy")],
    "sweep": [("learning_rate", "batch_size")],
    "range_test": [("learning rate", "loss (nats)")],
    "rates_tried": [("learning rate", "loss of this batch (nats)")],
    "watched": [("", "weight"), ("step", "gradient\n(nats per unit)")],
    "dials": [("", "weight")],
    "images": [("", ""), ("", "")],
    "surprise": [("probability given to the right answer", "loss (nats)")],
    "bars": [("L2 norm (nats per weight unit)", "")],
    "probabilities": [("class", ""), ("", "probability")],
    "confusion": [("predicted", "true")],
    "histograms": [("", ""), ("", "")],  # one label for all of them
    "attention": [("", ""), ("", ""), ("", "share of attention")],
    "worst": [("", ""), ("loss (nats)", "")],
    "samples": [("step", "probability of the right answer")],
}


def points(line):
    return list(zip(line.get_xdata().tolist(), line.get_ydata().tolist(), strict=True))


def test_every_function_that_draws_is_tried_here():
    found = {
        name
        for name, function in inspect.getmembers(plots, inspect.isfunction)
        if function.__module__.startswith(plots.__name__)
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
    figure = DRAWN[name]()
    assert figure.axes[0].get_title() or figure.axes[0].get_title("left") or figure.get_suptitle()


def test_a_png_is_as_large_as_the_figure_says():
    figure, _ = plots.new_figure(width=3.0, height=2.0)
    picture = figure.png(dpi=50)
    assert int.from_bytes(picture[16:20], "big") == 150
    assert int.from_bytes(picture[20:24], "big") == 100


def test_a_new_figure_has_as_many_axes_as_columns():
    assert [len(plots.new_figure(columns=columns)[1]) for columns in (1, 2, 3)] == [1, 2, 3]


def test_the_loss_plot_draws_training_and_validation():
    axis = DRAWN["loss"]().axes[0]
    training, smoothed, validation, _change, _ring, _link, nothing = axis.get_lines()
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
    "batch_sizes": ["Batches of 4"],
    "memory": ["9.0 GiB"],
    "rounding": ("Accuracy 90.0 % as it was trained", "holds down to 8 bits", "with 4 it falls to 87.0 %"),
    "comparison": ("Lowest validation loss: one", "; two"),
    "run": ["2.500 at step 1", "Learning rate from 0.001 to 0", "Gradient norm between 1 and 4", "Learning rate 5e-4"],
    "loss": [
        "2.500 at step 1",
        "0.800 at step 4",
        "lowest at epoch 2 with 1.5",
        "Kept: epoch 2, 1.5.",
        "diverges",
        "(step 3)",
    ],
    "profile": ["A step takes 35 ms."],
    "race": ["slow takes 2.50."],
    "methods": ["head is best: 70 %"],
    "transfer": ["head is best"],
    "learning_rate": ["from 0.001 to 0", "between 1 and 4", "median 2.5"],
    "sweep": ["3 runs, the lowest 1.5."],
    "range_test": ["Lowest at 0.001"],
    "schedule": ["4 steps", "highest at step 3 with 1", "ends at 0.5"],
    "rates_tried": ["3 rates", "from a loss of 2.3", "1.9 at rate 0.01"],
    "watched": ["2 weights over the steps", "w[0] ends at 0.25", "b[1] ends at 0.75"],
    "dials": ["3 weights in 2 groups", "from -2.5 to 1.5", "in weight, by 0.5"],
    "images": ["2 pictures of 8x8 pixels: 3; 5"],
    "surprise": ["2 answers", "from 0.1 to 0.9", "2.3 to 0.105 nats"],
    "bars": ["Most: output, 2", "Least: conv1, 0.5"],
    "probabilities": ["2 examples, 2 classes", "cat with 90.0 %", "first"],
    "confusion": ["9 of 10", "cat taken for dog, once"],
    "histograms": [
        "2 tensors with 6 numbers from -2 to 3",
        "16.7 % exactly 0",
        "16.7 % not finite",
        "Widest spread: weight",
        "Most zeros: weight, 25.0 %",
        "are in bias",
    ],
    "attention": [
        "2 heads, 2 tokens",
        "'it' (1) looks at itself with 90.0 % in head 1",
        "'purrs' (2) looks at 'it' (1) with 70.0 %",
    ],
    "worst": [
        "2, with losses from 2.500 to 0.250 nats",
        "1 of them",
        "example 7, “it purrs”, is cat; dog was predicted with 90.0 %",
    ],
    "samples": [
        "2 examples at 2 steps",
        "Example 4 (cat): 50.0 % at step 0, 75.0 % at the end",
        "Example 9 (dog): 40.0 %",
    ],
}


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_says_in_words_what_it_shows(name):
    description = DRAWN[name]().description
    assert description.endswith(".")
    assert all(part in description for part in DESCRIPTIONS[name]), description


@pytest.mark.parametrize("name", DRAWN)
def test_a_notebook_shows_the_picture_as_a_png_with_its_description_and_no_figure_is_left_open(name):
    from matplotlib import pyplot as plt

    picture = DRAWN[name]()
    page = picture._repr_html_()
    escaped = html.escape(picture.description)
    assert page.startswith("<figure")
    png = base64.b64decode(re.search(r'src="data:image/png;base64,([^"]*)"', page)[1])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert plt.get_fignums() == []
    assert f'alt="{escaped}"' in page
    assert f">{escaped}</figcaption>" in page
    assert repr(picture) == f"Picture: {picture.description}"


def test_a_lost_loss_is_said():
    history = HISTORY.assign(loss=[2.5, math.nan, math.inf, 0.8])
    assert "At 2 steps it is not a finite number." in plots.loss(history).description


def test_hostile_names_stay_text_in_a_picture():
    page = plots.bars(["<script>alert(1)</script>"], [1.0], "t", "u")._repr_html_()
    assert "<script" not in page


# names and texts from data


HOSTILE_DRAWN = {
    "comparison": lambda: plots.comparison(dict.fromkeys(HOSTILE, HISTORY)),
    "profile": lambda: plots.profile({name: dict.fromkeys(HOSTILE, 0.1) for name in HOSTILE}, HOSTILE),
    "race": lambda: plots.race(HOSTILE, [(1.0, 1.0, 1.0)] * len(HOSTILE), [1.0] * len(HOSTILE)),
    "methods": lambda: plots.methods({name: {1: [0.5]} for name in HOSTILE}, 0.1),
    "transfer": lambda: plots.transfer(
        {name: {0: [0.5]} for name in HOSTILE}, {name: [0.4] for name in HOSTILE}, 0.1, old=HOSTILE[0], new=HOSTILE[1]
    ),
    "schedule": lambda: plots.schedule([1.0], title="$x$ and $y"),
    "dials": lambda: plots.dials({name: [1.0, 2.0] for name in HOSTILE}),
    "images": lambda: plots.images(np.zeros((len(HOSTILE), 1, 4, 4)), HOSTILE),
    "bars": lambda: plots.bars(HOSTILE, list(range(len(HOSTILE))), "$a$ and $b", "$ unit"),
    "probabilities": lambda: plots.probabilities(np.eye(len(HOSTILE)).tolist(), HOSTILE, HOSTILE),
    "confusion": lambda: plots.confusion(np.eye(len(HOSTILE), dtype=int).tolist(), HOSTILE),
    "histograms": lambda: plots.histograms({name: [1.0, 2.0] for name in HOSTILE}, "$a$", "$b$"),
    "attention": lambda: plots.attention(np.eye(len(HOSTILE)), HOSTILE, "$a$"),
    "worst": lambda: plots.worst(hostile_cases(), title="$a$"),
    "worst pictures": lambda: plots.worst(hostile_cases(), np.zeros((len(HOSTILE), 3, 4, 4)), "$a$"),
    "samples": lambda: plots.samples(hostile_cases().assign(step=range(len(HOSTILE)))),
    "samples of answers": lambda: plots.samples(
        hostile_cases().drop(columns="text").assign(step=1, example=range(len(HOSTILE)), probability=0.5)
    ),
}


def hostile_cases():
    many = [name * 30 for name in HOSTILE]
    texts = pd.DataFrame({"true": HOSTILE, "predicted": HOSTILE, "text": many}, dtype=object)
    return texts.assign(loss=1.0, p_true=0.5)


@cache
def hostile(name):
    """The figure with hostile text, and the bytes of its file of each kind; drawn where a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure, sizes = HOSTILE_DRAWN[name](), {}
        for kind in ("pdf", "svg", "png"):
            stream = io.BytesIO()
            figure.savefig(stream, format=kind, dpi=30)
            sizes[kind] = stream.tell()
    return figure, sizes


@pytest.mark.parametrize("name", HOSTILE_DRAWN)
def test_hostile_text_is_drawn_without_a_warning(name):
    figure, sizes = hostile(name)
    assert min(sizes.values()) > 500, sizes
    html.escape(figure.description).encode()


@pytest.mark.parametrize("name", HOSTILE_DRAWN)
def test_no_text_from_data_is_taken_for_a_formula(name):
    from matplotlib.text import Text

    figure, _ = hostile(name)
    texts = [text for text in figure.findobj(Text) if any(sign in text.get_text() for sign in "$\\")]
    dollars = [text.get_text() for text in texts if "$" in text.get_text() and "mathdefault" not in text.get_text()]
    assert name == "schedule" or dollars
    assert not [text for text in dollars if Text()._preprocess_math(text)[1]]
    for text in dollars:
        assert "$" in Text()._preprocess_math(text)[0]


@pytest.mark.parametrize("name", ["bars", "probabilities", "confusion", "histograms", "dials"])
def test_a_very_long_name_leaves_room_for_the_picture(name):
    figure, _ = hostile(name)
    assert figure.axes[0].get_position().width > 0.15


def test_every_class_of_many_has_its_name():
    names = [f"a rather long class {i}" for i in range(24)]
    axis = plots.confusion(np.eye(24, dtype=int).tolist(), names).axes[0]
    assert [label.get_text() for label in axis.get_xticklabels()] == names
    assert {label.get_rotation() for label in axis.get_xticklabels()} == {90.0}
    assert {label.get_rotation() for label in DRAWN["confusion"]().axes[0].get_xticklabels()} == {0.0}


# files


@pytest.mark.parametrize(("kind", "begins"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_saved_with_its_description(name, kind, begins, tmp_path):
    path, figure = tmp_path / f"picture.{kind}", DRAWN[name]()
    figure.savefig(path, dpi=40)
    content = path.read_bytes()
    assert content.startswith(begins)
    if kind == "svg":
        assert html.escape(figure.description).replace("&#x27;", "'").replace("&quot;", '"') in content.decode()
    else:
        assert {"png": b"Description", "pdf": b"/Subject"}[kind] in content


def test_what_a_person_says_about_a_file_counts_more_than_our_description(tmp_path):
    figure = DRAWN["bars"]()
    figure.savefig(tmp_path / "a.svg", metadata={"Description": "mine", "Title": "bars"})
    content = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "<dc:description>mine" in content
    assert "<dc:title>bars" in content


@pytest.mark.parametrize("name", [*DRAWN, *EMPTY])
def test_every_description_has_numbers_in_it(name):
    description = (EMPTY | DRAWN)[name]().description
    assert re.search(r"\d", description), description
    assert description.endswith(".")


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_can_be_drawn_too(name):
    assert EMPTY[name]().png(dpi=30).startswith(b"\x89PNG")


def test_drawing_never_imports_pyplot():
    program = """
import sys
import aitrain_nb as ai
trainer = ai.prepare(model="mlp", max_steps=3)
trainer.watchers.append(samples := ai.watchers.sample(trainer, every=1))
for record in trainer.phases():
    record.plot().png(dpi=30)
    record._repr_html_()
    if record.phase in {"backward", "update"}:
        record.histograms().png(dpi=30)
trainer.fit(display="none")
trainer.evaluate().plot_worst(2).png(dpi=30)
ai.plots.learning_rate(trainer.history.frame()).png(dpi=30)
samples.plot().png(dpi=30)
trainer.plot()._repr_html_()
assert "matplotlib.figure" in sys.modules
print([name for name in ("matplotlib.pyplot", "pylab", "matplotlib.pylab") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.strip() == "[]"


# learning rate


def test_the_ends_of_the_epochs_are_marked():
    for axis in DRAWN["learning_rate"]().axes:
        (above,) = axis.child_axes
        assert above.get_xticks().tolist() == [2, 4]
        assert [label.get_text() for label in above.get_xticklabels()] == ["1", "2"]
        assert above.get_xlabel() == "epoch"


@pytest.mark.parametrize(("epochs", "marks"), [(3, 3), (10, 10), (25, 5), (100, 10), (1000, 10)])
def test_of_many_epochs_a_few_are_marked(epochs, marks):
    steps = np.arange(1, 2 * epochs + 1)
    history = pd.DataFrame({"step": steps, "epoch": steps / 2, "lr": 0.1, "grad_norm": 1.0})
    (above,) = plots.learning_rate(history).axes[0].child_axes
    assert len(above.get_xticks()) == marks


def test_a_norm_that_is_not_finite_is_marked_and_said():
    figure = plots.learning_rate(HISTORY.assign(grad_norm=[1.0, math.nan, math.inf, 2.0]))
    norms, lost = figure.axes[1].get_lines()[:2]
    assert [value for value in norms.get_ydata() if math.isfinite(value)] == [1.0, 2.0]
    assert lost.get_xdata().tolist() == [2, 3]
    assert "between 1 and 2" in figure.description
    assert "At 2 steps the norm is not a finite number." in figure.description


@pytest.mark.parametrize(
    ("norms", "scale"), [([1, 2, 3, 99], "linear"), ([1, 2, 3, 101], "log"), ([0, 1, 2, 3], "linear")]
)
def test_norms_of_very_different_size_get_a_log_axis(norms, scale):
    assert plots.learning_rate(HISTORY.assign(grad_norm=norms)).axes[1].get_yscale() == scale


# histograms


def test_a_histogram_counts_every_finite_number():
    figure = DRAWN["histograms"]()
    (counts, edges, _), (others, _, _) = (axis.patches[0].get_data() for axis in figure.axes)
    assert counts.sum() == 4
    assert (edges[0], edges[-1]) == (-2.0, 3.0)
    assert others.sum() == 1
    assert [axis.get_title() for axis in figure.axes] == ["weight", "bias"]
    texts = [axis.texts[0].get_text() for axis in figure.axes]
    assert texts == ["25.0 % exactly 0", "50.0 % not finite\nall 0.5"]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("weight", "count")


def test_counts_are_logarithmic_where_one_column_would_hide_the_others():
    many = {"weight": [0.0] * 1000 + list(range(20)), "bias": [0.0] * 20}
    figure = plots.histograms(many)
    assert {axis.get_yscale() for axis in figure.axes} == {"log"}
    assert figure.get_supylabel() == "count, logarithmic"
    assert plots.histograms({"bias": [0.0] * 20}).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 8, 12, 40])
def test_of_many_tensors_twelve_are_drawn_and_the_others_said(number):
    tensors = {f"layer.{i}": torch.randn(10 + i) for i in range(number)}
    figure = plots.histograms(tensors)
    assert len(figure.axes) == min(12, number)
    assert ("Not drawn: 28 tensors" in figure.description) == (number == 40)
    if number == 40:
        assert [axis.get_title() for axis in figure.axes] == [f"layer.{i}" for i in range(28, 40)]
        assert "12 of 40 tensors" in figure.get_suptitle()


def test_a_broken_tensor_is_always_drawn():
    tensors = {f"layer.{i}": torch.randn(10 + i) for i in range(40)} | {"broken": torch.tensor([math.nan])}
    assert "broken" in [axis.get_title() for axis in plots.histograms(tensors).axes]


# attention


def test_attention_has_its_weights_and_tokens():
    first, second, _bar = DRAWN["attention"]().axes
    assert np.allclose(np.asarray(first.images[0].get_array()), ATTENTION[0])
    assert first.get_title() == "head 1"
    for axis in (first, second):
        assert [label.get_text() for label in axis.get_xticklabels()] == ["it", "purrs"]
        assert [label.get_text() for label in axis.get_yticklabels()] == ["it", "purrs"]
    assert second.collections[0].get_offsets().tolist() == [[0.0, 0.0], [0.0, 1.0]]  # a dot where each looks most


def test_one_block_of_attention_needs_no_heads():
    figure = plots.attention(ATTENTION[0], ["it", "purrs"])
    assert len(figure.axes) == 2
    assert "1 head, 2 tokens" in figure.description


def test_a_token_that_has_no_choice_is_not_the_strongest_link():
    causal = [[1.0, 0.0, 0.0], [0.4, 0.6, 0.0], [0.8, 0.1, 0.1]]
    assert "'c' (3) looks at 'a' (1) with 80.0 %" in plots.attention(causal, list("abc")).description


def test_of_many_heads_and_tokens_as_many_as_can_be_read_are_drawn():
    figure = plots.attention(torch.rand(16, 200, 200).softmax(-1), [f"t{i}" for i in range(200)])
    assert len(figure.axes) == 13
    assert "The first 12 heads are drawn." in figure.description
    assert len(figure.axes[0].get_xticks()) < 60
    assert figure.png(dpi=20)


@pytest.mark.parametrize("weights", [np.zeros((2, 3, 3)), np.zeros((2, 2, 3)), np.zeros(2), np.zeros((1, 1, 2, 2))])
def test_attention_of_another_shape_is_refused(weights):
    with pytest.raises(DataError, match="can't be drawn"):
        plots.attention(weights, ["it", "purrs"])


# the worst, and samples


def test_the_worst_texts_have_their_words_and_bars():
    left, right = DRAWN["worst"]().axes
    assert [bar.get_width() for bar in right.patches] == [2.5, 0.25]
    texts = [text.get_text() for text in left.texts]
    assert texts == ["is cat   said dog (90.0 %)", "it purrs", "is dog   said dog (80.0 %)", "it barks"]
    assert [text.get_text().strip() for text in right.texts] == ["2.500", "0.250"]


def test_the_worst_pictures_have_their_verdict_above():
    axes = plots.worst(CASES.drop(columns="text"), np.arange(32.0).reshape(2, 1, 4, 4)).axes
    assert axes[0].get_title() == "is cat\nsaid dog (90.0 %)\nloss 2.500 nats"
    assert np.array_equal(axes[1].images[0].get_array(), np.arange(16.0, 32.0).reshape(4, 4))


def test_an_example_without_words_is_named_by_its_place():
    cases = CASES.drop(columns=["text", "p_predicted"]).assign(
        position=[4, 5], p_true=[0.08, 0.78], loss=[math.nan, 0.2]
    )
    figure = plots.worst(cases)
    assert "example 7, position 4" in [text.get_text() for text in figure.axes[0].texts]
    assert "is cat (8.0 %)   said dog" in [text.get_text() for text in figure.axes[0].texts]
    assert "losses from nan to 0.200" in figure.description


def test_each_example_has_a_line_of_its_own_style_and_its_name_at_the_end():
    axis = DRAWN["samples"]().axes[0]
    first, second = axis.get_lines()
    assert points(first) == [(0, 0.5), (10, 0.75)]
    assert (first.get_linestyle(), first.get_marker()) != (second.get_linestyle(), second.get_marker())
    assert [text.get_text() for text in axis.texts] == ["4: cat", "9: dog"]


def test_names_at_the_ends_of_lines_do_not_overlap():
    frame = pd.DataFrame({"step": 1, "loss": 1.0, "example": range(12), "true": "cat", "probability": 0.99})
    heights = sorted(text.get_position()[1] for text in plots.samples(frame).axes[0].texts)
    assert min(np.diff(heights)) > 0.06
    styles = {(line.get_color(), line.get_linestyle()) for line in plots.samples(frame).axes[0].get_lines()}
    assert len(styles) == 12


def test_written_samples_are_shown_with_their_steps():
    figure = plots.samples(WRITTEN)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["step 0", "Where xq", "step 10", "loss 1.250", "Where is it?"]
    assert "2 samples. At step 0: “Where xq”. At step 10 (loss 1.250 nats): “Where is it?”." in figure.description


def test_of_many_samples_the_first_and_the_last_are_among_those_drawn():
    frame = pd.DataFrame({"step": range(100), "loss": 1.0, "text": "a"})
    figure = plots.samples(frame)
    steps = [text.get_text() for text in figure.axes[0].texts if text.get_text().startswith("step")]
    assert (steps[0], steps[-1], len(steps)) == ("step 0", "step 99", 8)
    assert "8 of them are drawn." in figure.description


# what people hand over


def test_classes_may_be_named_by_numbers_and_one_count_can_be_read():
    picture = plots.confusion([[3]], [7])
    (shown,) = picture.axes[0].images
    assert shown.norm(3) == 1.0, "white on dark"
    assert "3 of 3" in picture.description


def test_a_schedule_of_one_step_has_a_point():
    assert plots.schedule([0.1]).axes[0].lines[0].get_marker() == "o"


def test_dials_of_a_layer_itself_and_of_broken_ones_can_be_drawn():
    layer = torch.nn.Linear(2, 1).to(torch.bfloat16)
    assert "3 weights in 2 groups" in plots.dials(dict(layer.named_parameters())).description
    broken = {"weight": [1.0, float("nan"), float("inf")]}
    assert plots.dials(broken).description == "3 weights in 1 group, from 1 to 1. 2 are not a finite number."
    moved = plots.dials({"weight": [0.5, 1.0, 1.0]}, broken).description
    assert moved.endswith("The one that moved most is in weight, by 0.5.")
    assert "from" not in plots.dials({"weight": [float("nan")]}).description
    assert plots.dials(broken).png(dpi=30)


def test_a_probability_that_is_lost_is_not_the_surest():
    nan = float("nan")
    assert "b with 75.0 %" in plots.probabilities([[nan, 0.75], [nan, nan]], ["a", "b"], ["r", "s"]).description
    assert "surest" not in plots.probabilities([[nan]], ["a"], ["r"]).description


@pytest.mark.parametrize("shape", [(2, 8, 8), (1, 1, 8, 8)])
def test_pictures_of_another_shape_or_number_are_refused(shape):
    with pytest.raises(DataError, match="2 titles"):
        plots.images(np.zeros(shape), ["a", "b"])


def test_a_drawing_is_the_same_where_a_person_crops_pictures():
    import matplotlib as mpl

    def draw():
        return plots.surprise([0.1, 0.5], [2.3, 0.7]).png()

    usual = draw()
    with mpl.rc_context({"savefig.bbox": "tight"}):
        assert draw() == usual
        assert mpl.rcParams["savefig.bbox"] == "tight"


def test_a_title_that_follows_itself_is_said_once():
    shown = plots.images(np.zeros((5, 1, 8, 8)), ["clean", "clean", "scanned", "clean", "clean"])
    assert shown.description == "5 pictures of 8x8 pixels: 2 x clean; scanned; 2 x clean."
