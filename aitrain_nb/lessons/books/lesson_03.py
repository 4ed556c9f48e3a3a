"""Forward: a batch flows through the layers, becomes scores and then probabilities, and changes no weight."""

from __future__ import annotations

from typing import Any

from aitrain_nb.lessons.exercises import Choice, Explain, Fill, Number, Option, Slip
from aitrain_nb.lessons.experiments.digit_cnn import cnn
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab


def _first() -> Lab:
    return lab(trainer=cnn("random", batch_size=32))


def _learned() -> Lab:
    """A network that reads digits, and a batch of them."""
    trainer = cnn("trained", batch_size=32)
    batch = trainer.tokenize()
    return lab(trainer=trainer, batch=batch, forward=trainer.forward(batch))


def _four() -> Lab:
    """Four kinds of network, each before its first step."""
    import aitrain_nb as ai

    text = {"data": "tickets", "batch_size": 4, "threads": 1}
    return lab(
        networks={
            "mlp": ai.prepare(data="digits", model="mlp", threads=1),
            "convolutions": cnn("random", batch_size=32),
            "encoder": ai.prepare(model="small-encoder", **text),
            "decoder": ai.prepare(model="small-gpt", task="text-generation", **text),
        }
    )


def _is_softmax(answer: Any) -> str | None:
    """What is wrong with a learner's `probabilities_of(scores)`."""
    import torch

    if not callable(answer):
        return "This is no function. Fill the line inside probabilities_of and run its cell again."
    scores = torch.tensor([2.0, 0.0, -1.0])
    got = answer(scores)
    if got is ...:
        return ""
    if not isinstance(got, torch.Tensor) or got.shape != scores.shape:
        return "It should give one number for each score."
    known = (
        (scores.exp(), "They are positive, but they don't add up to 1. Divide by their sum."),
        (scores / scores.sum(), "A score may be below 0, and a probability may not. Make all of them positive first."),
        (
            scores.abs() / scores.abs().sum(),
            "That makes -1 as likely as 1. A lower score must be less likely: use exp.",
        ),
        (scores.exp() / scores.exp().max(), "Divide by the sum, not by the largest: together they are 1."),
    )
    for value, says in known:
        if torch.allclose(got, value, atol=1e-5):
            return says
    return (
        None
        if torch.allclose(got, scores.softmax(-1), atol=1e-5)
        else f"For 2, 0 and -1 it gives {[round(one, 3) for one in got.tolist()]}."
    )


