"""The learning rate: too low, too high, just right, and why it changes while a run goes on."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from aitrain_nb.lessons.exercises import Before, Choice, Explain, Fill, Number, Option, Slip, Sort
from aitrain_nb.lessons.experiments import short_runs
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab
from aitrain_nb.lessons.widgets.forgetting_meter import mistaught

if TYPE_CHECKING:
    from aitrain_nb.trainer import Trainer

RECIPE = {"data": "digits", "model": "mlp", "max_steps": 60, "keep": "last", "seed": 0}
"""What most sections train: a small network, 60 steps."""


def _recipe() -> Lab:
    return lab(recipe=dict(RECIPE))


def _knowing() -> Lab:
    """A network that knows its digits, and a way to teach it nonsense."""
    return lab(trainer=short_runs.trained(learning_rate=0.01), mistaught=mistaught)


def _forking() -> Lab:
    """A run at a rate that is a little too high, not yet trained."""
    import aitrain_nb as ai

    return lab(trainer=ai.prepare(**RECIPE | {"learning_rate": 0.1, "max_steps": 100}))


def _writing() -> Lab:
    """A small language model of whole words, and the losses of common and rare words."""
    from aitrain_nb.lessons.experiments.tiny_gpt import by_frequency, word_run

    trainer = word_run()
    return lab(trainer=trainer, by_frequency=partial(by_frequency, unknown=trainer.processor.unk_token_id))


def _impostors() -> Lab:
    """Four runs without names, one of them on shuffled labels; each can be prepared again with its rate multiplied."""
    import torch

    import aitrain_nb as ai

    true = ai.prepare(**RECIPE).data
    labels = true.train.columns["label"]
    shuffle = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    columns = {"image": true.train.columns["image"], "label": labels[shuffle]}
    shuffled = ai.Splits(ai.Dataset(columns, true.train.label_names), true.validation, scale=true.scale)
    secret = {"A": (true, 0.3), "B": (shuffled, 0.01), "C": (true, 0.01), "D": (true, 0.0001)}

    def prepare(letter: str, times: float = 1.0) -> Trainer:
        data, rate = secret[letter]
        return ai.prepare(**RECIPE | {"data": data, "learning_rate": times * rate})

    return lab(prepare=prepare)


def _reaches(rate: Any, seed: int = 1) -> str | None:
    """Trains with this rate and another seed."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate < 1000:
        return f"{rate!r} is no learning rate that could be tried. Give a number above 0, and far below 1000."
    curve = short_runs.losses(learning_rate=float(rate), seed=seed)
    end, highest = short_runs.at_the_end(curve), max(curve)
    if end < 0.5:
        return None
    if highest > 1.5 * curve[0]:
        return f"Too high: on a new seed the loss shot up to {highest:.3g} and ended at {end:.2f}. Go down."
    return f"Too low: on a new seed the loss only came down to {end:.2f} in 60 steps. Go up."


def _decays(decay: Any) -> str | None:
    """A straight line from 0.3 at step 10 to 0 at step 50."""
    if not callable(decay):
        return "That is no function. Write lambda step: and then your line."
    at_10, at_30, at_50 = (float(decay(step)) for step in (10, 30, 50))
    if abs(at_10 - 0.3) > 1e-6:
        return f"At step 10 the rate should be at its peak of 0.3. Yours is {at_10:g}."
    if abs(at_50) > 1e-6:
        return f"At step 50 the rate should be 0. Yours is {at_50:g}."
    return None if abs(at_30 - 0.15) < 1e-6 else f"Half way, at step 30, a straight line is at 0.15. Yours is at {at_30:g}."


def _in_powers(*losses: float) -> tuple[float, ...]:
    """As a curve is drawn whose axis is in powers of ten."""
    return tuple(math.log10(loss) for loss in losses)


_FALLS = _in_powers(2.4, 1.6, 0.9, 0.5, 0.35, 0.25, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05)
_WOBBLES = _in_powers(2.4, 1.2, 2.2, 0.9, 1.8, 0.6, 1.2, 0.4, 0.7, 0.25, 0.4, 0.3)
_SHOOTS = _in_powers(2.4, 31.0, 48.0, 33.0, 12.0, 27.0, 15.0, 4.0, 2.5, 2.2, 1.8, 1.8)
_FLAT = _in_powers(2.4, 2.3, 2.4, 2.3, 2.3, 2.4, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3)

