"""Loss: how little confidence the right answer got; per example, per letter; what can be compared and what can't."""

from __future__ import annotations

import math
from typing import Any

from aitrain_nb.lessons.exercises import Before, Choice, Explain, Fill, Number, Option, Slip, Sort
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab


def _graded() -> Lab:
    """A network that has seen an epoch of digits, and its newest batch with the loss."""
    import aitrain_nb as ai

    trainer = ai.prepare(data="digits", model="small-cnn", learning_rate=0.003, max_steps=135, evaluate_every=0, threads=1)
    while trainer.step < 45:
        list(trainer.phases())
    batch = trainer.tokenize()
    forward = trainer.forward(batch)
    return lab(trainer=trainer, batch=batch, forward=forward, loss=trainer.loss(forward))


def _three_tasks() -> Lab:
    """Three networks that know nothing: digits, messages of six kinds, and the next letter."""
    import aitrain_nb as ai

    trainers = {
        "digits": ai.prepare(data="digits", model="mlp", threads=1),
        "messages": ai.prepare(data="tickets", model="small-encoder", batch_size=8, threads=1),
        "letters": ai.prepare(data="tickets", task="text-generation", model="small-gpt", batch_size=4, threads=1),
    }
    losses = {name: one.loss(one.forward(one.tokenize())) for name, one in trainers.items()}
    return lab(trainers=trainers, **losses)


def _is_cross_entropy(answer: Any) -> str | None:
    """What is wrong with a learner's `loss_of(scores, right)`."""
    import torch

    if not callable(answer):
        return "This is not a function. Fill in the line inside `loss_of`, run its cell, and check again."
    scores, right = torch.tensor([2.0, 0.5, -1.0]), 1
    got = answer(scores, right)
    if got is ...:
        return ""
    if not isinstance(got, (int, float, torch.Tensor)):
        return "Your line gives no number."
    if isinstance(got, torch.Tensor) and got.numel() != 1:
        return "That is a number for each class. Choose the one of the right class with [right]."
    p = scores.softmax(-1)
    known = {
        float(p[right]): "That is the probability of the right answer. The loss is minus its logarithm.",
        float(p[right].log()): "The sign is missing. A logarithm of a probability is below 0, a loss above.",
        float(-p.max().log()): "You took the answer that it likes most. The loss asks about the right one.",
        float(1 - p[right]): "That is how much was missing. The loss is a logarithm: it has no upper end.",
        float(-scores[right]): "Those are raw scores. Softmax makes probabilities of them first.",
        float(-(p[right].log2())): "That is the loss in bits. We count in nats: use the natural logarithm.",
    }
    for value, says in known.items():
        if abs(float(got) - value) < 1e-5:
            return says
    return (
        None
        if abs(float(got) + math.log(float(p[right]))) < 1e-5
        else f"It gives {float(got):.4f} where {-math.log(float(p[right])):.4f} is right."
    )