LESSON = Lesson(
    number="03",
    name="forward",
    title="Forward: watch a batch flow",
    minutes=40,
    able=(
        "followed a digit through every layer, with random and with trained weights,",
        "written softmax, and seen why a score is no probability,",
        "measured how much of the picture an early and a later layer sees, and what their units answer to,",
        "switched parts of a network off,",
        "seen four kinds of network go through the same five calls.",
    ),
    kills=(
        "Logits are probabilities.",
        "A network that is 99 % sure is right 99 times of 100, whatever it is shown.",
        "The forward pass changes weights.",
    ),
    sections=(
        Section("03.1", "A digit on its way", _first),
        Section("03.2", "Scores become probabilities", _learned),
        Section("03.3", "Early layers see little, later ones more"),
        Section("03.4", "Switch a part off", _learned),
        Section("03.5", "Four networks, one loop", _four),
    ),
    exercises=(
        Number(
            id="03.1",
            ask="A layer gives 32 pictures of 8 x 8 for one digit. Pooling keeps the largest of each 2 x 2 square. How many numbers are left?",
            right=512,
            slips=(
                Slip(2048, "So many were there before: 32 x 8 x 8. Of each four one is left."),
                Slip(
                    1024,
                    "Each side is halved, so three of four numbers go, not one of two.",
                    "Half the side is half the numbers.",
                ),
                Slip(16, "That is one of the 32 pictures: 4 x 4."),
                Slip(128, "Pooling leaves the number of pictures as it is. Only their sides are halved."),
            ),
            low="There are still 32 pictures.",
            high="Of each square of four numbers only one is left.",
            unit="numbers",
            hints=("What is the size of one picture afterwards?", "Each is 4 x 4.", "32 x 4 x 4."),
            why="32 pictures of 4 x 4: 512 numbers.",
        ),
        Fill(
            id="03.2",
            ask="Write the line that makes probabilities of scores: all positive, together 1.",
            test=_is_softmax,
            right=lambda scores: scores.exp() / scores.exp().sum(),
            wrong=(
                (lambda scores: scores.exp(), "don't add up to 1"),
                (lambda scores: scores / scores.sum(), "below 0"),
                (lambda scores: scores.abs() / scores.abs().sum(), "less likely"),
                (lambda scores: scores.exp() / scores.exp().max(), "by the sum"),
                (lambda scores: scores.sum(), "one number for each score"),
            ),
            hints=(
                "Which function makes any number positive, and a larger one larger?",
                "scores.exp() is positive. What makes them add up to 1?",
                "scores.exp() / scores.exp().sum()",
            ),
            why="exp makes all positive and keeps their order, dividing by the sum makes them add up to 1.",
        ),
        Number(
            id="03.3",
            ask="A unit of conv1 looks at 3 x 3 pixels. A unit of conv2 looks at 3 x 3 neighbours among the units of conv1. How many pixels can change it?",
            right=25,
            slips=(
                Slip(9, "It looks at 9 units, and each of those sees more than one pixel.", "Every layer sees the same."),
                Slip(81, "9 units of 9 pixels each, but they overlap. Count the whole patch."),
                Slip(18, "The patches aren't laid side by side. Draw them: how wide is the whole?"),
                Slip(64, "That is the whole picture. Two layers don't reach that far."),
                Slip(36, "6 x 6? The neighbours lie one pixel apart, so the patch grows by one on each side."),
            ),
            low="Each of the 3 x 3 units looks beyond its own place.",
            high="Their patches overlap. How wide is the whole?",
            unit="pixels",
            hints=(
                "Draw three patches of width 3, each one pixel further.",
                "They cover a width of 5.",
                "5 x 5.",
            ),
            why="Three neighbours of width 3 cover a width of 5: 5 x 5 pixels.",
        ),
        Choice(
            id="03.4",
            ask="We let the first layer give zeros, look at the answers, and let it go again. What is different afterwards?",
            options=(
                Option(
                    "The network has lost what that layer knew",
                    "Only this one pass gave zeros. The weights were never touched.",
                    belief="Forward changes weights.",
                ),
                Option(
                    "Nothing: the weights are the same to the last bit",
                    "Forward reads weights. It writes none.",
                    right=True,
                ),
                Option(
                    "It has learned to do without",
                    "Nothing is learned without an update.",
                    belief="Using a network trains it.",
                ),
            ),
            hints=(
                "Which of the five calls changes weights?",
                "Was there an update?",
                "Only `update` changes weights, and it was not called.",
            ),
            why="What flows through was changed, for one pass. The weights stayed as they were.",
        ),
        Choice(
            id="03.5",
            ask="Before the first step, the numbers spread by 0.4 after layer 1, by 4 after layer 2, by 40 after layer 3, by 400 after layer 4. What is wrong?",
            options=(
                Option(
                    "The first weights are too large",
                    "Each layer multiplies by 10. Smaller first weights keep the spread near 1.",
                    right=True,
                ),
                Option(
                    "Nothing: later layers are more important",
                    "With 20 layers it would be a 4 with 18 zeros. Scores like that are wildly sure.",
                    belief="Large activations are strong knowledge.",
                ),
                Option(
                    "The learning rate is too high",
                    "There was no step yet. Nothing was learned, fast or slow.",
                    belief="Whatever is too large comes from the rate.",
                ),
                Option("The batch is too large", "The spread of one digit's numbers doesn't ask how many others there are."),
            ),
            hints=(
                "What is multiplied by what in each layer?",
                "There was no step yet. Who chose the weights?",
                "Ten times a layer: what if the weights were ten times smaller?",
            ),
            why="A layer multiplies by its weights. If they are ten times too large, each layer makes its numbers ten times as large.",
        ),
        Explain(
            id="03.6",
            ask="The network is 90 % sure of a picture that is only noise. Explain to a friend how that can be.",
            model="Softmax shares 100 % among the digits it knows, whatever comes in. There is no place for 'none of these', so some digit gets a lot.",
            points=(
                "Softmax always gives 100 % in all.",
                "There is no answer 'none of these'.",
                "So a probability isn't knowledge of the picture.",
            ),
            hints=(
                "What do its ten probabilities add up to?",
                "Which answer could it give if it is no digit?",
                "It must share 100 % among ten digits.",
            ),
            why="Softmax shares 100 % among the known answers. 'None of these' is not among them.",
        ),
    ),
    facilitator=Facilitator(
        teach=10,
        do=22,
        talk=8,
        script=(
            "Let one person drag the layer, another one guess the digit from the picture alone. How far does it go?",
            "Noise: everybody writes down how sure the network will be, then run the cell.",
            "Four networks, one loop: ask what differs, and what doesn't.",
        ),
        expect=(
            ("Scores are probabilities", "Show a score below 0. Can something be -3 likely?"),
            ("It is 99 % sure, so it is right", "Section 2: noise."),
            ("It learns while it looks", "Section 4: the fingerprint."),
        ),
        cut="Section 5; the model map of lesson 13 comes back to it.",
    ),
    words={
        "channel": "One of the pictures that a convolution makes of what it is given.",
        "convolution": "A layer that slides small filters over a picture, and gives a picture for each.",
        "pooling": "Keeping one number of each small square, such as the largest.",
    },
)
