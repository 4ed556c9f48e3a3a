"""Batches, steps, epochs: how many examples before an update, how many updates, how many rounds."""

from __future__ import annotations

from typing import Any

from aitrain_nb.lessons.exercises import Choice, Explain, Fill, Number, Option, Slip
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab

RECIPE = {"data": "digits", "model": "mlp", "learning_rate": 0.01, "keep": "last", "seed": 0}
"""What all sections train."""


def _recipe() -> Lab:
    return lab(recipe=dict(RECIPE))


def _one_step_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The weights after one step."""
    import aitrain_nb as ai

    trainer = ai.prepare(**RECIPE | fields | {"max_steps": 1})
    trainer.fit(display="none")
    return {name: weight.detach() for name, weight in trainer.model.named_parameters()}


def _is_one_of_32(fields: Any) -> str | None:
    """A step of these fields is a step of one batch of 32."""
    if not isinstance(fields, dict):
        return 'That is no dictionary. Write {"batch_size": ..., "gradient_accumulation_steps": ...}.'
    size, parts = fields.get("batch_size"), fields.get("gradient_accumulation_steps", 1)
    if size != 8:
        return f"Only 8 examples fit into memory, so batch_size is 8. Yours is {size}."
    if parts != 4:
        return f"8 times {parts} are {8 * parts} examples a step. It should be 32."
    whole, split = _one_step_of({"batch_size": 32}), _one_step_of(fields)
    off = max(float((whole[name] - split[name]).abs().max()) for name in whole)
    return None if off < 1e-4 else f"The weights differ by {off:g}."


_STEPS = Number(
    id="07.1",
    ask="1,437 digits, batches of 64. How many steps does a run of 3 epochs take?",
    right=69,
    slips=(
        Slip(67, "1,437 / 64 is 22.45. The last batch of an epoch is smaller, and it is a step all the same."),
        Slip(66, "The last batch of an epoch is smaller, with 29 digits. It is a step, too.", "What doesn't fill a batch is left out."),
        Slip(23, "That is one epoch. The run has three."),
        Slip(4311, "That is how often a digit is looked at. One step takes 64 of them.", "One example, one step."),
        Slip(3, "Those are epochs. Each has many steps.", "A step is an epoch."),
    ),
    low="Count one epoch first: how many batches of 64 are in 1,437?",
    high="A step takes 64 digits at once.",
    unit="steps",
    hints=("How many batches make an epoch?", "22 full ones, and 29 digits are left over. They are a batch, too.", "23 x 3."),
    why="23 steps an epoch: 22 full batches and one of 29. Three epochs are 69 steps.",
)  # fmt: skip

_EPOCHS = Choice(
    id="07.2",
    ask="Batches of 8, 32, 128, 512: each run sees every digit three times. Which one's loss is the highest at the end?",
    options=(
        Option("8: its gradients are the noisiest", "Noisy, yes. But it took 540 steps, and the run with 512 took nine.", belief="A noisy gradient is a bad gradient."),
        Option("All the same: they saw the same digits", "Seeing doesn't train. Updates do, and 8 makes 60 times as many as 512.", belief="Learning is seeing examples."),
        Option("512: it made the fewest updates", "Nine steps, each one good, are too few.", right=True),
    ),
    hints=("How many steps does each take in three epochs?", "540, 135, 36 and 9. Which of them has moved the least?", "The one with nine steps."),
    why="In equal epochs a large batch makes few updates. Nine steps don't get far, however good each is.",
)  # fmt: skip

_EQUAL_STEPS = Choice(
    id="07.3",
    ask="Now each run takes 60 steps, at the same rate. Whose loss is the lowest?",
    options=(
        Option("8: small batches learn better", "They learned more in equal epochs, since they made more updates. Now all make 60.", belief="Small batches are better."),
        Option("All the same: 60 updates each", "Equally many, but those of a large batch point more surely downhill.", belief="A step is a step."),
        Option("512: each of its steps is the surest", "And it has looked at 64 times as many digits for it.", right=True),
    ),
    hints=("What is the gradient of a batch? A guess at the gradient of all digits.", "Which guess is better: from 8 digits, or from 512?", "From 512. Its steps go straight down."),
    why="Step for step the large batch wins: less noise. It pays with 64 times as many examples as batches of 8.",
)  # fmt: skip

_ROOT = Number(
    id="07.4",
    ask="The gradient of 8 examples is off by some amount. How many examples does a batch need to be off by half as much?",
    right=32,
    slips=(
        Slip(16, "Twice the examples make it better only by the square root of 2: 1.41 times.", "Twice the examples, half the noise."),
        Slip(64, "That would be off by about a third as much. The error falls with the square root of the size."),
        Slip(4, "Fewer examples make it worse."),
    ),
    low="More than that.",
    high="Fewer than that will do.",
    unit="examples",
    hints=("Move the slider from 8 upwards, and read how far off.", "The error falls as 1 / square root of the size. Which size has twice the square root of 8?", "Four times 8."),
    why="The error falls with the square root of the size: half the noise costs four times the examples.",
)  # fmt: skip

_ACCUMULATE = Fill(
    id="07.5",
    ask="Only 8 examples fit into memory, and you want the step of a batch of 32. Write the two fields of the config.",
    test=_is_one_of_32,
    right={"batch_size": 8, "gradient_accumulation_steps": 4},
    wrong=(
        ({"batch_size": 32}, "Only 8 examples fit"),
        ({"batch_size": 8}, "It should be 32"),
        ({"batch_size": 8, "gradient_accumulation_steps": 32}, "8 times 32 are 256"),
        (32, "no dictionary"),
    ),
    hints=("Gradients can be added up before the weights change.", "How many batches of 8 are 32 examples?", '{"batch_size": 8, "gradient_accumulation_steps": 4}'),
    why="Four batches of 8, the mean of their gradients, then one update: the step of 32, in the memory of 8.",
)  # fmt: skip

_EXPLAIN = Explain(
    id="07.6",
    ask="Explain to a friend: what do you gain and what do you lose with larger batches?",
    model="Each update is surer, because it averages over more examples; but an epoch has fewer updates, and memory sets a limit.",
    points=("Less noise in each update.", "Fewer updates from the same data.", "Memory sets the maximum."),
    hints=("Who won in equal epochs, and who in equal steps?", "What does the cloud do as the batch grows?", "And which bar grows with the batch?"),
    why="Surer steps, fewer of them, and a bill in memory.",
)  # fmt: skip

LESSON = Lesson(
    number="07",
    name="batches_steps_epochs",
    title="Batches, steps, epochs: how often the dials turn",
    minutes=35,
    able=(
        "counted the steps of a run before it begins,",
        "seen who wins a race of batch sizes, and that it depends on what is counted,",
        "watched the noise of a gradient shrink with the square root of the batch size,",
        "made a large batch out of small ones where memory is short.",
    ),
    kills=(
        "Small batches are better.",
        "Twice the examples, half the noise.",
        "Learning is seeing examples.",
        "A noisy gradient is a bad gradient.",
    ),
    sections=(
        Section("07.1", "Step, epoch, run", _recipe),
        Section("07.2", "A race in equal epochs", _recipe),
        Section("07.3", "The same race in equal steps", _recipe),
        Section("07.4", "Where the noise comes from", _recipe),
        Section("07.5", "Memory sets the limit", _recipe),
        Section("07.6", "How many epochs?", _recipe),
    ),
    exercises=(_STEPS, _EPOCHS, _EQUAL_STEPS, _ROOT, _ACCUMULATE, _EXPLAIN),
    facilitator=Facilitator(
        teach=6,
        do=21,
        talk=8,
        script=(
            "Everybody counts the steps of three epochs on paper. Who has 67, who has 69?",
            "Bet on a batch size before the race. Then bet again, in equal steps.",
            "Ask for one sentence: what does a larger batch buy, and what does it cost?",
        ),
        expect=(
            ("Small batches are better", "In which unit? Let them turn the dial from epochs to steps."),
            ("Twice the examples, half the noise", "Read two points off the cloud's right side."),
        ),
        cut="Sections 5 and 6.",
    ),
    words={
        "gradient accumulation": "Adding up the gradients of several batches before one update, to save memory.",
        "gradient noise": "How far the gradient of a batch lies from the gradient of all examples.",
    },
)
