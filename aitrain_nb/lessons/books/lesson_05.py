"""Backpropagation and update: what a gradient says, whom it blames, and how a step is made of it."""

from __future__ import annotations

from typing import Any

from aitrain_nb.lessons.exercises import Before, Choice, Explain, Fill, Option, Sort
from aitrain_nb.lessons.experiments.misread_digit import EPOCH, trained_cnn
from aitrain_nb.lessons.experiments.tiny_digits import tiny_trainer
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab


def _mistaken() -> Lab:
    """An epoch of digits, and the next batch with its gradients; `worst` is the most surprising digit in it."""
    trainer = trained_cnn(EPOCH)
    batch = trainer.tokenize()
    loss = trainer.loss(trainer.forward(batch))
    worst = int(loss.per_example.argmax())
    return lab(trainer=trainer, batch=batch, loss=loss, gradients=trainer.backward(loss), worst=worst)


def _two_optimizers() -> Lab:
    """The tiny network twice: for plain SGD and for AdamW."""
    trainer = tiny_trainer()
    part = trainer.tokenize().parts[0]
    return lab(inputs=part.inputs["pixel_values"], labels=part.inputs["labels"], fresh=lambda: tiny_trainer().model)


def _well_trained() -> Lab:
    return lab(trainer=trained_cnn(2 * EPOCH))


def _loop() -> Lab:
    """The tiny network's data, and as many fresh copies of it as one likes."""
    trainer = tiny_trainer()
    data = trainer.data
    return lab(
        images=data.train.columns["image"] * data.scale, labels=data.train.columns["label"],
        order=trainer.order.of_epoch(0).split(32), fresh=lambda: tiny_trainer().model,
    )  # fmt: skip


def _is_slope(answer: Any) -> str | None:
    """What is wrong with a learner's `slope_of(loss_at, weight, eps)`."""
    if not callable(answer):
        return "This is no function. Fill the line inside slope_of and run its cell again."
    got = answer(lambda weight: weight**2, 3.0, 0.01)
    if got is ...:
        return ""
    if not isinstance(got, (int, float)):
        return "Your line gives no number."
    known = {
        0.12: "That is the difference of the two losses. A slope is a difference for each unit of the way.",
        12.0: "The way between the two is 2 * eps: from weight - eps to weight + eps.",
        -6.0: "The sign is turned: up minus down, so that a rising loss gives a positive slope.",
        0.0601: "That is only how much higher it gets. Divide by how far you went.",
    }
    for value, says in known.items():
        if abs(got - value) < 1e-6:
            return says
    return None if abs(got - 6) < 0.02 else f"For a loss of weight * weight at 3 the slope is 6; yours gives {got:.3g}."


