"""The records: what they say is true, their code runs, their HTML is safe, they fit in memory."""

from __future__ import annotations

import gc
import json
import math
import re
import time
import weakref

import pandas as pd
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.data import Dataset, split


def test_each_record_answers_in_every_form(make, step):
    trainer = make(model="small-cnn")
    for record in (*step(trainer), trainer.evaluate()):
        assert isinstance(record.table(), pd.DataFrame)
        assert len(record.table())
        assert record.text().endswith(".")
        assert 2 <= len(re.findall(r"[.!?](?:\s|$)", record.text())) <= 6
        assert type(record.plot()).__name__ == "Picture"
        assert json.loads(json.dumps(record.to_dict()))["phase"] == record.phase
        assert record.title in repr(record)
        assert f"step {record.step}" in repr(record)
        page = record._repr_html_()
        assert len(page) < 100_000
        assert not re.search(r"<(script|style|svg)|var\(", page)
        assert record.explain.endswith(".")


def test_the_code_of_the_five_records_is_the_step(make, step):
    """Run the five snippets one after the other: the same loss, norm and weights as the five calls."""
    trainer, other = make(model="small-cnn", weight_decay=0.0), make(model="small-cnn", weight_decay=0.0)
    records = step(trainer)
    columns = other.data.train.columns
    names = {
        "torch": torch, "model": other.model, "optimizer": other.optimizer, "images": columns["image"],
        "answers": columns["label"], "order": other.order.of_epoch(0), "start": 0, "stop": 32,
    }  # fmt: skip
    for record in records:
        exec(record.code(), names)
    assert float(names["loss"].detach()) == records[2].value
    assert float(names["grad_norm"]) == records[3].norm
    assert other.fingerprint() == trainer.fingerprint()


def test_the_first_loss_is_near_the_surprise_of_a_ten_sided_die(make, step):
    losses = [step(make(seed=seed))[2].value for seed in range(5)]
    assert all(abs(loss - math.log(10)) < 0.15 for loss in losses)


def test_loss_in_other_units(make, step):
    _, _, loss, _, _ = step(make())
    assert loss.bits == pytest.approx(loss.value / math.log(2))
    assert loss.perplexity == pytest.approx(math.exp(loss.value))
    assert loss.what_if(0.6) == pytest.approx(0.5108, abs=1e-4)
    assert loss.what_if(0.01) == pytest.approx(4.6052, abs=1e-4)
    with pytest.raises(ValueError, match="probability"):
        loss.what_if(0)


def test_worst_is_sorted_and_confidently_wrong_is_wrong(make, step):
    trainer = make(learning_rate=0.1)
    for _ in range(10):
        records = step(trainer)
    loss = records[2]
    worst = loss.worst(5)["loss"].tolist()
    assert worst == sorted(worst, reverse=True)
    assert worst[0] == pytest.approx(float(loss.per_example.max()))
    wrong = loss.confidently_wrong(0.2)
    assert (wrong["true"] != wrong["predicted"]).all()
    assert (wrong["p_predicted"] > 0.2).all()
    assert loss.accuracy == pytest.approx(float((loss.table()["true"] == loss.table()["predicted"]).mean()))


def test_rank_one_means_correct(make, step):
    trainer = make()
    loss = step(trainer)[2]
    assert ((loss.rank_true == 1) == loss.correct).all()


def test_a_gradient_sentence_tells_the_way_the_weight_moves():
    trainer = ai.prepare(model="mlp", optimizer="sgd", learning_rate=0.1, weight_decay=0.0)
    gradients = trainer.backward(trainer.loss(trainer.forward(trainer.tokenize())))
    name, place = gradients._strongest_weight()
    sentence = gradients.weight(name, *place)
    before = float(dict(trainer.model.named_parameters())[name].detach()[place])
    update = trainer.update(gradients)
    moved = update.weight(name, *place)
    assert moved["before"] == before
    assert ("moves it up" in sentence) == (moved["delta"] > 0)
    assert moved["after"] - moved["before"] == pytest.approx(moved["delta"])


