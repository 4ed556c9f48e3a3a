"""After training: checkpoints, the best one, going on after a crash, export, fewer bits, ways in, model types."""

from __future__ import annotations

from typing import Any

from aitrain_nb.lessons.exercises import Before, Choice, Explain, Fill, Number, Option, Slip, Sort
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab

RECIPE = {"data": "digits", "model": "small-cnn", "learning_rate": 0.003, "epochs": 3, "seed": 0}
"""What is trained here."""
_CUT_OFF = 70
"""The step after which the power goes."""


def _folder() -> Any:
    import tempfile
    from pathlib import Path

    return Path(tempfile.mkdtemp()) / "run"


def _power_cut() -> Lab:
    """A run that ends in the middle, with its folder; and the same run without an accident."""
    import aitrain_nb as ai

    def power_cut(record: Any) -> None:
        if getattr(record, "phase", "") == "update" and record.step == _CUT_OFF:
            raise RuntimeError("the power is gone")

    broken, whole = (ai.prepare(**RECIPE, save_every=20) for _ in range(2))
    broken.watchers.append(power_cut)
    return lab(folder=_folder(), broken=broken, whole=whole)


def _recipe() -> Lab:
    import aitrain_nb as ai

    return lab(recipe=dict(RECIPE), trainer=ai.prepare(**RECIPE), folder=_folder())


def _test_round(answer: Any) -> str | None:
    """Rounding to the nearest multiple of a scale."""
    if not callable(answer):
        return "Run the cell with `def rounded` first, and give its name."
    for weight, scale, right in ((0.26, 0.1, 0.3), (-0.26, 0.1, -0.3), (0.04, 0.1, 0.0), (1.0, 0.5, 1.0)):
        given = answer(weight, scale)
        if given is None or given is Ellipsis:
            return ""
        if abs(given - right) < 1e-9:
            continue
        if abs(given - round(weight / scale)) < 1e-9:
            return "That is the whole number that is stored. Times the scale it is a weight again."
        return f"{weight} with scale {scale} becomes {right}. Yours says {given:g}."
    return None