_CURVE = Choice(
    id="06.1",
    ask="At rate 0.01 the loss falls from 2.4 to 0.3 in 60 steps. What will 30 times that rate do?",
    options=(
        Option(
            "Fall 30 times as fast",
            "The slope only holds close by. A step 30 times as long ends where it says nothing.",
            curve=_FALLS,
            belief="A larger rate only learns faster.",
        ),
        Option(
            "Wobble, but end as low",
            "It wobbles so much that it never gets low. Its steps are longer than the valley is wide.",
            curve=_WOBBLES,
            belief="A rate that is too high costs smoothness, nothing else.",
        ),
        Option("Shoot up, come back, and never settle", "It leaps over the valley, and over it again.", right=True, curve=_SHOOTS),
        Option("Stay flat from the start", "That is the other mistake: steps so small that nothing moves.", curve=_FLAT),
    ),
    hints=(
        "The gradient tells the slope where you stand. It doesn't know what comes 30 steps further on.",
        "You stride across a narrow valley with very long legs. Where does your foot land?",
        "On the other side, and higher up. Then you stride back.",
    ),
    why="The slope is right for a short way. A long step lands on the other side of the valley, higher than before.",
)  # fmt: skip

_OWN = Fill(
    id="06.2",
    ask="Give a rate that brings the loss below 0.5 in 60 steps. It will be tried on a seed you haven't seen.",
    test=_reaches,
    right=0.02,
    wrong=((0.0001, "Too low"), (1.0, "Too high"), (-1, "no learning rate")),
    hints=(
        "Move the slider of the picture above. Which curves end below 0.5?",
        "Three of the ten do: 0.01, 0.03 and 0.1. On another seed 0.1 may just fail; what lies between the first two is safe.",
        "0.02 is a good one.",
    ),
    why="Everything from about 0.01 to 0.05 works here on any seed. The right rate is a range and no secret number.",
)

_FORGET = Number(
    id="06.3",
    ask="Of 100 digits it had 92 right. Now one step at rate 1, on eight wrong labels. How many of the 100 will be right after it?",
    right=17,
    within=0.6,
    slips=(
        Slip(
            92, "Only eight pictures, yes. But nearly all weights move, and all digits share most of them.",
            "What a network knows of one thing is stored apart from the rest.",
        ),
        Slip(84, "So each wrong label would cost one digit. But the step moves weights that all digits share.", "One example changes one answer."),
        Slip(0, "So bad that it is always wrong? It would have to know the answers for that. Guessing gives 10."),
    ),
    low="A network that only guesses still has about 10 right.",
    high="Too many. The step is long, and all digits share most of the weights that it moves.",
    unit="of 100",
    hints=(
        "Most weights don't belong to one digit. All ten share them.",
        "At rate 1 the step is a hundred times as long as the steps it was trained with.",
        "Between 10, which is guessing, and 30.",
    ),
    why="All digits share most weights. One long step for eight pictures throws away what 60 small steps had built.",
)  # fmt: skip

_ORDER = Sort(
    id="06.4",
    ask="Three parts of a schedule, each with its reason. Bring them into the order of a run.",
    lines=(
        "Decay: the valley floor is near; short steps stop jumping across it",
        "Warm-up: the first gradients are steep and wild; begin with short steps",
        "Peak: most of the way lies here; take long steps",
    ),
    rules=(
        Before(
            2, 3, "With long steps from the first one on, the loss shoots up before it comes down.",
            "A long warm-up wastes steps.",
        ),
        Before(
            3, 1, "Whoever slows down before the long way is still far away when the run ends.",
            "Careful from first to last is best.",
        ),
    ),
    hints=(
        "When are the gradients the wildest?",
        "At the start. And when do long steps do harm again?",
        "2, then 3, then 1.",
    ),
    why="Short steps while it is wild, long ones on the way, short ones to come to rest.",
)  # fmt: skip

_LINE = Fill(
    id="06.5",
    ask="Write the decay as a function of the step: a straight line from 0.3 at step 10 down to 0 at step 50.",
    test=_decays,
    right=lambda step: 0.3 * (50 - step) / 40,
    wrong=(
        (lambda step: 0.3 + 0 * step, "At step 50 the rate should be 0"),
        (lambda step: 0.3 * (50 - step) / 50, "at its peak of 0.3"),
        (lambda step: 0.3 * ((50 - step) / 40) ** 2, "a straight line is at 0.15"),
        (0.3, "no function"),
        (lambda step: step.rate, "AttributeError"),
    ),
    hints=(
        "How many steps are left at step 10? And at step 50?",
        "The share of the decay that is left: (50 - step) / 40.",
        "lambda step: 0.3 * (50 - step) / 40",
    ),
    why="The peak times the share of the decay that is left. It is 1 at step 10 and 0 at step 50.",
)