def test_the_parts_of_an_update_add_up(make, step):
    trainer = make(weight_decay=0.1, learning_rate=0.01)
    step(trainer)
    update = step(trainer)[4]
    part = update.weight("hidden.weight", 3, 20)
    assert part["from_gradient"] + part["from_decay"] == pytest.approx(part["delta"])
    assert part["from_decay"] == pytest.approx(-0.01 * 0.1 * part["before"])
    assert update.weight("hidden.bias", 3)["from_decay"] == 0


def test_clipping_scales_to_the_limit(make, step):
    trainer = make(max_grad_norm=0.05)
    gradients = step(trainer)[3]
    assert gradients.clipped
    assert gradients.norm > 0.05
    assert gradients.norm_clipped == pytest.approx(0.05, rel=1e-4)
    total = math.sqrt(sum(float((weight.grad**2).sum()) for weight in trainer.model.parameters()))
    assert total == pytest.approx(0.05, rel=1e-4)


def test_predicted_drop_is_near_the_measured_drop_for_a_small_rate():
    trainer = ai.prepare(model="mlp", optimizer="sgd", learning_rate=1e-3, weight_decay=0.0, max_grad_norm=0.0)
    batch = trainer.tokenize()
    loss = trainer.loss(trainer.forward(batch))
    gradients = trainer.backward(loss)
    predicted = gradients.predict_drop(1e-3)
    trainer.update(gradients)
    with torch.no_grad():
        after = torch.nn.functional.cross_entropy(trainer.model(batch.inputs["pixel_values"]), batch.labels)
    assert loss.value - float(after) == pytest.approx(predicted, rel=0.05)


def test_update_norm_and_gradient_norm_are_different_things(make, step):
    """The source text calls grad_norm the size of the weight updates; it is not."""
    _, _, _, gradients, update = step(make())
    assert abs(gradients.norm - update.norm) / gradients.norm > 0.1


def test_layers_are_listed_with_their_shapes(make, step):
    trainer = make(model="small-cnn")
    forward = step(trainer)[1]
    layers = forward.layers.set_index("name")
    assert layers.loc["conv1", "output"] == "32x16x8x8"
    assert layers.loc["pool", "output"] == "32x32x4x4"
    assert layers["weights"].sum() == 51_880
    assert 0 < layers.loc["relu1", "zeros"] < 1
    assert set(layers["dtype"]) == {"float32"}
    assert (layers["seconds"] > 0).all()
    assert layers["saturated"].isna().all()
    assert torch.equal(forward.layer("output"), forward.logits)
    with pytest.raises(ai.ModelError, match="conv1"):
        forward.layer("conv9")


def test_a_stale_record_says_which_step_it_was(make, step):
    trainer = make()
    loss = step(trainer)[2]
    step(trainer)
    with pytest.raises(ai.PhaseError, match="step 1"):
        loss.worst()
    assert loss.value > 0


def test_a_record_outlives_its_trainer_with_a_sentence(make, step):
    trainer = make()
    update = step(trainer)[4]
    del trainer
    gc.collect()
    with pytest.raises(ai.PhaseError, match="outlived"):
        update.text()
    assert "outlived" in repr(update)
    assert "outlived" in update._repr_html_()


@pytest.mark.parametrize(
    "ask", [lambda forward: forward.ablate("output", 1).text(), lambda forward: len(forward.check())]
)
def test_a_question_is_answered_though_nobody_else_holds_its_trainer(make, ask):
    """As `start("03.4").forward.ablate(...)` does in a lesson: what gave the record goes while it is asked."""
    trainer = make()
    forward = trainer.forward(trainer.tokenize())
    collected = []
    trainer.model.register_forward_hook(lambda *_: collected.append(gc.collect()))
    del trainer
    assert ask(forward)
    assert collected


