"""Range tests of learning rates."""

import math

import numpy as np
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.tuning import rules


class TestTheRules:
    rates = np.geomspace(1e-4, 1, 81)

    def curve(self):
        """A valley that is known: flat, a fall between 1e-3 and 1e-1, steepest at 1e-2, lowest at 0.1, a rise."""
        place = np.log10(self.rates)
        fall = 1 / (1 + np.exp(-4 * (place + 2)))
        return 2.3 - 1.5 * fall + 20 * np.clip(place + 1, 0, None) ** 2

    def test_steepest(self):
        assert rules.steepest(self.rates, self.curve()) == pytest.approx(1e-2, rel=0.1)

    def test_minimum_is_a_tenth_of_the_lowest(self):
        lowest = self.rates[self.curve().argmin()]
        assert rules.minimum(self.rates, self.curve()) == pytest.approx(lowest / 10)

    def test_valley_lies_between_the_fall_s_ends(self):
        assert 1e-3 < rules.valley(self.rates, self.curve()) < 1e-1

    def test_nothing_is_suggested_where_the_loss_only_rises(self):
        rising = np.linspace(1, 2, 81)
        assert (
            rules.steepest(self.rates, rising)
            is rules.minimum(self.rates, rising)
            is rules.valley(self.rates, rising)
            is None
        )


class TestFindLearningRate:
    def test_its_steps_are_the_trainer_s_own(self, make):
        """A plain loop with the same batches and rates gives the same losses."""
        found = ai.find_learning_rate(make(weight_decay=0.0, optimizer="sgd", max_grad_norm=0.0), 1e-3, 1e-1, 20)
        trainer = make(weight_decay=0.0, optimizer="sgd", max_grad_norm=0.0)
        losses = []
        for rate in found.learning_rates:
            part = trainer.order.take().parts[0]
            data = trainer.data.train.take(part)
            images = torch.as_tensor(data["image"]).float() * trainer.data.scale
            loss = torch.nn.functional.cross_entropy(trainer.model(images.flatten(1)), torch.as_tensor(data["label"]))
            trainer.model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for weight in trainer.model.parameters():
                    weight.sub_(rate * weight.grad)
            losses.append(loss.item())
        assert found.losses == pytest.approx(losses, abs=1e-5)

    def test_twice_the_same(self, make):
        trainer = make()
        assert ai.find_learning_rate(trainer, steps=40).losses == ai.find_learning_rate(trainer, steps=40).losses

    def test_it_ends_when_the_loss_explodes(self, make):
        found = ai.find_learning_rate(make(), highest=100.0)
        assert found.ended == "exploded"
        assert len(found.losses) < 100
        assert "exploded" in found.text()

    def test_a_loss_that_is_no_number_ends_it_and_is_kept(self, make):
        trainer = make()
        real, calls = trainer.task.loss, []

        def broken(*arguments):
            calls.append(1)
            return real(*arguments) * (math.nan if len(calls) > 30 else 1)

        trainer.task.loss = broken
        try:
            found = ai.find_learning_rate(trainer)
        finally:
            del trainer.task.loss
        assert math.isnan(found.losses[-1])
        assert len(found.losses) == 31
        assert found.plot().description

    def test_data_of_one_batch_are_used_over_and_over(self):
        data = ai.Dataset({"image": np.random.default_rng(0).random((12, 4, 4)), "label": [0, 1] * 6})
        trainer = ai.prepare(data=data, model="mlp", batch_size=8)
        assert len(ai.find_learning_rate(trainer, steps=60, highest=1e-2).losses) == 60

    def test_a_trained_model_with_tiny_losses_is_no_explosion(self, make):
        trainer = make(model="small-cnn", max_steps=150, learning_rate=0.01)
        trainer.fit("none")
        found = ai.find_learning_rate(trainer, highest=1e-4, steps=50)
        assert found.ended == ""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [({"lowest": 0}, "make no test"), ({"lowest": "a"}, "make no test"),
         ({"lowest": 1, "highest": 0.1}, "make no test"), ({"steps": 5}, "5 steps"),
         ({"steps": True}, "True steps"), ({"highest": math.inf}, "make no test"), ({"highest": math.nan}, "make no test")],
    )  # fmt: skip
    def test_what_makes_no_test_is_said(self, make, arguments, words):
        with pytest.raises(ai.ConfigError, match=words):
            ai.find_learning_rate(make(), **arguments)

    def test_it_needs_a_trainer(self, make):
        with pytest.raises(ai.ConfigError, match="prepare"):
            ai.find_learning_rate(make().config)


@pytest.fixture(scope="module")
def found():
    return ai.find_learning_rate(ai.prepare(model="mlp"))


class TestTheFinding:
    def test_apply_gives_the_config_of_the_run_to_come(self, found):
        assert found.apply().learning_rate == found.learning_rate == found.fix["learning_rate"]
        assert found.apply().model == "mlp"
        assert found.apply(ai.TrainConfig(epochs=9), rule="valley") == ai.TrainConfig(
            epochs=9, learning_rate=found.suggestions["valley"]
        )
        with pytest.raises(ai.ConfigError, match="valley"):
            found.apply(rule="valey")

    def test_table_and_picture_say_the_same(self, found):
        frame = found.table()
        assert list(frame) == ["learning_rate", "loss", "smoothed"]
        assert len(frame) == len(found.losses)
        picture = found.plot()
        assert picture.description == found.text()
        (axis,) = picture.axes
        words = [text.get_text() for text in axis.texts]
        assert all(any(name in word for word in words) for name in found.suggestions)
        assert sum("suggested" in word for word in words) == 1

    def test_no_word_lies_on_another(self, found):
        picture = found.plot()
        picture.draw_without_rendering()
        boxes = [text.get_window_extent() for text in picture.axes[0].texts]
        for place, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[place + 1 :])

    def test_the_page(self, found):
        page = found._repr_html_()
        assert f'alt="{found.text()}"' in page
        assert all(name in page for name in found.suggestions)
        assert "<details>" in page

    def test_where_nothing_falls_nothing_is_suggested(self, make):
        found = ai.find_learning_rate(make(), lowest=1e-9, highest=1e-8, steps=30)
        assert found.recommended is None or found.suggestions
        if not found.suggestions:
            with pytest.raises(ai.ConfigError, match="no rate"):
                found.apply()