LESSON = Lesson(
    number="05",
    name="backprop_and_update",
    title="Backprop and update: which weights caused this mistake?",
    minutes=45,
    able=(
        "measured a gradient with your own hands, and seen that backward agrees,",
        "found the weights behind one misread digit, and tested the blame,",
        "told apart three numbers: a gradient, its norm, and an update,",
        "found the rate at which a step begins to do harm,",
        "put a training loop into order, and spotted the line that is missing.",
    ),
    kills=(
        "Gradient, update and error are one thing.",
        "A blamed weight did something wrong.",
        "A larger gradient is a larger update.",
    ),
    sections=(
        Section("05.1", "A gradient is a promise about a small nudge"),
        Section("05.2", "Which weights caused this mistake?", _mistaken),
        Section("05.3", "A gradient is not an update", _two_optimizers),
        Section("05.4", "Aim again: all dials at once, and not too far", _well_trained),
        Section("05.5", "The loop, and the line that is missing", _loop),
    ),
    exercises=(
        Fill(
            id="05.1",
            ask="Write the line that measures a slope: the loss a little to the right, a little to the left, and the way between.",
            test=_is_slope,
            right=lambda loss_at, weight, eps: (loss_at(weight + eps) - loss_at(weight - eps)) / (2 * eps),
            wrong=(
                (
                    lambda loss_at, weight, eps: loss_at(weight + eps) - loss_at(weight - eps),
                    "difference of the two losses",
                ),
                (lambda loss_at, weight, eps: (loss_at(weight + eps) - loss_at(weight - eps)) / eps, "2 * eps"),
                (
                    lambda loss_at, weight, eps: (loss_at(weight - eps) - loss_at(weight + eps)) / (2 * eps),
                    "sign is turned",
                ),
                (lambda loss_at, weight, eps: loss_at(weight + eps) - loss_at(weight), "only how much higher"),
                (lambda loss_at, weight, eps: loss_at(weight), "the slope is 6"),
            ),
            hints=(
                "A slope is how much higher, divided by how far.",
                "How much higher: loss_at(weight + eps) - loss_at(weight - eps). How far is that?",
                "(loss_at(weight + eps) - loss_at(weight - eps)) / (2 * eps)",
            ),
            why="How much the loss rises, divided by the way: that is all a gradient says.",
        ),
        Choice(
            id="05.2",
            ask="One digit was misread. We move only the 20 weights, of 51,880, that are blamed for it most. What happens to the 32 digits?",
            options=(
                Option(
                    "Nothing: 20 of 51,880 are too few",
                    "Twenty at random do nothing. These twenty were chosen by their gradients.",
                    belief="Single weights don't matter.",
                ),
                Option(
                    "Its loss falls, and others change too, some for the worse",
                    "Every weight serves all digits.",
                    right=True,
                ),
                Option(
                    "Its loss falls, and no other digit notices",
                    "No weight belongs to one digit. Whoever turns it turns it for all.",
                    belief="Each example has weights of its own.",
                ),
            ),
            hints=(
                "Who else uses these weights?",
                "Are there weights for a single digit?",
                "Blame finds the right ones. And all digits share them.",
            ),
            why="Blame finds weights that matter for this digit. All digits share them, so some get better and some worse.",
        ),
        Choice(
            id="05.3",
            ask="We multiply the loss by 10. What becomes of grad_norm (the length of all gradients together), and of the first update of AdamW?",
            options=(
                Option(
                    "Both get 10 times as large",
                    "So it is with plain SGD. AdamW divides each gradient by its usual size.",
                    belief="A larger gradient is a larger update.",
                ),
                Option(
                    "grad_norm 10 times, the update stays",
                    "AdamW divides each gradient by its usual size: 10 times over 10 times is 1.",
                    right=True,
                ),
                Option(
                    "Both stay: it is the same batch",
                    "A loss that is 10 times as high is 10 times as steep.",
                    belief="The gradient doesn't depend on the loss's scale.",
                ),
                Option(
                    "The update gets 10 times, grad_norm stays",
                    "The other way round: the gradient feels the factor first.",
                ),
            ),
            hints=(
                "How steep is a hill that is 10 times as high?",
                "AdamW divides a gradient by the root of the mean of its squares.",
                "The factor 10 is above the line and below it. What is left of it?",
            ),
            why="The slope gets 10 times as steep. AdamW divides by the usual size of the gradient, and so the factor drops out.",
        ),
        Choice(
            id="05.4",
            ask="All 51 dials of the tiny network step against their gradients at once. Which rate lowers the loss of this batch most?",
            options=(
                Option("0.001", "So small a step keeps its promise to the last digit. It promises little."),
                Option("1", "Here the promise is already too rosy, yet the fall is near the best.", right=True),
                Option(
                    "10: ten times the step is ten times the fall",
                    "The promise holds for small steps. At 10 the loss is higher than before.",
                    belief="The gradient is true everywhere.",
                ),
                Option(
                    "30",
                    "Far over the valley and up the other side.",
                    belief="A larger rate only learns faster.",
                ),
            ),
            hints=(
                "A slope is only true close by.",
                "The loss is 1.15, and norm² is 0.19. Can it fall by 10 times 0.19?",
                "Small steps fall little, huge ones overshoot. Which one is in between?",
            ),
            why="Small steps keep a small promise, huge ones break a large one. In between lies the best, near 1.",
        ),
        Sort(
            id="05.5",
            ask="Put the lines of a training loop into order. The gradients still hold those of the step before.",
            lines=(
                "optimizer.step()",
                "loss.backward()",
                "scores = model(inputs)",
                "optimizer.zero_grad()",
                "loss = cross_entropy(scores, labels)",
            ),
            rules=(
                Before(3, 5, "The loss is computed from scores. There are none yet."),
                Before(5, 2, "There is no loss yet to go back from."),
                Before(
                    4,
                    2,
                    "backward adds to what is there. Without zeroing first, the old gradients stay in.",
                    "backward replaces the gradients.",
                ),
                Before(2, 1, "step follows the gradients. They aren't computed yet, or they were zeroed."),
            ),
            hints=(
                "Throw old advice away, then prediction, mistake, new advice, change.",
                "zero_grad may stand anywhere before backward.",
                "For example 4 3 5 2 1.",
            ),
            why="Old advice away, predict, measure, get new advice, follow it. zero_grad may stand anywhere before backward.",
        ),
        Choice(
            id="05.6",
            ask="In somebody's loop grad_norm climbs with nearly every step: 0.4, 0.6, 0.9, 1.1, 1.4. The loss is smooth and the data are fine. What is missing?",
            options=(
                Option("optimizer.zero_grad()", "Each backward adds to the sum of all before.", right=True),
                Option(
                    "loss.backward()",
                    "Without it there would be no gradient, and no norm to climb.",
                ),
                Option(
                    "optimizer.step()",
                    "Without it no weight would move. The norm would stay about as it is.",
                ),
                Option(
                    "Nothing: the network learns more and more",
                    "grad_norm isn't learning. It is how steep the loss is, and here it is a sum.",
                    belief="grad_norm measures progress.",
                ),
            ),
            hints=(
                "Does backward replace gradients, or does it add to them?",
                "Something grows as a sum does. Which line would set the sum back to 0?",
                "The old gradients were never thrown away: optimizer.zero_grad().",
            ),
            why="backward adds. Without zero_grad the gradients of all batches pile up.",
        ),
        Explain(
            id="05.7",
            ask="A manual says: 'grad_norm: size of the weight updates.' Correct it in a sentence.",
            model="grad_norm is the length of the gradient, so how steep the loss is; how far weights move is decided by the optimizer and its learning rate.",
            points=(
                "It is about the gradient: how steep.",
                "The update is another number.",
                "Optimizer and rate make the one of the other.",
            ),
            hints=(
                "What did the loss times 10 do to each of the two?",
                "Which of the five calls gives grad_norm, and which gives the update?",
                "backward says how steep. update says how far.",
            ),
            why="grad_norm is the length of the gradient. The optimizer makes the update of it. With AdamW it can stay when the norm is ten times as large.",
        ),
    ),
    facilitator=Facilitator(
        teach=12,
        do=23,
        talk=10,
        script=(
            "Hold a page by one corner, push it a little, and ask what moved. One nudge, one change: that is a gradient.",
            "Blame: let the room vote whether other digits notice. Then test it.",
            "Whoever says 'gradients are weight updates' gets the loss times ten as an answer.",
        ),
        expect=(
            (
                "The gradient is the error",
                "The error is one number for the batch. Gradients are one number for each weight.",
            ),
            ("The blamed weights are bad", "They serve other digits well: see who got worse in the test."),
            ("A step of 10 falls 10 times as far", "Section 4: drag the rate until promise and truth part."),
        ),
        cut="Section 5's demonstration; keep the sorting.",
    ),
    words={
        "blame": "How much of one example's loss a weight answers for: its gradient times its value, to first order.",
        "momentum": "A running mean of gradients that an optimizer follows instead of the newest one.",
    },
)
