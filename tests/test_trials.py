"""A trial leaves no trace."""

import random

import numpy as np
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb.control import Change
from aitrain_nb.engine.trials import trial


def state_of(trainer):
    """Everything that decides how it goes on, as comparable values."""
    optimizer = trainer.optimizer.state_dict()
    return {
        "weights": trainer.fingerprint(),
        "buffers": {name: buffer.tolist() for name, buffer in trainer.model.named_buffers()},
        "optimizer": {
            place: {name: value.tolist() if torch.is_tensor(value) else value for name, value in held.items()}
            for place, held in optimizer["state"].items()
        },
        "groups": optimizer["param_groups"],
        "plan": trainer.plan,
        "rates": [trainer.learning_rate(step) for step in range(5)],
        "generators": [
            [part.tolist() for part in trainer.random.state], torch.get_rng_state().tolist(), random.getstate(),
            [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],  # noqa: NPY002
        ],
        "cursor": trainer.order.cursor,
        "step": trainer.step,
        "gradients": [None if weight.grad is None else weight.grad.tolist() for weight in trainer.model.parameters()],
        "modes": [module.training for module in trainer.model.modules()],
        "history": repr(trainer.history.frame().drop(columns="seconds").to_dict()),
        "next": trainer.next_call,
        "snapshots": len(trainer.snapshots),
        "ending": trainer.ending,
        "attributes": set(vars(trainer)),
    }  # fmt: skip


def train_aside(trainer, steps=3):
    with trial(trainer):
        for _ in range(steps):
            list(trainer.phases())
        assert len(trainer.history) == steps


class TestATrialLeavesNoTrace:
    @pytest.mark.parametrize("model", ["mlp", "small-cnn", "small-vit"])
    def test_before_the_first_step(self, make, model):
        trainer = make(model=model, warmup_steps=3)
        trainer.model.eval()
        before = state_of(trainer)
        train_aside(trainer)
        assert state_of(trainer) == before
        assert all(weight.grad is None for weight in trainer.model.parameters())

    def test_after_steps_by_hand_which_can_still_be_undone(self, make):
        trainer = make()
        for _ in range(2):
            *_, update = trainer.phases()
        before, optimizer = state_of(trainer), trainer.optimizer
        train_aside(trainer)
        assert state_of(trainer) == before
        assert trainer.optimizer is optimizer
        assert update.weight("output.bias", 0)  # the record still knows its step
        trainer.undo()
        assert trainer.step == 1

    def test_after_a_run_whose_best_weights_are_shown(self, make):
        trainer = make(max_steps=30, evaluate_every=5, learning_rate=0.05)
        spoiled = [Change(26, "learning_rate", 5.0)]
        trainer.fit("none", replay=spoiled)
        assert trainer.ending.kept_step < 30
        before = state_of(trainer)
        twin = make(max_steps=30, evaluate_every=5, learning_rate=0.05)
        twin.fit("none", replay=spoiled)
        train_aside(trainer)
        assert state_of(trainer) == before
        for one in (trainer, twin):
            one.fit("none", max_steps=40)
        assert trainer.history.frame()["loss"].tolist() == twin.history.frame()["loss"].tolist()

    def test_when_it_raises_in_the_middle_of_a_step(self, make):
        trainer = make(model="small-cnn")
        before = state_of(trainer)

        def break_off():
            with trial(trainer):
                list(trainer.phases())
                trainer.forward(trainer.tokenize())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            break_off()
        assert state_of(trainer) == before

    def test_numbers_drawn_by_the_model_itself(self, make):
        class Noisy(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(64, 10)

            def forward(self, images):
                noise = random.random() + np.random.rand() + torch.rand(()).item()  # noqa: NPY002
                return self.layer(images.flatten(1)) + noise

        digits = make()
        trainer = ai.Trainer(Noisy(), "image-classification", digits.data, digits.config)
        before = state_of(trainer)
        train_aside(trainer)
        assert state_of(trainer) == before


def test_inside_a_step_it_says_what_to_do(make):
    trainer = make()
    trainer.tokenize()
    with pytest.raises(ai.PhaseError, match="undo"), trial(trainer):
        pass
    assert trainer.next_phase == "forward"
