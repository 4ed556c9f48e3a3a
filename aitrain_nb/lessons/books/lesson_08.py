"""Learning or memorising: what validation is for, and how to read two curves."""

from __future__ import annotations

from typing import Any

from aitrain_nb.lessons.exercises import Choice, Explain, Fill, Number, Option, Slip
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab, pace

_CLEAN, _NOISY, _CHANCE = "clean labels", "3 of 10 labels wrong", "labels by chance"


def _aside() -> Lab:
    import aitrain_nb as ai

    return lab(trainer=ai.prepare(data="digits", model="small-cnn", learning_rate=0.003, epochs=2))


def _two_runs() -> Lab:
    from aitrain_nb.lessons.experiments.noisy_digits import noisy_run

    return lab(clean=noisy_run(_CLEAN), noisy=noisy_run(_NOISY), pace=pace(20))


def _chance() -> Lab:
    from aitrain_nb.lessons.experiments.noisy_digits import noisy_run

    return lab(trainer=noisy_run(_CHANCE))


def _four_epochs() -> Lab:
    return lab(training=[2.5, 1.8, 1.2, 0.8], validation=[2.6, 1.9, 1.3, 1.5])


def _how_long() -> Lab:
    """A network that knows the digits 0 to 4, and two to learn 5 to 9: one goes on from its weights, one begins at random."""
    import aitrain_nb as ai
    from aitrain_nb.lessons.experiments.digit_splits import five_digits

    whole = ai.prepare(data="digits", model="mlp").data
    recipe = {"model": "small-cnn", "learning_rate": 0.003, "seed": 0}
    few = five_digits(whole, 5, 100)
    first = ai.prepare(data=five_digits(whole, 0), epochs=4, **recipe)
    scratch, tuned = (ai.prepare(data=few, epochs=24, batch_size=16, **recipe) for _ in range(2))
    return lab(first=first, scratch=scratch, tuned=tuned, noisy=_two_runs().noisy)


def _leak() -> Lab:
    from aitrain_nb.lessons.experiments.digit_splits import twice

    return lab(splits=twice(), recipe={"model": "small-cnn", "learning_rate": 0.006, "epochs": 16, "keep": "last"})


def _sums() -> Lab:
    from aitrain_nb.lessons.experiments.sums import sums_run

    return lab(trainer=sums_run(weight_decay=1.0))


def _test_waited(answer: Any) -> str | None:
    """Evaluations since the lowest one."""
    if not callable(answer):
        return "Run the cell with `def waited` first, and give its name."
    for losses, right in (([3.0, 2.0, 2.5, 2.4], 2), ([3.0, 2.0, 1.0], 0), ([1.0, 2.0], 1)):
        given = answer(list(losses))
        if given is None or given is Ellipsis:
            return ""
        if given == right:
            continue
        if given == losses.index(min(losses)):
            return "That is the place of the lowest loss. How many evaluations came after it?"
        if given == right + 1:
            return "One too many: the evaluation that is the best has waited for nothing yet."
        return f"For {losses} the lowest lies {right} evaluations back. Yours says {given}."
    return None


def _test_eight(answer: Any) -> str | None:
    """The numbers of the curves that overfit, against what all 360 digits say."""
    from aitrain_nb.lessons.widgets.eight_curves import overfitting_ones

    given, wanted = {int(number) for number in answer}, overfitting_ones()
    if not given:
        return "The set is empty. At least one of the eight overfits."
    if wrong := sorted(given - wanted):
        return f"Not number {wrong[0]}: on all 360 digits its validation loss ends about where it was lowest."
    if missed := sorted(wanted - given):
        return f"{len(missed)} still missing. Move the slider to 360 digits: what rises there, and looked like noise at 40?"
    return None


_DOWN = (2.2, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 1.0, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65)
_LEVEL = (2.2, 1.8, 1.7, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6, 1.6)
_TURNS = (2.2, 1.8, 1.7, 1.6, 1.6, 1.62, 1.65, 1.68, 1.7, 1.72, 1.75, 1.8, 1.85, 1.9, 1.95, 2.0)
_STAYS, _LATE = (0.02,) * 12, (0.02, 0.02, 0.05, 0.25, 0.5, 0.69, 0.8, 0.87, 0.91, 0.94, 0.96, 0.97)
_SLOW = (0.02, 0.1, 0.19, 0.27, 0.36, 0.45, 0.53, 0.62, 0.71, 0.79, 0.88, 0.97)