LESSON = Lesson(
    number="04",
    name="loss",
    title="Loss: how confident were you in the wrong answer?",
    minutes=35,
    able=(
        "turned a probability into a loss, and back,",
        "found out which few examples make most of a loss,",
        "made the loss ten times worse without changing one answer,",
        "written cross-entropy in one line, and seen it agree with PyTorch,",
        "read the loss of a language model letter by letter.",
    ),
    kills=(
        "The loss is the share of wrong answers.",
        "Losses of different tasks can be compared.",
        "For text, the model's sentence is compared with ours.",
    ),
    sections=(
        Section("04.1", "One answer, one number"),
        Section("04.2", "Who pays for the loss?", _graded),
        Section("04.3", "Loss is not the share of wrong answers"),
        Section("04.4", "Cross-entropy in one line", _graded),
        Section("04.5", "Text: a loss at every letter"),
        Section("04.6", "What can be compared, and what can't", _three_tasks),
    ),
    exercises=(
        Number(
            id="04.1",
            ask="Two networks misread the same digit. The first gave the right answer 40 %, the second 1 %. How many times as large is the second loss?",
            right=5.03,
            within=0.12,
            slips=(
                Slip(
                    1,
                    "Both are wrong, and that is all accuracy sees. The loss asks how little the truth got.",
                    "The loss is the share of wrong answers.",
                ),
                Slip(
                    40,
                    "The truth got 40 times less. The loss is its logarithm, which grows more slowly.",
                    "The loss is 1 divided by the probability.",
                ),
                Slip(
                    1.65,
                    "99 % sure is 1.65 times 60 % sure. The loss looks at the right answer: 40 % and 1 %.",
                    "The loss measures confidence in the answer given.",
                ),
            ),
            low="More than that. Small probabilities of the truth are punished hard.",
            high="Less than that. It is a logarithm.",
            unit="times",
            hints=(
                "The loss is -ln of what the right answer got.",
                "-ln 0.40 is 0.92.",
                "-ln 0.01 is 4.61. Divide.",
            ),
            why="-ln 0.40 = 0.92 and -ln 0.01 = 4.61: five times. Both are one wrong answer.",
        ),
        Sort(
            id="04.2",
            ask="The digit is a 7. Five networks answer. Put them in order, the smallest loss first.",
            lines=(
                "gives each of the ten digits 10 %",
                "says 7, with 99 %",
                "says 1, with 60 %, and gives the 7 35 %",
                "says 1, with 99 %, and leaves the 7 about 1 %",
                "says 7, with 55 %",
            ),
            rules=(
                Before(2, 5, "Both are right, but one is surer. Surer and right is a smaller loss."),
                Before(5, 3, "55 % for the truth beats 35 %."),
                Before(
                    3,
                    1,
                    "Wrong, yes, but the 7 got 35 %. The undecided one gave it 10 %.",
                    "A wrong answer always costs more than no answer.",
                ),
                Before(1, 4, "To know nothing costs 2.3. To be sure and wrong costs 4.6.", "Confidence is good in itself."),
            ),
            hints=(
                "Look only at what the 7 got.",
                "The 7 got 10 %, 99 %, 35 %, 1 % and 55 %.",
                "From much to little: 99, 55, 35, 10, 1.",
            ),
            why="Only what the 7 got counts: 99, 55, 35, 10, 1 %. The losses are 0.01, 0.60, 1.05, 2.30 and 4.61.",
        ),
        Choice(
            id="04.3",
            ask="We multiply all scores of a trained network by 10. It then says the same, but is much surer. What happens on new digits?",
            options=(
                Option(
                    "Nothing: the answers are the same",
                    "The answers are, and so is accuracy. The loss also sees how sure it is where it is wrong.",
                    belief="The loss is the share of wrong answers.",
                ),
                Option(
                    "Accuracy stays, the loss rises",
                    "Its mistakes became confident mistakes, and those are costly.",
                    right=True,
                ),
                Option(
                    "Accuracy stays, the loss falls",
                    "It gains a little where it is right. Where it is wrong it loses a lot.",
                    belief="Surer is better.",
                ),
                Option(
                    "Both get worse",
                    "The highest score stays the highest, so no answer changes.",
                    belief="Scores times ten are other answers.",
                ),
            ),
            hints=(
                "Which score is the highest after all are multiplied by 10?",
                "Some answers are wrong. What becomes of their confidence?",
                "Accuracy can't change. Sure and wrong is costly.",
            ),
            why="The order of the scores stays, so accuracy does. Confident mistakes cost the most, so the loss rises.",
        ),
        Fill(
            id="04.4",
            ask="Write the line that turns the scores into the loss.",
            test=_is_cross_entropy,
            right=lambda scores, right: -scores.softmax(-1)[right].log(),
            wrong=(
                (lambda scores, right: scores.softmax(-1)[right], "minus its logarithm"),
                (lambda scores, right: scores.softmax(-1)[right].log(), "sign is missing"),
                (lambda scores, right: -scores.softmax(-1).max().log(), "likes most"),
                (lambda scores, right: 1 - scores.softmax(-1)[right], "no upper end"),
                (lambda scores, right: -scores[right], "raw scores"),
                (lambda scores, right: -scores.softmax(-1)[right].log2(), "bits"),
                (lambda scores, right: -scores.softmax(-1).log(), "each class"),
            ),
            hints=(
                "Three things: softmax, choose the right class, minus logarithm.",
                "scores.softmax(-1) gives probabilities; [right] chooses one.",
                "-scores.softmax(-1)[right].log()",
            ),
            why="Probabilities, of those the right one, of that minus the logarithm: -scores.softmax(-1)[right].log().",
        ),
        Number(
            id="04.5",
            ask="A model of 85 letters and signs knows nothing yet. Its perplexity is e to the power of its loss. What will it be, about?",
            right=85,
            within=0.15,
            slips=(
                Slip(
                    4.44,
                    "That is its loss in nats: ln 85. Perplexity undoes the logarithm.",
                    "Perplexity is another word for loss.",
                ),
                Slip(1, "1 would be never surprised: a loss of 0."),
                Slip(2.3, "That was the loss for ten digits. Here are 85 letters.", "A loss starts at 2.3."),
                Slip(10, "Ten was for ten digits. Here are 85 letters."),
            ),
            low="It knows nothing, so all letters look alike to it. How many are there?",
            high="It can't waver among more letters than there are.",
            hints=(
                "It spreads its belief evenly.",
                "Its loss is ln 85. What is e to the power of that?",
                "e and ln undo each other.",
            ),
            why="It wavers among all 85: the loss is ln 85 = 4.44, and e to the power of 4.44 is 85.",
        ),
        Choice(
            id="04.6",
            ask="Take a model of whole words. The text goes on with 'parcel'. The model gives 'package' 90 %, which means the same, and 'parcel' 1 %. How large is the loss?",
            options=(
                Option(
                    "Small: 'package' means the same",
                    "The loss can't read. It looks up one probability: that of 'parcel'.",
                    belief="The meaning of two texts is compared.",
                ),
                Option(
                    "Large: only what 'parcel' got counts",
                    "It is -ln 0.01 = 4.61, whatever else was likely.",
                    right=True,
                ),
                Option(
                    "In between: the letters that differ count",
                    "No text is written, so there is nothing to compare. There are only probabilities.",
                    belief="The model's text is compared with ours.",
                ),
            ),
            hints=(
                "What does -ln p need to know?",
                "Is a text written while the loss is computed?",
                "One probability is looked up. Whose?",
            ),
            why="The loss of a position is -ln of what the expected token got. Good synonyms are punished, too.",
        ),
        Choice(
            id="04.7",
            ask="A sorts yes from no and has a loss of 0.68. B guesses the next of 85 letters and has 2.3. Which one has learned more?",
            options=(
                Option(
                    "A: its loss is smaller",
                    "A coin has ln 2 = 0.69 on yes and no. A is hardly better than a coin.",
                    belief="Losses of different tasks can be compared.",
                ),
                Option(
                    "B: it began at 4.44",
                    "From 85 equal letters to 10 of them. A went from a coin to a coin.",
                    right=True,
                ),
                Option(
                    "Both alike: each is below its start",
                    "Below, yes: A by 0.01, B by more than 2 nats.",
                ),
            ),
            hints=(
                "What loss has somebody who knows nothing, in each task?",
                "ln 2 = 0.69 and ln 85 = 4.44.",
                "How far has each come from there?",
            ),
            why="Compare each with its own 'knows nothing': ln 2 = 0.69 for A, ln 85 = 4.44 for B.",
        ),
        Explain(
            id="04.8",
            ask="After one more round through the data, accuracy has stayed at 90 % and the loss has risen. How can that be?",
            model="The same answers are wrong, but it is surer of them now. The loss punishes confident mistakes, and accuracy only counts them.",
            points=(
                "Accuracy counts answers.",
                "The loss sees how much the truth got.",
                "Some mistakes became more confident.",
            ),
            hints=(
                "Which of the two sees confidence?",
                "What if its mistakes became surer?",
                "Remember the scores times ten.",
            ),
            why="Accuracy only counts. The loss also sees how little the truth got where it is wrong.",
        ),
    ),
    facilitator=Facilitator(
        teach=10,
        do=18,
        talk=7,
        script=(
            "Ask the room: wrong with 60 %, wrong with 99 %. Is one of them worse? By how much? Write the guesses down.",
            "Let somebody drag the probability to 0.001 and read the loss aloud. What would it be at 0?",
            "The ledger: who can guess which digits are at the far left, before you look at them?",
        ),
        expect=(
            ("The loss is the share of wrong answers", "Section 3: the same answers, and at 20 ten times the loss."),
            ("A loss of 0.6 is good", "On what task? Ask for ln of the number of classes first."),
            ("The model's text is compared", "Section 5: change every other probability, and the loss stays."),
        ),
        cut="Leave out section 3's slider and section 6; keep the sorting of section 1.",
    ),
    words={
        "surprise": "Minus the logarithm of the probability that something had been given before it happened.",
        "confidence": "The probability that a network gives to its own answer.",
    },
)