def test_fit_keeps_no_records_and_no_predictions(make):
    trainer, alive, most = make(max_steps=30), weakref.WeakSet(), 0

    def watch(record):
        nonlocal most
        if isinstance(record, ai.Forward):
            alive.add(record)
        most = max(most, len(alive))
        if isinstance(record, ai.Gradients):
            assert len(alive) == 0, "a Forward is alive after backward"

    trainer.watchers.append(watch)
    trainer.fit(display="none")
    assert most == 1
    assert trainer.records is None


def test_text_from_the_data_is_escaped():
    images = torch.rand(40, 1, 8, 8)
    labels = torch.arange(40) % 2
    names = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>"]
    data = split(Dataset({"image": images, "label": labels}, names), 0.2, 0)
    trainer = ai.Trainer(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2)), "image-classification", data)
    batch = trainer.tokenize()
    forward = trainer.forward(batch)
    loss = trainer.loss(forward)
    for record in (batch, forward, loss, trainer.backward(loss), trainer.evaluate()):
        page = record._repr_html_()
        assert "<script" not in page
        assert "<img src=x" not in page


def test_own_examples_are_looked_at_and_never_trained_on(make, step):
    trainer, other = make(keep="last"), make(keep="last")
    step(trainer)
    step(other)
    picture = trainer.data.validation.columns["image"][0]
    batch = trainer.tokenize(picture.squeeze(0), [trainer.data.validation.columns["label"][0]])
    assert batch.is_own
    forward = trainer.forward(batch)
    gradients = trainer.backward(trainer.loss(forward))
    with pytest.raises(ai.PhaseError, match="own examples"):
        trainer.update(gradients)
    step(trainer)
    step(other)
    assert trainer.fingerprint() == other.fingerprint()
    assert trainer.predict(picture)["predicted"].iloc[0] in trainer.data.label_names


def test_an_inspected_step_in_fit_is_measured_only_when_asked(make):
    sizes = {}

    def watch(record):
        if isinstance(record, ai.Update):
            sizes[record.step] = record.norm if record.before is not None else None

    trainer = make(inspect_every=5)
    trainer.watchers.append(watch)
    trainer.fit(display="none")
    assert [n for n, size in sizes.items() if size is not None] == [5, 10, 15, 20]
    assert all(size > 0 for size in sizes.values() if size is not None)


def test_the_warm_up_starts_at_rate_zero_and_says_so(make, step):
    trainer = make(warmup_steps=4, schedule="linear")
    update = step(trainer)[4]
    assert update.lr == 0
    assert not update.weights_changed
    assert "changed nothing" in update.text()
    assert update.norm == 0


def test_a_layer_with_bounds_says_how_much_of_it_is_saturated(make):
    source = make()
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10), torch.nn.Tanh())
    with torch.no_grad():
        model[1].weight.zero_()
        model[1].bias.copy_(torch.tensor([9.0] * 4 + [0.1] * 6))
    trainer = ai.Trainer(model, source.task, source.data)
    layers = trainer.forward(trainer.tokenize()).layers.set_index("kind")
    assert layers.loc["Tanh", "saturated"] == pytest.approx(0.4)
    assert math.isnan(layers.loc["Linear", "saturated"])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_code_of_an_accumulated_step_gives_the_same_gradients(smoothing):
    trainer = ai.prepare(model="mlp", batch_size=10, gradient_accumulation_steps=3, label_smoothing=smoothing)
    plain = ai.prepare(model="mlp", label_smoothing=smoothing).model
    optimizer = torch.optim.SGD(plain.parameters(), lr=1.0)
    batch = trainer.tokenize()
    for part in batch.parts:
        forward = trainer.forward(part)
        loss = trainer.loss(forward)
        gradients = trainer.backward(loss)
        names = {"torch": torch, "model": plain, "optimizer": optimizer, "labels": part.inputs["labels"],
                 "inputs": part.inputs["pixel_values"]}  # fmt: skip
        for record in (forward, loss, gradients):
            exec(record.code(), names)
    for ours, theirs in zip(trainer.model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
    assert float(names["grad_norm"]) == pytest.approx(gradients.norm, rel=1e-5)


def test_numpy_arrays_lists_and_names_train_like_tensors():
    np = pytest.importorskip("numpy")
    pictures = np.random.default_rng(0).random((40, 8, 8)).astype("float32")
    labels = ["cat" if i % 2 else "dog" for i in range(40)]
    for images, answers in (
        (pictures, np.array(labels)),
        (pictures.tolist(), labels),
        (pictures[:, None], pd.Series(labels)),
    ):
        data = Dataset({"image": images, "label": answers}).split(0.25)
        assert data.label_names == ("cat", "dog")
        model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2))
        trainer = ai.Trainer(model, "image-classification", data, ai.TrainConfig(epochs=1, batch_size=10))
        trainer.fit(display="none")
        assert trainer.predict(pictures[:3])["predicted"].isin(["cat", "dog"]).all()


