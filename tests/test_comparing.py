"""`ai.compare`: runs side by side, whatever they come as; names never lie on each other."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli, plots

RUNS = {
    "slow": {"epochs": 2},
    "fast": {"epochs": 3, "learning_rate": 0.01},
    "blind": {"max_steps": 30, "evaluate_every": 0},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("all")
    for name, fields in RUNS.items():
        ai.prepare(model="mlp", **fields).fit("none", output_dir=folder / name)
    return folder


@pytest.fixture(scope="module")
def three(folder):
    return ai.compare(folder / "slow", str(folder / "fast"), folder / "blind")


def test_the_frame_says_what_each_run_says(folder, three):
    frame = three.frame().set_index("name")
    assert list(frame.index) == list(RUNS)
    for name in ("slow", "fast"):
        trainer = ai.load_run(folder / name)
        assert frame.loc[name, "best_loss"] == trainer.ending.kept_loss
        assert frame.loc[name, "best_epoch"] == trainer.ending.kept_epoch
        assert frame.loc[name, "steps"] == trainer.step
        assert frame.loc[name, "accuracy"] == pytest.approx(trainer.evaluate().accuracy)
    assert math.isnan(frame.loc["blind", "best_loss"])


def test_only_the_fields_that_differ_are_told(three):
    differing = three.differences()
    assert list(differing.columns) == list(RUNS)
    assert list(differing.index) == ["epochs", "learning_rate", "max_steps", "evaluate_every"]
    assert list(differing.loc["learning_rate"]) == [0.001, 0.01, 0.001]
    assert ai.compare(three.runs[0].history).differences().empty


def test_trainers_histories_and_folders_mix_and_names_stay_apart(folder):
    trainer = ai.load_run(folder / "fast")
    mixed = ai.compare(trainer, trainer.history, folder / "fast", folder / "fast", mine=trainer)
    assert [one.name for one in mixed.runs] == ["mlp on digits", "mlp on digits (2)", "fast", "fast (2)", "mine"]
    assert len(set(mixed.frame()["best_loss"])) == 1
    assert mixed.differences().empty
    assert "settings are the same" in repr(mixed)


def test_other_data_is_said(three):
    other = ai.prepare(data="tickets", model="small-encoder", vocabulary_size=200, max_steps=2)
    other.fit("none")
    again = ai.compare(ai.prepare(model="mlp"), other)
    assert "different data" in repr(again)
    assert "different data" not in repr(three)


def test_other_validation_examples_are_said(three):
    again = ai.compare(ai.prepare(model="mlp"), ai.prepare(model="mlp", seed=1, test_fraction=0.1))
    assert "validated on other examples (test_fraction, seed differ)" in " ".join(repr(again).split())
    assert "other examples" not in repr(three)


def test_what_is_no_run_gets_its_sentence(tmp_path, refused):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    refused(ai.compare, ai.ConfigError, "0 runs")
    refused(lambda: ai.compare(*["x"] * 25), ai.ConfigError, "25 runs")
    refused(lambda: ai.compare(tmp_path / "none"), ai.DataError, "no folder")
    refused(lambda: ai.compare(tmp_path / "other"), ai.DataError, "isn't the folder of a run")
    refused(lambda: ai.compare(tmp_path / "empty"), ai.DataError, "holds no run")
    refused(lambda: ai.compare(3), ai.DataError, "int is no run")
    refused(lambda: ai.compare(ai.prepare(model="mlp")).plot("seconds"), ai.ConfigError, "seconds")


def test_looking_changes_nothing(folder):
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    repr(ai.compare(*(folder / name for name in RUNS)))
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_the_command_prints_and_draws(folder, tmp_path):
    def run(*more):
        return CliRunner().invoke(cli.app, ["compare", str(folder / "slow"), str(folder / "fast"), *more])

    result = run("--to", str(tmp_path / "curves.png"))
    assert result.exit_code == 0
    assert "learning_rate" in result.output
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert isinstance(run("--to", str(tmp_path / "curves.txt")).exception, ai.ConfigError)
    assert isinstance(run("--to", str(tmp_path / "none" / "a.png")).exception, ai.DataError)


NAMES = ["a", "WWWWWWWWWWWWWWWWWWWWWWWWWWWW", "lll" * 30, "a run with a long name", "$x$ and $y"]


def frame(losses):
    steps = np.arange(1, len(losses) + 1)
    return pd.DataFrame(
        {"step": steps, "epoch": steps / 2, "loss": losses, "eval_loss": np.where(steps % 2 == 0, losses, np.nan)}
    )


@pytest.mark.parametrize("count", [1, 2, 6, 12, 24])
@pytest.mark.parametrize("width", [380, 860])
def test_names_at_the_ends_never_lie_on_each_other(count, width):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    many = {f"{place} {NAMES[place % len(NAMES)]}": frame([2.0, 1.5, 1.2, 1.0 + place / 1e4]) for place in range(count)}
    figure = plots.comparison(many, width=width, height=420)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [text.get_window_extent(renderer) for text in figure.axes[0].texts]
    assert len(boxes) == count
    whole = figure.bbox
    for place, box in enumerate(boxes):
        assert box.x1 <= whole.x1 + 1
        assert whole.y0 <= box.y0
        for other in boxes[place + 1 :]:
            assert abs((box.y0 + box.y1) / 2 - (other.y0 + other.y1) / 2) > 11


def test_the_lowest_validation_loss_is_marked_and_an_explosion_leaves_the_picture():
    figure = plots.comparison({"good": frame([2.0, 1.0, 0.8, 1.2]), "bad": frame([2.0, 5.0, 1e9, 1e12])})
    (axis,) = figure.axes
    marked = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.lines if line.get_markersize() == 9]
    assert marked == [(1.0, 1.0), (1.0, 5.0)]
    assert axis.get_ylim()[1] < 4
    assert "good 1 at epoch 1; bad 5 at epoch 1" in figure.description
    steps = plots.comparison({"good": frame([2.0, 1.0])}, "steps").axes[0]
    assert steps.get_xlabel() == "step"
