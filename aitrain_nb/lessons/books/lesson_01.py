"""One step in slow motion: four calls look, one changes; an iteration and an epoch."""

from __future__ import annotations

from aitrain_nb.lessons.exercises import Before, Choice, Explain, Fill, Number, Option, Slip, Sort
from aitrain_nb.lessons.experiments.tiny_digits import ink, tiny_trainer
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab, pace


def _seen() -> Lab:
    """The tiny network before its first step, and the digits that it learns."""
    known = ink()
    return lab(pictures=known.pictures, titles=known.titles, trainer=tiny_trainer())


def _fresh() -> Lab:
    return lab(trainer=tiny_trainer())


def _graded() -> Lab:
    """A step up to its gradients."""
    trainer = tiny_trainer()
    gradients = trainer.backward(trainer.loss(trainer.forward(trainer.tokenize())))
    return lab(trainer=trainer, gradients=gradients)


def _watched() -> Lab:
    """The tiny network, to be trained so slowly that one can watch, and all ten digits."""
    import aitrain_nb as ai

    full = ai.prepare(data="digits", model="mlp", batch_size=32)
    return lab(trainer=tiny_trainer(), full=full, pace=pace(60))


def _by_hand() -> Lab:
    """A network that goes by `fit` and its twin that goes by hand, with plain SGD."""
    ours = tiny_trainer(optimizer="sgd", learning_rate=0.1, momentum=0.0, max_grad_norm=0.0)
    return lab(trainer=ours, twin=tiny_trainer().model, rate=0.1)


def _is_descent(answer: object) -> str | None:
    """What is wrong with a learner's `moved(weight, gradient, rate)`."""
    if not callable(answer):
        return "This is not a function. Fill in the line inside `moved`, run its cell, and check again."
    got = answer(2.0, 3.0, 0.1)
    if got is ...:
        return ""
    if not isinstance(got, (int, float)):
        return "Your line gives no number. It should give the new weight."
    known = {
        2.3: "That climbs: it goes with the gradient, and the loss rises. Turn the sign around.",
        -0.3: "That is only the change. The weight is where it stood, plus the change.",
        -1.0: "That subtracts the whole gradient. The rate says which part of it.",
        0.2: "That shrinks the weight and never looks at the gradient.",
    }
    for value, says in known.items():
        if abs(got - value) < 1e-9:
            return says
    return None if abs(got - 1.7) < 1e-9 else f"From 2.0, with gradient 3.0 and rate 0.1, yours goes to {got:g}."