def test_labels_without_names_are_named_by_their_numbers():
    assert Dataset({"image": torch.rand(4, 8, 8), "label": [0, 2, 1, 2]}).label_names == ("0", "1", "2")


def test_a_trainer_draws_its_run(make):
    trainer = make()
    trainer.fit(display="none")
    texts = [text.get_text() for text in trainer.plot().axes[0].texts]
    assert "knows nothing: ln 10" in texts
    assert any(text.startswith("kept: epoch") for text in texts)


def test_the_time_of_a_step_is_that_of_its_phases_not_of_the_reader(make, monkeypatch):
    trainer, read = make(), 100.0  # seconds that a reader takes for a phase, by the clock of the run
    clock, late = time.perf_counter, 0.0
    monkeypatch.setattr("time.perf_counter", lambda: clock() + late)
    for _ in trainer.phases():
        late += read
    assert 0 < trainer.history.last["seconds"] < read


def test_the_gradients_table_keeps_the_weights_the_step_began_with():
    trainer = ai.prepare(model="mlp", learning_rate=0.5)
    gradients = trainer.backward(trainer.loss(trainer.forward(trainer.tokenize())))
    before = [float(weight.detach().norm()) for weight in trainer.model.parameters()]
    trainer.update(gradients)
    assert gradients.table()["weight_norm"].tolist() == pytest.approx(before)


def test_the_table_of_classes_is_scikit_learns_report():
    from sklearn.metrics import precision_recall_fscore_support

    trainer = ai.prepare(data="digits", model="mlp", max_steps=25)
    trainer.fit(display="none")
    evaluation = trainer.evaluate()
    precise, right, f1, examples = precision_recall_fscore_support(
        evaluation.labels.numpy(), evaluation.predicted.numpy(), labels=range(10), zero_division=float("nan")
    )
    table = evaluation.table().set_index("class")
    for digit, row in table.iterrows():
        i = int(digit)
        assert row["examples"] == examples[i]
        assert row["predicted"] == int((evaluation.predicted == i).sum())
        assert row["right"] == pytest.approx(right[i])
        assert row["precise"] == pytest.approx(precise[i], nan_ok=True)
        assert row["f1"] == pytest.approx(f1[i])
    assert table["f1"].mean() == pytest.approx(evaluation.metrics["macro_f1"])


def test_gradients_are_drawn_as_before_clipping(make, step):
    trainer = make(max_grad_norm=0.05)
    gradients = step(trainer)[3]
    assert gradients.clipped
    picture = gradients.histograms()
    assert [axis.get_title() for axis in picture.axes] == [name for name, _ in trainer.model.named_parameters()]
    lowest = min(float(weight.grad.min()) for weight in trainer.model.parameters()) / gradients.coefficient
    assert f"from {lowest:.3g} to" in picture.description
    assert "Gradients of step 1 (nats per weight unit): 4 tensors with 4,810 numbers" in picture.description
    step(trainer)
    with pytest.raises(ai.PhaseError, match="step 1"):
        gradients.histograms()


def test_frozen_weights_are_said_where_gradients_are_drawn():
    source = ai.prepare(model="mlp", max_steps=2)
    source.model.hidden.weight.requires_grad_(False)
    trainer = ai.Trainer(source.model, source.task, source.data)
    gradients = trainer.backward(trainer.loss(trainer.forward(trainer.tokenize())))
    assert gradients.histograms().description.endswith("1 tensor has no gradient.")