_EXERCISES = (
    Choice(
        id="08.1",
        ask="Three of ten labels are wrong, in training and in validation. The training loss falls all the time. And the validation loss?",
        options=(
            Option(
                "It falls along with it",
                "That would mean that what it learns by heart helps with digits it has never seen.",
                curve=_DOWN,
                belief="A lower training loss is always better.",
            ),
            Option(
                "It falls, then stays level",
                "That is what clean labels do. Wrong labels that are learned by heart make wrong answers.",
                curve=_LEVEL,
            ),
            Option(
                "It falls, then rises",
                "First it learns what digits look like. Then it learns the wrong labels by heart.",
                right=True,
                curve=_TURNS,
            ),
        ),
        hints=(
            "What can be learned from a wrong label?",
            "A wrong label tells nothing about other digits. It can only be remembered.",
            "First it helps, then it hurts. Which curve turns?",
        ),
        why="First the network learns what is true of all digits. Then it learns single wrong labels, and answers new digits worse.",
    ),
    Choice(
        id="08.2",
        ask="Clean labels: the training loss ends near 0.04, the validation loss ten times as high, and level. Is it overfitting?",
        options=(
            Option(
                "Yes: the gap is huge",
                "A gap alone is no harm. What counts is whether validation gets worse.",
                belief="Any gap is overfitting.",
            ),
            Option(
                "No: nothing gets worse", "It is surer about digits it has practised. On new ones it stays as good as it was.", right=True
            ),
            Option(
                "Yes: the training loss is near 0",
                "A training loss near 0 may come with overfitting. It shows in validation, and here nothing got worse.",
                belief="A training loss near 0 is overfitting.",
            ),
        ),
        hints=(
            "Does the validation loss rise?",
            "Compare its end with its lowest point, not with the training loss.",
            "Its end is its lowest point, nearly. So nothing was lost.",
        ),
        why="Overfitting is validation getting worse while training gets better. A gap that stays costs nothing.",
    ),
    Number(
        id="08.3",
        ask="60 digits, each with a label drawn by chance. After 56 epochs, how many percent of the training digits get their label right?",
        right=96,
        within=0.1,
        unit="%",
        slips=(
            Slip(10, "That is what somebody gets who only guesses. It doesn't guess: it remembers.", "Nothing can be learned from chance."),
            Slip(50, "It has 51,880 dials and 56 rounds for 60 labels. It gets nearly all of them."),
            Slip(0.96, "The question asks for percent: 96, not 0.96."),
        ),
        low="It has 51,880 dials for 60 labels. That is a lot of memory.",
        high="More than all isn't possible.",
        hints=(
            "How many dials does the network have, and how many labels must it keep?",
            "It doesn't have to understand. It has to remember 60 labels.",
            "Nearly all of them.",
        ),
        why="A network can remember labels that mean nothing. On new digits it then is right one time in ten, which is chance.",
    ),
    Number(
        id="08.4",
        ask="Four epochs: training 2.5, 1.8, 1.2, 0.8; validation 2.6, 1.9, 1.3, 1.5. The weights of which epoch would you keep?",
        right=3,
        slips=(
            Slip(4, "Its training loss is lowest. But the weights are for examples that it hasn't seen.", "The last epoch is the best."),
            Slip(1, "There the two lie closest, and both are high: it has learned little yet.", "The smallest gap is the best."),
        ),
        low="It still gets better on what it has never seen after that one.",
        high="There are four epochs.",
        hints=(
            "Which of the two curves speaks for new examples?",
            "Look for the lowest validation loss.",
            "1.3 is the lowest. Count: in which epoch does it stand?",
        ),
        why="Epoch 3 has the lowest validation loss, 1.3. After it only the training examples profit.",
    ),
    Choice(
        id="08.5",
        ask="The validation loss stops improving: 1.9, 1.3, 1.31, 1.30, 1.31. The training loss still falls a little. What do you do?",
        options=(
            Option(
                "Stop: it overfits",
                "Nothing got worse. Level is not overfitting.",
                belief="Validation that stops improving is overfitting.",
            ),
            Option(
                "Watch it: nothing got worse yet", "It may fall again, stay, or rise. Keep the best weights, and look again.", right=True
            ),
            Option("Train much longer: the training loss falls", "The training loss doesn't speak for new examples."),
        ),
        hints=(
            "Is there a rise?",
            "The last four differ by 0.01. How large is the noise of a small validation set?",
            "There is something between stopping at once and going on blindly.",
        ),
        why="A level curve is a reason to watch. Overfitting shows when it rises while training falls.",
    ),
    Fill(
        id="08.6",
        ask="How many evaluations have passed since the lowest validation loss?",
        test=_test_waited,
        right=lambda losses: len(losses) - 1 - losses.index(min(losses)),
        wrong=(
            (lambda losses: losses.index(min(losses)), "That is the place of the lowest loss."),
            (lambda losses: len(losses) - losses.index(min(losses)), "One too many"),
            (lambda losses: len(losses) + 4, "Yours says 8"),
        ),
        hints=(
            "`losses.index(min(losses))` is the place of the lowest one, from 0.",
            "The last one has the place `len(losses) - 1`.",
            "The last place minus the place of the lowest.",
        ),
        why="`len(losses) - 1 - losses.index(min(losses))`. Patience compares this number with how long you will wait.",
    ),
    Fill(
        id="08.7",
        ask="Which of the eight overfit? Give their numbers, such as {2, 5}.",
        test=_test_eight,
        right={1, 4, 6, 7},
        wrong=((set(), "The set is empty."), ({1, 2}, "Not number 2"), ({1, 4, 7}, "1 still missing")),
        hints=(
            "Look for a validation loss that rises while the training loss falls.",
            "The slider makes the curves less noisy. Look at all eight with 360 digits.",
            "Four of them rise. One of the four looked like noise on 40 digits.",
        ),
        why="1, 4, 6 and 7 rise. And 1, 6 and 7 are one run: only the 40 digits that judge it differ.",
    ),
    Choice(
        id="08.8",
        ask="Every digit stands twice in a file, and the file is split at random. Training and validation loss fall together, to the end. What is it?",
        options=(
            Option(
                "The perfect run", "Too good: copies of the validation digits were trained on.", belief="A validation score can't be wrong."
            ),
            Option(
                "A leak: validation digits also stand in training",
                "Remembering them is enough. On digits that are really new it fails.",
                right=True,
            ),
            Option("Underfitting", "Then both would stay high."),
        ),
        hints=(
            "Can the network know a validation digit already?",
            "Where is the second copy of a validation digit, most likely?",
            "In training. So what does the validation score measure?",
        ),
        why="A random split tears copies apart. Validation then rewards what was learned by heart.",
    ),
    Choice(
        id="08.9",
        ask="Step 30: every sum it trains on is right, and 2 % of the others. How does the share of the others go on, to step 300?",
        options=(
            Option(
                "It stays near 2 %",
                "That happens without weight decay. With it, something else is cheaper than remembering.",
                curve=_STAYS,
                belief="What was memorised stays memorised.",
            ),
            Option("It rises slowly and evenly", "It does rise. But first nearly nothing happens, then a lot at once.", curve=_SLOW),
            Option("Nothing at first, then it shoots up", "It finds the rule after it knew everything by heart.", right=True, curve=_LATE),
        ),
        hints=(
            "Weight decay makes large weights costly.",
            "Remembering 1,123 sums takes more weight than one rule.",
            "It changes from remembering to the rule, and not evenly.",
        ),
        why="Weight decay pulls all weights to 0. The rule needs less weight than 1,123 memories, so it wins in the end.",
    ),
    Explain(
        id="08.10",
        ask="Explain to a friend: how do you see that a network memorises instead of learning?",
        model="Keep examples aside that it never trains on. If the loss on them rises while the training loss still falls, it memorises.",
        points=("Some examples are kept aside.", "The loss on those rises.", "Meanwhile the training loss falls."),
        hints=("What is kept aside?", "Two curves: what does each do?", "One falls, one rises."),
        why="Validation loss rising while training loss falls: what it still learns is about its own examples only.",
    ),
)