_FORK = Choice(
    id="06.6",
    ask="At step 100 a run at rate 0.1 forks. After 40 more steps, which branch has the lowest loss?",
    options=(
        Option("The one that goes on at 0.1", "It keeps jumping about at the height it has reached.", belief="What has worked goes on working best."),
        Option("The one at 0.3", "Longer steps, higher jumps: it climbs out of the valley.", belief="A larger rate only learns faster."),
        Option("The one at 0.01", "Ten times shorter steps come to rest lower down, and still move.", right=True),
        Option("The one at 0.0001", "It hardly moves in 40 steps. The jumping ends, and it stays about where it was.", belief="The smaller the rate at the end, the better."),
    ),
    hints=(
        "What keeps a run at a fixed rate from getting lower?",
        "Its steps jump across the valley floor. Shorter ones would help, if they get anywhere in 40 steps.",
        "Not as before, not longer, and not a thousand times shorter.",
    ),
    why="At a tenth the steps fit into the valley, and 40 of them are enough to get down.",
)  # fmt: skip

_IMPOSTOR = Choice(
    id="06.7",
    ask="Curves B and D are both flat near 2.3. One rate is too low; the other run has shuffled labels. What tells them apart?",
    options=(
        Option("Raise both rates: one will fall, one won't", "A rate that is too low has a cure. Labels without sense have none.", right=True),
        Option("Look closely: the lower one has the true labels", "Both are a ten-sided die, give or take some noise.", belief="A loss says by itself what is wrong."),
        Option("Nothing: a flat curve is a flat curve", "The curve alone doesn't say it. But you may change one thing and look again.", belief="A curve is a verdict."),
        Option("Lower both rates: the good one gets smooth", "Smaller steps make a flat curve flatter.", belief="When in doubt, a smaller rate."),
    ),
    hints=(
        "You may run both again, with one thing changed.",
        "Which change would help a run that is too slow, and can't help one that has nothing to learn?",
        "A larger rate.",
    ),
    why="One curve never says why it is flat. Change one thing: a larger rate cures the slow run, and not the impostor.",
)  # fmt: skip

_EXPLAIN = Explain(
    id="06.8",
    ask="Explain to a friend: why do many training runs change their learning rate on the way?",
    model="At first the slopes are steep, so it begins with short steps; long ones bring it most of the way; at the end short ones let it come to rest.",
    points=(
        "The first steps are short, because the gradients are wild.",
        "Long steps cover the distance.",
        "Short steps at the end stop the jumping across the valley.",
    ),
    hints=("What did the fork show?", "What did the warm-up prevent?", "Name the three parts: warm-up, peak, decay, and a reason for each."),
    why="No single rate is right for the whole way: what is wild at the start is calm at the end.",
)  # fmt: skip

LESSON = Lesson(
    number="06",
    name="learning_rate",
    title="Learning rate: how far the dials turn",
    minutes=45,
    able=(
        "told a rate that is too low, too high, or just right by its curve,",
        "found a good rate yourself, by hand and with a range test,",
        "seen what one step that is too long makes a network forget,",
        "built a schedule of warm-up, peak and decay, and said what each part is for.",
    ),
    kills=(
        "A larger rate only learns faster.",
        "There is one correct learning rate.",
        "One example changes one answer.",
        "A flat curve says by itself what is wrong.",
    ),
    sections=(
        Section("06.1", "Ten rates, the same batches", _recipe),
        Section("06.2", "Find a rate of your own", _recipe),
        Section("06.3", "Too long a step forgets", _knowing),
        Section("06.4", "Warm-up, peak, decay", _recipe),
        Section("06.5", "A fork in the road", _forking),
        Section("06.6", "General first, details later?", _writing),
        Section("06.7", "Three curves and an impostor", _impostors),
    ),
    exercises=(_CURVE, _OWN, _FORGET, _ORDER, _LINE, _FORK, _IMPOSTOR, _EXPLAIN),
    facilitator=Facilitator(
        teach=8,
        do=27,
        talk=10,
        script=(
            "Show of hands before anything runs: 30 times the rate. Faster, wobbly, or broken?",
            "Everybody finds a rate that works; call the numbers out and write them on one line. It is a range.",
            "Last question to the room: when would you slow down, and why not earlier?",
        ),
        expect=(
            (
                "Thirty times the rate learns thirty times as fast",
                "Ask for the slope under your feet, and 30 steps further on.",
            ),
            ("One wrong step costs eight digits", "Ask which weights belong to the digit 3 alone: 65 of 4,810."),
            (
                "The smaller the rate at the end, the better",
                "The fork: a thousandth moves next to nothing in 40 steps.",
            ),
        ),
        cut="Leave out sections 6 and 7; in half the time keep 1, 3 and 4.",
    ),
    words={
        "schedule": "How the learning rate changes in the course of a run.",
        "warm-up": "The first steps, in which the learning rate rises from 0 to its peak.",
        "peak": "The highest learning rate of a run.",
        "decay": "The part of a run in which the learning rate falls.",
        "divergence": "A loss that shoots up because the steps are too long.",
    },
)
