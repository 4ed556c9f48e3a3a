"""Reading the monitor: one line, three instruments, and eight runs of which seven are spoilt."""

from __future__ import annotations

import math
from typing import Any

from aitrain_nb.lessons.exercises import Before, Choice, Explain, Fill, Option, Sort
from aitrain_nb.lessons.experiments import patients
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab


def _healthy() -> Lab:
    return lab(trainer=patients.admit("A"))


def _warnings() -> Lab:
    """One run for each of three warnings, and one without."""
    prepare = {"fine": patients.admit("A"), "exploding": patients.admit("B"), "diverging": patients.memorising(), "noisy": patients.unsteady()}  # fmt: skip
    return lab(runs=prepare)


def _hospital() -> Lab:
    return lab(admit=patients.admit, secrets=dict(patients.SECRETS))


_LEARNED = 0.7 * math.log(10)
"""Of a die with ten sides; the diagnosis' own advice, 0.001, comes to 1.5 in the few steps that there are."""


def _cures(fields: Any, seed: int = 1) -> str | None:
    """Treats patient B with these fields, and examines it again."""
    import aitrain_nb as ai

    if not isinstance(fields, dict) or not fields:
        return 'That is no treatment. Write the fields to change, such as {"epochs": 3}.'
    treated = patients.admit("B", seed=seed, **fields)
    treated.fit(display="none")
    alarms = [finding.name for finding in ai.diagnose(treated).alarms]
    if alarms:
        return f"Patient B was run again and is not well: {', '.join(alarms)}."
    loss = treated.evaluate().loss
    return None if loss < _LEARNED else f"No alarm any more, but its validation loss is still {loss:.2f}. It has hardly learned."


_LINE = Choice(
    id="09.1",
    ask="A small network, ten classes, the first epoch: Step 100/500: loss=2.341, lr=5e-5, grad_norm=1.23. What do you say?",
    options=(
        Option("Bad: it still knows as little as a die", "2.341 is above ln 10 = 2.303. Look at lr: 5e-5 is 0.00005, very little for a small network.", right=True),
        Option("Fine: the loss is above 2, there is room to fall", "There is. But it should have begun to use it in 100 steps.", belief="Any number is fine as long as the run goes on."),
        Option("Bad: grad_norm is above 1", "1.23 is a usual size. There is no law that it be below 1.", belief="A gradient norm above 1 is an error."),
        Option("Stop: the weights change by 1.23 a step", "1.23 is the size of the gradient. The weights move by far less.", belief="grad_norm is the size of the update."),
    ),
    hints=("What is the loss of a network that knows nothing about ten classes?", "ln 10 = 2.303. It has had 100 steps.", "Which number on the line decides how far a step goes?"),
    why="The loss is that of a ten-sided die. After 100 steps that says: it doesn't learn, and the rate is the first suspect.",
)  # fmt: skip

_RATE = Choice(
    id="09.2",
    ask="The same first step again, with ten times the rate. What becomes of grad_norm, and of the size of the update?",
    options=(
        Option("Both are ten times as large", "The gradient is measured before anything moves. It doesn't know the rate.", belief="grad_norm is the size of the update."),
        Option("grad_norm stays, the update is ten times as large", "The gradient is the slope; the rate says how far to go along it.", right=True),
        Option("grad_norm is ten times as large, the update stays", "It is the other way round."),
    ),
    hints=("When is the gradient measured: before the update, or after it?", "Before. So what does it know of the rate?", "Nothing."),
    why="grad_norm is the slope at the spot, the update is slope and rate together. The text that calls grad_norm 'size of weight updates' is wrong.",
)  # fmt: skip

_ALARM = Choice(
    id="09.3",
    ask="A run of 2,000 steps: grad_norm is near 1, at step 700 it is 30 for one step, then near 1 again. The loss goes on falling. What do you do?",
    options=(
        Option("Stop the run: it has exploded", "It came back in one step, and the loss never noticed.", belief="A spike is a failure."),
        Option("Nothing, perhaps note the step", "One odd batch pulled hard, and clipping cut it. The run is well.", right=True),
        Option("Take a tenth of the rate", "You would pay for one odd batch with ten times the steps.", belief="Every oddity needs a smaller rate."),
    ),
    hints=("Did it come back?", "What did the loss do?", "What does gradient clipping do with a norm of 30?"),
    why="A spike that comes back is weather. What stays up, or comes more and more often, is climate.",
)  # fmt: skip

_PATIENT_D = Choice(
    id="09.4",
    ask="Examine patient D with the three instruments. What was done to it?",
    options=(
        Option("The labels were shuffled", "All instruments work, and validation stays at a die: there is nothing to learn.", right=True),
        Option("It is frozen", "Look at instrument 3: all of its weights are trained."),
        Option("The rate is too high", "Then the loss would shoot up and the norm with it. Both are quiet.", belief="Whatever doesn't learn has a wrong rate."),
        Option("The pixels aren't scaled", "Its inputs go from 0 to 1."),
    ),
    hints=("Which of its instruments looks odd? None, but for validation.", "Training creeps down while validation creeps up from 2.3.", "What is the only thing that remains to be wrong?"),
    why="Rates, weights, inputs are in order, and still it can't do better than a die. So the answers it is taught make no sense.",
)  # fmt: skip