LESSON = Lesson(
    number="08",
    name="learning_or_memorising",
    title="Learning or memorising?",
    minutes=50,
    able=(
        "kept digits aside, and said why,",
        "seen a network learn pure nonsense by heart,",
        "told a harmless gap from overfitting, on eight noisy pairs of curves,",
        "stopped a run at the right moment, and found a leak.",
    ),
    kills=(
        "Any gap between the curves is overfitting.",
        "Overfitting means that the training loss explodes.",
        "Curves are smooth.",
        "The last epoch is the best.",
    ),
    sections=(
        Section("08.1", "Kept aside", _aside),
        Section("08.2", "Two runs, two pairs of curves", _two_runs),
        Section("08.3", "Learning nonsense by heart", _chance),
        Section("08.4", "Four epochs from a textbook", _four_epochs),
        Section("08.5", "When to stop", _how_long),
        Section("08.6", "Eight noisy pairs of curves"),
        Section("08.7", "A leak", _leak),
        Section("08.8", "By heart first, then the rule", _sums),
    ),
    exercises=_EXERCISES,
    facilitator=Facilitator(
        teach=10,
        do=30,
        talk=10,
        script=(
            "Everybody draws two curves in the air: training, and validation. Then run it.",
            "Who thinks that a network can learn a phone book? Section 3.",
            "Eight pairs of curves, two people at each screen, two minutes: which overfit? Then move the slider together.",
        ),
        expect=(
            ("The gap is large, so it overfits", "Ask: what got worse, and since when?"),
            ("Validation loss is level, so stop", "Ask what it costs to look once more."),
            ("The leaking run is the best one", "Ask where the second copy of each digit is."),
        ),
        cut="Section 8 can be shown by you; sections 6 and 7 are for groups that are quick.",
    ),
    words={
        "split": "Parting the examples into those that are trained on and those that are kept aside.",
        "early stopping": "Ending a run when validation has not become better for a while.",
        "patience": "How many evaluations without a new best are waited for.",
        "leak": "Something of the validation examples that got into training.",
        "weight decay": "Pulling every weight a little towards 0 in each step.",
        "grokking": "Finding the rule long after all training examples are known by heart.",
        "memorising": "Learning single examples by heart, which says nothing about others.",
    },
)