_EXERCISES = (
    Number(
        id="13.1",
        ask="A checkpoint every 20 steps. The power goes after step 70, without any warning. At which step can it go on, at worst?",
        right=60,
        slips=(
            Slip(0, "Then the checkpoints at 20, 40 and 60 would be of no use.", "After a crash one begins anew."),
            Slip(
                70,
                "That is where it was. On the disk is what was written last.",
                "A checkpoint is written at each step.",
            ),
            Slip(80, "It never got there."),
        ),
        low="A later checkpoint was written.",
        high="It can't go on from a step that was not written yet.",
        unit="steps",
        hints=("At which steps was something written?", "20, 40, 60 ...", "The last multiple of 20 before 70."),
        why="The last one that was written is step 60. At worst 10 steps are taken once more.",
    ),
    Choice(
        id="13.2",
        ask="This run goes on from its checkpoint. How far will its final weights be from those of a run that was never interrupted?",
        options=(
            Option(
                "A little: chance goes another way",
                "The checkpoint holds the state of chance, too.",
                belief="Training can't be repeated.",
            ),
            Option("0: equal, bit for bit", "Weights, optimizer, order of the data and chance all come back.", right=True),
            Option(
                "Far: the optimizer starts from nothing",
                "It would, if only the weights were saved. The checkpoint holds its memory.",
                belief="A checkpoint is only the weights.",
            ),
        ),
        hints=(
            "What does a run need besides its weights?",
            "The optimizer's memory, the place in the data, the random generators.",
            "All of them are saved.",
        ),
        why="A checkpoint is the whole state: weights, optimizer, schedule, place in the data, chance.",
    ),
    Choice(
        id="13.3",
        ask="16 checkpoints of the run with some wrong labels. Which one do you ship?",
        options=(
            Option(
                "The last one: it was trained longest",
                "It learned most by heart.",
                belief="The last epoch is the best.",
            ),
            Option(
                "The one with the lowest training loss",
                "Here that is the last one again.",
                belief="A lower training loss is always better.",
            ),
            Option("The one with the lowest validation loss", "It was best on what it hadn't seen.", right=True),
        ),
        hints=(
            "Who will use it: the training examples, or new ones?",
            "Which curve speaks for new examples?",
            "The lowest point of the validation curve.",
        ),
        why="Customers bring new examples. The validation loss is the nearest thing to them that you have.",
    ),
    Sort(
        id="13.4",
        ask="From a finished training to a model in use: put the four in order.",
        lines=(
            "export the chosen one",
            "save checkpoints while it trains",
            "choose the best checkpoint",
            "evaluate each on validation",
        ),
        rules=(
            Before(2, 4, "Only what was saved can be evaluated later."),
            Before(4, 3, "To choose, one has to know how good each is."),
            Before(3, 1, "Export the one that you want to ship, so choose first."),
        ),
        hints=(
            "What has to be there first?",
            "Save, then evaluate. What does one need to choose?",
            "Save, evaluate, choose, export: 2 4 3 1.",
        ),
        why="Save, evaluate, choose, export: each needs what the one before it made.",
    ),
    Fill(
        id="13.5",
        ask="Round a weight to the nearest multiple of a scale.",
        test=_test_round,
        right=lambda weight, scale: round(weight / scale) * scale,
        wrong=(
            (lambda weight, scale: round(weight / scale), "the whole number that is stored"),
            (lambda weight, scale: weight + scale, "Yours says"),
        ),
        hints=(
            "First how many times the scale goes into the weight.",
            "`round(weight / scale)` is a whole number. It is what is stored.",
            "`round(weight / scale) * scale`",
        ),
        why="`round(weight / scale) * scale`: the whole number is stored, the scale once for a row.",
    ),
    Number(
        id="13.6",
        ask="A weight takes 32 bits. How many times smaller are the weights with 8 bits each?",
        right=4,
        slips=(
            Slip(24, "That is how many bits are saved. How often do 8 go into 32?"),
            Slip(8, "Those are the bits that are left."),
            Slip(2, "Half would be 16 bits."),
        ),
        low="Divide the bits before by the bits after.",
        high="That would leave hardly a bit. Divide the bits before by the bits after.",
        unit="times",
        hints=("32 bits before, 8 after.", "How many weights of 8 bits fit where one of 32 was?", "32 / 8."),
        why="32 / 8 = 4. The scales take a little, so it is nearly four.",
    ),
    Explain(
        id="13.7",
        ask="Explain to a friend: why does one not simply ship the last weights?",
        model="The last weights fit the training examples best, and may have learned some by heart. The best on validation is safer for new examples.",
        points=(
            "The last ones fit the training examples.",
            "They may have memorised.",
            "Validation speaks for new examples.",
        ),
        hints=(
            "What may have happened since the best epoch?",
            "Its training loss fell on. What did its validation loss do?",
            "Which curve counts for a customer?",
        ),
        why="Validation speaks for new examples, the training loss doesn't.",
    ),
)

LESSON = Lesson(
    number="13",
    name="after_training",
    title="After training",
    minutes=40,
    able=(
        "gone on with a run after a crash, with no bit of difference,",
        "chosen the checkpoint to ship, and said why,",
        "exported a model, and seen that it answers as before,",
        "found with how few bits its weights still work.",
    ),
    kills=(
        "The last weights are the best.",
        "A checkpoint is only the weights.",
        "Fewer bits always cost much.",
    ),
    sections=(
        Section("13.1", "Checkpoints: pull the plug", _power_cut),
        Section("13.2", "Which one do you ship?"),
        Section("13.3", "Export", _recipe),
        Section("13.4", "Fewer bits", _recipe),
        Section("13.5", "Which way in?", _recipe),
        Section("13.6", "Which model?"),
    ),
    exercises=_EXERCISES,
    facilitator=Facilitator(
        teach=8,
        do=24,
        talk=8,
        script=(
            "Who has lost an afternoon of work to a crash? Pull the plug together, then go on.",
            "Everybody names an epoch to ship, before the dial is moved.",
            "How few bits? Take bets: 8, 4, 2. Then turn the dial.",
        ),
        expect=(
            ("The longest trained one is the best", "Put the shelf on the screen, and move the dial from 5 to 16."),
            ("Fewer bits must be worse", "Ask how many answers changed, not how many weights."),
        ),
        cut="Sections 5 and 6 can be read at home.",
    ),
    words={
        "export": "Writing a trained model in a form that others can open without the tool that trained it.",
        "resume": "Going on with a run from a checkpoint.",
        "scale": "The number that a stored whole number is multiplied by to become a weight again.",
        "deployment": "Putting a model where people or programs use it.",
    },
)