_PATIENT_G = Choice(
    id="09.5",
    ask="And patient G? Its loss is flat as well.",
    options=(
        Option("The labels were shuffled, too", "Look at instrument 3, and at the size of its gradient norm."),
        Option("Nearly all of it is frozen", "10 of 3,610 weights are trained. The rest stays at random.", right=True),
        Option("The rate is too low", "A rate of 0.003 served patient A well.", belief="A flat curve says by itself what is wrong."),
    ),
    hints=("Compare instrument 3 of A and of G.", "How many of its weights are trained?", "10 of 3,610."),
    why="Only ten numbers may move, all in the last layer. What they can learn is how often each digit comes.",
)  # fmt: skip

_TREAT = Fill(
    id="09.6",
    ask="Treat patient B: write the fields of its config that you change. It will be run again on another seed.",
    test=_cures,
    right={"learning_rate": 0.003},
    wrong=(
        ({"epochs": 13}, "learning rate too high"),
        ({"learning_rate": 0.00001}, "is not well"),
        (0.003, "no treatment"),
    ),
    hints=("Its loss shot up in the first steps. Which number on the line decides how far a step goes?", "Its learning rate is 3. What had patient A?", '{"learning_rate": 0.003}'),
    why="A thousandth of its rate, and it learns like patient A. The 0.001 of the diagnosis is sound, too, and slower.",
)  # fmt: skip

_ORDER = Sort(
    id="09.7",
    ask="A run looks bad. Put the questions into the order in which you ask them.",
    lines=(
        "Does another learning rate help?",
        "Is everything a finite number?",
        "Is the loss at the start that of a die, and are the inputs scaled?",
        "Would a larger model do better?",
    ),
    rules=(
        Before(2, 3, "Once something isn't a number, no other number on the page can be trusted."),
        Before(3, 1, "A rate can't mend inputs that are wrong. Look at what goes in first.", "Every oddity needs another rate."),
        Before(1, 4, "A larger model costs hours, another rate costs a minute. Ask the cheap question first.", "More is better."),
    ),
    hints=("Which fault makes all other numbers worthless?", "Then what goes in, then the rate.", "2, 3, 1, 4."),
    why="First whether numbers are numbers, then what goes in, then the rate, and the model last: from cheap to dear.",
)  # fmt: skip

_EXPLAIN = Explain(
    id="09.8",
    ask="Explain to a friend: what do loss, lr and grad_norm say, and what does none of them say?",
    model="loss says how wrong the batch was, lr how far a step may go, grad_norm how hard the loss pulls; none says how good it is on new examples: validation does.",
    points=("loss: how wrong, on this batch.", "lr is chosen, grad_norm is measured before the step.", "Only validation speaks of new examples."),
    hints=("Which of the three do you choose?", "Is grad_norm measured before or after the step?", "Which number is missing on the line of a step?"),
    why="Three numbers about the step just taken; how good the network is on new examples stands in the line of the epoch.",
)  # fmt: skip

LESSON = Lesson(
    number="09",
    name="reading_the_monitor",
    title="Reading the monitor: what a run tells, and what it hides",
    minutes=40,
    able=(
        "read every number of a monitor line, and said which of them is chosen,",
        "told the size of a gradient from the size of an update,",
        "ticked what a healthy curve has, and named three warnings,",
        "found out what was done to a spoilt run, and mended it.",
    ),
    kills=(
        "grad_norm is the size of the update.",
        "A spike is a failure.",
        "A flat curve says by itself what is wrong.",
        "Every oddity needs a smaller rate.",
    ),
    sections=(
        Section("09.1", "One line", _healthy),
        Section("09.2", "The gradient is not the update", _healthy),
        Section("09.3", "Three ticks and three warnings", _warnings),
        Section("09.4", "Sabotage: eight patients", _hospital),
        Section("09.5", "Treatment", _hospital),
    ),
    exercises=(_LINE, _RATE, _ALARM, _PATIENT_D, _PATIENT_G, _TREAT, _ORDER, _EXPLAIN),
    facilitator=Facilitator(
        teach=6,
        do=26,
        talk=8,
        script=(
            "Write one monitor line on the board. Who can say what each number is? Who chose it?",
            "Pairs: each takes two patients, and may not run the diagnosis before they have named a cause.",
            "Last round: which instrument helped most, and which patient would have fooled you?",
        ),
        expect=(
            ("grad_norm is how far the weights move", "Section 2: ten times the rate, the same norm."),
            ("Flat means: rate too low", "Patients D and G are flat, and no rate helps them."),
        ),
        cut="Section 3; of the patients keep B, D and G.",
    ),
    words={
        "gradient clipping": "Scaling a gradient down to a given length where it is longer.",
        "spike": "A value that jumps up for a step or a few, and comes back.",
        "diagnosis": "Rules that look at a run and say what is wrong, why, and what to change.",
    },
)
