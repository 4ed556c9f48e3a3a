"""What a preview says is what the run then is."""

import pytest

import aitrain_nb as ai
from aitrain_nb.previewing import Scout

RUNS = {
    "digits": {"data": "digits", "model": "mlp", "epochs": 2},
    "digits, rest dropped nowhere": {"data": "digits", "model": "small-cnn", "epochs": 1, "batch_size": 100},
    "accumulation": {"data": "digits", "model": "mlp", "epochs": 1, "gradient_accumulation_steps": 3},
    "warm-up and cosine": {
        "data": "digits",
        "model": "mlp",
        "max_steps": 70,
        "schedule": "cosine",
        "warmup_steps": 0.1,
    },
    "linear": {"data": "digits", "model": "mlp", "max_steps": 33, "schedule": "linear", "warmup_steps": 5},
    "texts": {"data": "tickets", "model": "small-encoder", "epochs": 1, "schedule": "cosine"},
    "language": {"data": "speeches", "model": "small-gpt", "max_steps": 3, "schedule": "linear", "max_length": 32},
    "another split": {"data": "digits", "model": "mlp", "epochs": 1, "validation_fraction": 0.4, "test_fraction": 0.1},
}


@pytest.mark.parametrize("fields", RUNS.values(), ids=RUNS)
def test_the_numbers_are_those_of_the_run(fields):
    preview, trainer = ai.preview(**fields), ai.prepare(**fields)
    assert preview.plan.total_steps == trainer.total_steps
    assert preview.plan.steps_per_epoch == trainer.steps_per_epoch
    assert preview.weights == sum(weight.numel() for weight in trainer.model.parameters())
    assert preview.data.rows["training"] == len(trainer.data.train)
    steps = range(1, trainer.total_steps + 1)
    planned = [preview.plan.learning_rate(step) for step in steps]
    assert planned == pytest.approx([trainer.plan.learning_rate(step) for step in steps], abs=1e-12)


def test_the_rates_that_are_shown_are_those_the_run_took():
    fields = RUNS["linear"]
    trainer = ai.prepare(**fields)
    trainer.fit(display="none")
    took = {row["step"]: row["lr"] for row in trainer.history}
    for step, rate in ai.preview(**fields).plan.curve():
        assert took[step] == pytest.approx(rate, abs=1e-12)


def test_hostile_rows_and_labels_stay_text():
    import pandas as pd

    bad = '<img src=x onerror="alert(1)"><script>alert(2)</script>'
    rows = pd.DataFrame({"text": [f"{bad} {n}" for n in range(60)], "label": [bad, "good"] * 30})
    page = ai.preview(data=rows)._repr_html_()
    assert "<script" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;" in page


def test_a_file_is_read_again_only_when_it_changed(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("text,label\n" + "".join(f"word {n},{'ab'[n % 2]}\n" for n in range(40)))
    scout, config = Scout(), ai.TrainConfig(data=str(path))
    first = scout.preview(config)
    assert scout.knows(config.replace(learning_rate=0.5, epochs=9))
    path.write_text("text,label\n" + "".join(f"word {n},{'ab'[n % 2]}\n" for n in range(60)))
    assert not scout.knows(config)
    assert sum(scout.preview(config).data.rows.values()) == 60
    assert sum(first.data.rows.values()) == 40


def test_what_prepare_refuses_is_refused():
    with pytest.raises(ai.ConfigError, match="no model named"):
        ai.preview(data="digits", model="smal-cnn")


@pytest.mark.parametrize("method", ["head", "lora"])
def test_it_says_how_many_weights_are_trained_and_what_the_run_needs(method):
    fields = {"data": "tickets", "model": "minilm", "method": method, "max_steps": 1}
    preview, trainer = ai.preview(**fields), ai.prepare(**fields)
    trained = sum(weight.numel() for weight in trainer.model.parameters() if weight.requires_grad)
    whole = sum(weight.numel() for weight in trainer.model.parameters())
    assert preview.facts()["weights"] == f"{trained:,} of {whole:,} are trained"
    assert preview.estimate.parts == ai.estimate(trainer).parts
    assert "memory by part" in preview._repr_html_()