LESSON = Lesson(
    number="01",
    name="one_step_in_slow_motion",
    title="One step in slow motion",
    minutes=30,
    able=(
        "put the five phases of a training step into their order,",
        "seen every dial of a network, before a step and after it,",
        "proved which call changes the weights, and which four don't,",
        "told an *iteration* from an *epoch*,",
        "written the step that changes a weight yourself, in one line.",
    ),
    kills=(
        "Using a network trains it.",
        "In training the weights jump to the answer.",
        "A network stores the examples that it learned from.",
    ),
    sections=(
        Section("01.1", "Initialise: 51 dials, all of them visible", _seen),
        Section("01.2", "Five calls, one step", _fresh),
        Section("01.3", "Which of the five changes a dial?", _fresh),
        Section("01.4", "The dials turn by a hair", _graded),
        Section("01.5", "Repeat: iterations and epochs", _watched),
        Section("01.6", "Make it yourself, and take it back", _by_hand),
    ),
    exercises=(
        Number(
            id="01.1",
            ask="2 numbers go in, 8 hidden units, 3 scores come out. Each unit and each score has a dial for every number that it takes, and one of its own. How many dials?",
            right=51,
            slips=(
                Slip(
                    40,
                    "Those are the dials of the connections: 2 x 8 + 8 x 3. Each unit and each score has one of its own, too.",
                    "A layer is only its connections.",
                ),
                Slip(
                    48,
                    "Don't multiply all three. Count layer by layer: 2 x 8, then 8 x 3, then one more for each unit and score.",
                    "2 x 8 x 3.",
                ),
                Slip(
                    13,
                    "Those are the inputs, units and scores. The dials sit between them, one for each pair.",
                    "A dial is a unit.",
                ),
                Slip(11, "Those are the own dials of 8 units and 3 scores. Each connection has a dial, too."),
            ),
            low="Count again: each unit has a dial for each of its inputs, and one of its own.",
            high="Too many. Each unit has a dial for each of its inputs, and one of its own.",
            unit="dials",
            hints=(
                "Begin with one hidden unit. How many numbers come into it?",
                "One hidden unit has 2 + 1 dials. One score has 8 + 1.",
                "8 x (2 + 1) + 3 x (8 + 1).",
            ),
            why="8 units with 2 + 1 dials each, 3 scores with 8 + 1 each: 24 + 27 = 51.",
        ),
        Sort(
            id="01.2",
            ask="Put the five calls of one training step into their order.",
            lines=(
                "update: turn every dial a little",
                "loss: how wrong was that?",
                "tokenize: take a batch, make it numbers",
                "backward: which way should each dial turn?",
                "forward: send the numbers through the network",
            ),
            rules=(
                Before(3, 5, "The network takes numbers only. Something must make them first."),
                Before(5, 2, "How wrong was what? There is no prediction yet.", "The loss is known before the prediction."),
                Before(2, 4, "backward goes back from a loss. There is none yet.", "Gradients need no loss."),
                Before(4, 1, "Nobody has said yet which way to turn the dials.", "The update comes first, then one looks."),
            ),
            hints=(
                "What does each call need from another one?",
                "Numbers, prediction, mistake, advice, change.",
                "First 3, then 5, and 1 is the last.",
            ),
            why="Each call needs what the one before it gave: numbers, a prediction, its mistake, advice, a change.",
        ),
        Choice(
            id="01.3",
            ask="After each of the five calls we compare all weights with the first ones. Which call changes them?",
            options=(
                Option(
                    "forward: a network learns while it looks",
                    "Looking leaves no trace. You can send a million digits through it, and it stays what it is.",
                    belief="Using a network trains it.",
                ),
                Option(
                    "backward: that is where the learning happens",
                    "backward writes a note for each dial. It turns none.",
                    belief="A gradient is a change.",
                ),
                Option("update, and no other", "Four calls look. One changes.", right=True),
                Option(
                    "Each of them, a little",
                    "The fingerprints say otherwise: they are equal to the last bit.",
                    belief="Using a network trains it.",
                ),
            ),
            hints=(
                "To compute something from the dials is not to turn them.",
                "A gradient is advice. Who follows it?",
                "It is the last one of the five.",
            ),
            why="update alone turns dials. The other four read them.",
        ),
        Choice(
            id="01.4",
            ask="The dials stand between -1 and 1. How far will the first update turn each of them?",
            options=(
                Option(
                    "To where it must stand at the end",
                    "Nobody knows that place. A step only knows which way is downhill from here.",
                    belief="Weights jump to the answer.",
                ),
                Option(
                    "By about 0.01, so that you hardly see it",
                    "The learning rate is 0.01, and AdamW, the optimizer here, begins with turns of just that size.",
                    right=True,
                ),
                Option(
                    "By its gradient",
                    "The gradient says which way. How far is the optimizer's choice.",
                    belief="The update is the gradient.",
                ),
            ),
            hints=(
                "Does one batch of 32 digits know the answer?",
                "The learning rate says how far the dials may turn. Here it is 0.01.",
                "About as far as the learning rate, 0.01.",
            ),
            why="The rate is 0.01. AdamW's first step moves every dial by just that, up or down.",
        ),
        Number(
            id="01.5",
            ask="A data set has 1,400 training digits. A batch is 32 of them. How many steps are one epoch?",
            right=44,
            slips=(
                Slip(
                    43.75,
                    "Nearly: there is no three quarters of a step. The last batch is smaller, and it counts as a step.",
                ),
                Slip(43, "43 steps use 1,376 digits. The other 24 make one more step.", "What is left over is dropped."),
                Slip(1400, "That would be one digit a step. A step takes a batch.", "One example, one step."),
                Slip(32, "Those are the digits in a batch.", "Batch size and number of steps are one thing."),
                Slip(44800, "You multiplied. How many groups of 32 are in 1,400?"),
            ),
            low="An epoch uses every digit once. So few steps leave some out.",
            high="An epoch uses every digit once. That takes fewer steps.",
            unit="steps",
            hints=(
                "How many groups of 32 can you make of 1,400?",
                "1,400 / 32 is 43.75. What becomes of the rest?",
                "43 full batches and one of 24.",
            ),
            why="43 batches of 32 are 1,376 digits. The other 24 are the 44th batch: the last one is smaller.",
        ),
        Choice(
            id="01.6",
            ask="Your network has seen each of its 433 digits 71 times. Where are they now?",
            options=(
                Option(
                    "Inside it: that is how it knows them",
                    "It had 51 numbers before, and has 51 now. 433 digits of 2 numbers each are 866: no room for them.",
                    belief="A network stores the examples.",
                ),
                Option(
                    "Not in it. It has 51 numbers, as before",
                    "They pushed the dials a little, each in turn. That is all that is left.",
                    right=True,
                ),
                Option(
                    "In the optimizer, until training ends",
                    "That holds two numbers for each dial, and no digit.",
                    belief="A network stores the examples.",
                ),
            ),
            hints=(
                "How many numbers does the network have now?",
                "Still 51. How many are 433 digits, at 2 numbers each?",
                "866 numbers don't fit into 51.",
            ),
            why="Training leaves only where the dials stand. A large network can still repeat what it saw often: lesson 08.",
        ),
        Fill(
            id="01.7",
            ask="Write the one line that turns a dial.",
            test=_is_descent,
            right=lambda weight, gradient, rate: weight - rate * gradient,
            wrong=(
                (lambda weight, gradient, rate: weight + rate * gradient, "That climbs"),
                (lambda weight, gradient, rate: -rate * gradient, "only the change"),
                (lambda weight, gradient, rate: weight - gradient, "whole gradient"),
                (lambda weight, gradient, rate: weight * rate, "never looks at the gradient"),
                (lambda weight, gradient, rate: None, "gives no number"),
                (1.7, "not a function"),
            ),
            hints=(
                "The gradient says which way the loss rises. You want the other way.",
                "The rate makes the step small: rate * gradient.",
                "weight - rate * gradient",
            ),
            why="Against the gradient, by a small part of it: weight - rate * gradient.",
        ),
        Explain(
            id="01.8",
            ask="A friend says: 'I used the model all day, so it has learned from me.' What do you answer?",
            model="Using is only forward, and that changes no weight. It would need a loss, backward and an update to learn.",
            points=(
                "Using is forward alone.",
                "Forward leaves every weight as it was.",
                "Only an update changes weights.",
            ),
            hints=(
                "Which of the five calls did your friend make?",
                "What did the fingerprint say after that call?",
                "Forward alone. The fingerprint stayed the same.",
            ),
            why="Using a network is forward, and the fingerprint of the weights stays the same. Learning is what update does.",
        ),
    ),
    facilitator=Facilitator(
        teach=8,
        do=16,
        talk=6,
        script=(
            "Five people stand up, one a phase. Let the room put them into order before anybody runs a cell.",
            "Before the update, ask: who thinks that we will see the dials move? Then look together.",
            "End with the fill: one line is all that changes anything. Say it aloud: weight minus rate times gradient.",
        ),
        expect=(
            ("forward trains", "Let them run forward a hundred times and compare the fingerprint."),
            ("43.75 steps", "Ask what the last batch looks like. Nobody throws digits away."),
            ("The network has memorised the digits", "Count: 433 digits of 2 numbers are 866, and there are 51 dials."),
        ),
        cut="Leave out the plain PyTorch loop at the end of section 6.",
    ),
    words={
        "fingerprint": "A short code of all weights; it differs as soon as a single bit does.",
        "bias": "A dial of a unit's own, which is added to what comes in.",
        "hidden unit": "One of the numbers that a network computes between its input and its scores.",
    },
)
