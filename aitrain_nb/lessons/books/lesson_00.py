"""Start here: a network learns digits, and nothing about it is magic."""

from __future__ import annotations

from aitrain_nb.lessons.exercises import Choice, Explain, Number, Option, Slip
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab, pace

RECIPE = {"data": "digits", "model": "small-cnn", "learning_rate": 0.006, "epochs": 2, "seed": 0}
"""What all sections train."""


def _recipe() -> Lab:
    import aitrain_nb as ai

    return lab(recipe=dict(RECIPE), trainer=ai.prepare(**RECIPE))


def _watched() -> Lab:
    """The recipe, to be trained so slowly that one can watch."""
    made = _recipe()
    made.pace = pace(5)
    return made


def _trained() -> Lab:
    """The recipe, trained as fast as it goes."""
    made = _recipe()
    made.trainer.fit(display="none")
    return made


_FALLS, _FLAT = (
    (2.3, 1.7, 1.1, 0.7, 0.45, 0.3, 0.22, 0.16, 0.13, 0.1),
    (2.3, 2.31, 2.3, 2.29, 2.3, 2.3, 2.29, 2.3, 2.29, 2.29),
)
_JUMPS = (2.3, 9.0, 5.0, 3.2, 2.6, 2.4, 2.3, 2.32, 2.3, 2.31)

LESSON = Lesson(
    number="00",
    name="start_here",
    title="Start here: watch a network learn",
    minutes=10,
    able=(
        "seen handwritten digits as a network sees them,",
        "said what the *loss* of a network that knows nothing is, and why,",
        "trained a real network with your own hand on its levers,",
        "trained the same network by form, by code and by command line.",
    ),
    kills=("The loss starts at 0, or at 1.", "The Train button is magic."),
    sections=(
        Section("00.1", "Real data", _recipe),
        Section("00.2", "How wrong is a network that knows nothing?", _recipe),
        Section("00.3", "Train", _watched),
        Section("00.4", "Change one thing: the learning rate", _recipe),
        Section("00.5", "A form, a line of code, a command: the same run", _recipe),
        Section("00.6", "Look at its mistakes", _trained),
    ),
    exercises=(
        Choice(
            id="00.1",
            ask="This network has learned nothing yet. What will its loss be, on ten digits?",
            options=(
                Option("0", "0 would be perfect: certain, and right. It has learned nothing.", belief="A loss starts at 0."),
                Option(
                    "1",
                    "The loss isn't the share of wrong answers. It can be larger than 1.",
                    belief="The loss is the share of wrong answers.",
                ),
                Option("2.3", "It is as surprised as somebody who throws a die with ten sides: ln 10 = 2.30.", right=True),
                Option(
                    "10",
                    "10 would be confidently wrong. This network isn't confident of anything.",
                    belief="Ten classes make a loss of 10.",
                ),
            ),
            hints=(
                "It spreads its belief evenly over the ten digits.",
                "Each digit gets a probability of about 1/10. The loss is -ln of what the truth got.",
                "-ln(1/10) = ln 10. Which of the four is that?",
            ),
            why="Ten digits, each with probability 1/10: -ln(1/10) = ln 10 = 2.30.",
        ),
        Number(
            id="00.2",
            ask="An epoch is 45 steps, and the run was 2 epochs. Your own step was the first of them. How often were the five calls made in all?",
            right=90,
            slips=(
                Slip(45, "That is one epoch. The run has two.", "A run is one epoch."),
                Slip(2, "Those are epochs. Each of them has 45 steps."),
                Slip(89, "The one you made yourself counts, too: it changed the same weights."),
                Slip(91, "Your own step was the first of the 90. `fit` went on with the second."),
                Slip(2874, "Those are the digits it saw. It takes 32 of them in one step.", "One example, one step."),
            ),
            low="Too few. Each of the 2 epochs has 45 steps.",
            high="Too many. There were 2 epochs, of 45 steps each.",
            unit="steps",
            hints=("Once through the five calls is one step.", "2 epochs, 45 steps in each.", "2 x 45."),
            why="2 epochs of 45 steps are 90 steps, yours among them. `fit` is no magic: it makes the five calls that you made.",
        ),
        Choice(
            id="00.3",
            ask="Section 3 began with a rate of 0.006. Which curve will 0.6 give, a rate 100 times as large?",
            options=(
                Option(
                    "It falls a hundred times as fast",
                    "The steps are a hundred times as long. They overshoot.",
                    curve=_FALLS,
                    belief="A larger rate only learns faster.",
                ),
                Option("It stays flat from the start", "That is what a rate that is much too small does.", curve=_FLAT),
                Option(
                    "It shoots up, then stays near 2.3",
                    "The first steps throw the weights far away. It ends as a die again.",
                    right=True,
                    curve=_JUMPS,
                ),
            ),
            hints=(
                "Think of a pencil that moves a hundred times as far as you meant.",
                "A good place lies close by. What does a huge step do?",
                "It jumps over every good place, and the loss first rises.",
            ),
            why="Steps that are too long jump past every good place. The loss rises first, then the network is as unsure as a die.",
        ),
        Choice(
            id="00.4",
            ask="Three ways to the same run: the form, a line of code, a command. Will their final losses be equal?",
            options=(
                Option(
                    "Yes, all three, to the last decimal",
                    "The same data, the same seed, the same five calls.",
                    right=True,
                ),
                Option(
                    "Nearly: each run is a little different",
                    "Chance decides a lot, but the seed decides the chance.",
                    belief="Training can't be repeated.",
                ),
                Option(
                    "No: the form does more than the code",
                    "The form only writes the line of code for you.",
                    belief="The button is magic.",
                ),
            ),
            hints=(
                "What does the seed decide?",
                "What does the form make of what you choose?",
                "It makes a config, as the line of code does. One config, one seed: how many different runs?",
            ),
            why="The form writes a config, and so do code and command line. One config and one seed are one run.",
        ),
        Explain(
            id="00.5",
            ask="Explain to a friend: why does the curve start near 2.3?",
            model="It knows nothing, so it gives each of the ten digits a tenth. The right one is then as surprising as a ten-sided die: ln 10 = 2.3.",
            points=(
                "It knows nothing yet.",
                "Its belief is spread over ten digits.",
                "The loss is the surprise about the right one.",
            ),
            hints=(
                "What does it know before the first step?",
                "How does it spread its belief?",
                "What has a die to do with it?",
            ),
            why="A tenth for each digit; the surprise about the right one is -ln(1/10) = 2.30.",
        ),
    ),
    facilitator=Facilitator(
        teach=2,
        do=6,
        talk=2,
        script=(
            "Everybody guesses a loss first; show of hands for 0, 1, 2.3 and 10.",
            "Let it run for 20 seconds. Whoever sees it fall says the number aloud.",
            "Now break it: a rate of 0.6. What do you expect?",
        ),
        expect=(
            (
                "The loss is 1, because all is wrong",
                "Ask for the loss of somebody who guesses evenly among two, then ten.",
            ),
            ("The button does something special", "Section 5: three ways, one number."),
        ),
        cut="Leave out sections 5 and 6.",
    ),
    words={"form": "The page on which a run is chosen and started; it writes the same config as code does."},
)