def test_an_update_draws_the_weights_or_their_change(make, step):
    trainer = make(weight_decay=0.0, learning_rate=0.01)
    update = step(trainer)[4]
    weights, change = update.histograms(), update.histograms("change")
    highest = max(float(weight.detach().max()) for weight in trainer.model.parameters())
    assert "Weights after step 1 (weight): 4 tensors" in weights.description
    assert f"to {highest:.3g}" in weights.description
    assert "from -0.01 to 0.01" in change.description  # Adam's first step moves each weight by the learning rate
    with pytest.raises(ai.ConfigError, match="change"):
        update.histograms("chnage")
    step(trainer)
    with pytest.raises(ai.PhaseError, match="step 1"):
        update.histograms()


def test_an_update_in_fit_is_drawn_while_its_weights_are_there(make):
    trainer, kept, drawn = make(max_steps=50, evaluate_every=5, learning_rate=0.5), [], []

    def watch(record):
        if isinstance(record, ai.Update):
            kept.append(record)
            drawn.append(record.histograms().description)
            with pytest.raises(ai.PhaseError, match="not kept"):
                record.histograms("change")

    trainer.watchers.append(watch)
    trainer.fit(display="none")
    assert len(drawn) == 50
    assert drawn[0] != drawn[-1]
    held = trainer.ending.kept_step
    assert held < 50
    assert kept[held - 1].histograms().description == drawn[held - 1]
    with pytest.raises(ai.PhaseError, match=f"those of step {held}"):
        kept[-1].histograms()


def test_the_worst_images_are_drawn_with_what_was_said(make):
    trainer = make()
    evaluation = trainer.evaluate()
    picture, rows = evaluation.plot_worst(3), evaluation.worst(3)
    for axis, (place, row) in zip(picture.axes, rows.iterrows(), strict=True):
        sure = float(evaluation.logits[place].softmax(-1).max())
        assert axis.get_title().split("\n")[:2] == [
            f"is {row['true']}",
            f"said {row['predicted']} ({100 * sure:.1f} %)",
        ]
        pixels = trainer.data.validation.columns["image"][place][0]
        assert torch.equal(torch.as_tensor(axis.images[0].get_array()), pixels)
    assert f"The worst, example {rows.index[0]}, is {rows['true'].iloc[0]}" in picture.description


def test_the_worst_texts_are_drawn_with_their_words():
    trainer = ai.prepare(data="tickets", vocabulary_size=400, max_steps=2)
    evaluation = trainer.evaluate()
    picture, rows = evaluation.plot_worst(4), evaluation.worst(4)
    words = " ".join(text.get_text().replace("\n", " ") for text in picture.axes[0].texts)
    assert all(text[:40] in words for text in rows["text"])
    assert [bar.get_width() for bar in picture.axes[1].patches] == pytest.approx(rows["loss"].tolist())


def test_the_worst_targets_of_a_language_model_stand_after_their_text():
    text = "The parcel is here. Where is the other parcel? It is not there. " * 8
    data = Dataset({"text": [text, text + "No."]}).split(0.5)
    trainer = ai.prepare(task="text-generation", data=data, max_length=16, batch_size=4, max_steps=2)
    evaluation = trainer.evaluate()
    picture, rows = evaluation.plot_worst(5), evaluation.worst(5)
    shown = [text.get_text() for text in picture.axes[0].texts][1::2]
    for said, (place, row) in zip(shown, rows.iterrows(), strict=True):
        before = trainer.processor.decode(evaluation.labels[place, : row["position"]].tolist())
        assert said == (f"after: {before}" if before else "at the start of a block").rstrip()
    assert "targets with the highest loss" in picture.description


def test_an_evaluation_without_examples_asked_for_is_drawn(make):
    assert "0 examples" in make().evaluate().plot_worst(0).description
