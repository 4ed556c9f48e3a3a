"""A tiny GPT, trained live: guessing the next letter, samples on the way, copying, temperature, attention."""

from __future__ import annotations

from typing import Any

from aitrain_nb.lessons.exercises import Before, Choice, Explain, Fill, Number, Option, Slip, Sort
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab, pace


def _fresh() -> Lab:
    from aitrain_nb.lessons.experiments.tiny_gpt import gpt_run

    return lab(trainer=gpt_run())


def _watched() -> Lab:
    from aitrain_nb.lessons.experiments.tiny_gpt import gpt_run

    return lab(trainer=gpt_run(steps=300), pace=pace(20))


def _texts() -> Lab:
    from aitrain_nb.lessons.experiments.tiny_gpt import messages

    return lab(source=messages().train.columns["text"][0], overlap=_overlap)


def _two_sizes() -> Lab:
    from aitrain_nb.lessons.experiments.tiny_gpt import gpt_run

    return lab(few=gpt_run(16, steps=150), many=gpt_run(300, steps=150))


def _test_overlap(answer: Any) -> str | None:
    """The share of stretches of a text that its source has, too."""
    if not callable(answer):
        return "Run the cell with `def overlap` first, and give its name."
    for text, source, right in (("the cat", "a cat", 0.25), ("abcdef", "abcdef", 1.0), ("abcdef", "xyz", 0.0)):
        given = answer(text, source, 4)
        if given is None or given is Ellipsis:
            return ""
        if abs(given - right) < 1e-9:
            continue
        if given == float(text in source) and right not in {0.0, 1.0}:
            return "That asks whether the whole text is in the source. Ask it of each stretch."
        if given > 1:
            return "That is a count. Divide it by the number of stretches."
        return f"Of the stretches of 4 letters in {text!r}, {right:.0%} stand in {source!r}. Yours says {given:.0%}."
    return None


def _overlap(text: str, source: str, length: int) -> float:
    stretches = [text[first : first + length] for first in range(len(text) - length + 1)]
    return sum(stretch in source for stretch in stretches) / len(stretches)


_EXERCISES = (
    Number(
        id="10.1",
        ask="A batch holds 16 blocks of 32 letters, each with its next letter below it. How many guesses does the network make in one step?",
        right=512,
        slips=(
            Slip(16, "One for each block? It guesses at every position of each block.", "One example, one guess."),
            Slip(32, "That is one block. There are 16."),
            Slip(496, "The last letter has a target, too: the first one after the block."),
        ),
        low="It guesses at every position of every block.",
        high="There is one guess for each position, and no more.",
        unit="guesses",
        hints=("How many letters are in a batch?", "Each letter has one that comes next.", "16 x 32."),
        why="16 x 32 = 512. Each position is an exercise of its own, so a text teaches a lot.",
    ),
    Number(
        id="10.2",
        ask="The network knows 56 different tokens, and nothing else yet. What is its loss before training?",
        right=4.03,
        within=0.08,
        unit="nats",
        slips=(
            Slip(0, "0 would be certain and right each time."),
            Slip(2.3, "That is ln 10, for ten digits. Here are 56 tokens.", "A fresh network has loss 2.3."),
            Slip(1, "The loss isn't the share of wrong guesses.", "The loss is the share of wrong answers."),
            Slip(56, "The die has 56 sides. How surprising is it? Take the logarithm."),
        ),
        low="A die with 56 sides surprises more than that.",
        high="Only a network that is confidently wrong has such a loss.",
        hints=("As surprised as a die with how many sides?", "The loss of a fair die is ln of its sides.", "ln 56."),
        why="A die with 56 sides: ln 56 = 4.03. The network starts close to it.",
    ),
    Sort(
        id="10.3",
        ask="Three samples of one run, after the same beginning. Put them in the order in which they were written.",
        lines=("I had enough points for the picnic", "I 3CCyfHHfFII.rdv mc-LI", "I s the s an the the s a the"),
        rules=(
            Before(
                2,
                3,
                "Letters at random come first. Spaces and short words have to be learned.",
                "It begins with words.",
            ),
            Before(3, 1, "Whole words need more steps than `the the the`.", "It learns sentences at once."),
        ),
        hints=("Which one shows no knowledge at all?", "Frequent letters and spaces come first.", "2, then 3, then 1."),
        why="First chance, then what is frequent (spaces, e, t, `the`), then words, and at last whole sentences.",
    ),
    Choice(
        id="10.4",
        ask="A language model trains on 16 messages and ends with a training loss of 0.02. Great?",
        options=(
            Option(
                "Yes: 0.02 is nearly perfect",
                "Perfect on 16 messages. What does it say of others?",
                belief="A training loss near 0 is success.",
            ),
            Option(
                "No: it knows these messages by heart",
                "New text always surprises. Hardly any surprise means: it knows this text.",
                right=True,
            ),
            Option("No: the loss should be 0", "Then it would have copied all of it. That is no better."),
        ),
        hints=(
            "Can anybody know the next letter of a new message with such certainty?",
            "Look at the validation loss, or at the share that is copied.",
            "It has 106 thousand dials for 1,655 letters.",
        ),
        why="A text that is new surprises even the best model. A loss near 0 means that it is not new.",
    ),
    Fill(
        id="10.5",
        ask="Which share of the stretches stands in the source?",
        test=_test_overlap,
        right=_overlap,
        wrong=(
            (lambda text, source, length: float(text in source), "That asks whether the whole text is in the source."),
            (lambda text, source, length: 10 + length, "That is a count."),
            (lambda text, source, length: 0.75, "Yours says 75%"),
        ),
        hints=(
            "`stretch in source` is True or False, and True counts as 1.",
            "Sum it over all stretches.",
            "`sum(stretch in source for stretch in stretches) / len(stretches)`",
        ),
        why="`sum(stretch in source for stretch in stretches) / len(stretches)`: 0 is all its own, 1 is all copied.",
    ),
    Choice(
        id="10.6",
        ask="You lower the temperature from 1 to 0.2, and the samples get better. Has the network learned something?",
        options=(
            Option(
                "Yes: its answers are better",
                "The same scores were only sharpened. No weight has moved.",
                belief="Temperature is a kind of training.",
            ),
            Option("No: it only chooses more carefully", "Temperature divides the scores before one is drawn.", right=True),
            Option("Yes, but it forgets it afterwards", "There is nothing to forget. No weight has moved."),
        ),
        hints=(
            "What does `fingerprint()` say before and after?",
            "Temperature is used while writing, not while training.",
            "It divides the scores. The scores come from the same weights.",
        ),
        why="Temperature bends how a letter is drawn. What the network knows stays in its weights.",
    ),
    Choice(
        id="10.7",
        ask="While it guesses letter 6, which letters may the network look at?",
        options=(
            Option(
                "All letters of the block",
                "Then it could look up the answer. It would learn nothing.",
                belief="A GPT sees the whole text.",
            ),
            Option("Letters 1 to 5", "What comes later is masked, so that guessing stays guessing.", right=True),
            Option("Only letter 5", "That would be a table of pairs. Attention reaches back to the start."),
        ),
        hints=(
            "Would it be a guess if the answer could be seen?",
            "Cover the line, uncover it letter by letter: what did you see when you guessed the sixth?",
            "Only what stands before: letters 1 to 5.",
        ),
        why="A mask hides all that comes later. So each position is an honest guess.",
    ),
    Explain(
        id="10.8",
        ask="Explain to a friend: what does a language model learn from, when nobody has labelled anything?",
        model="The text is its own answer sheet: at each place it guesses the next token, and the text shows which one really came.",
        points=("The next token is the label.", "It is there at each position.", "Nobody has to write it down."),
        hints=(
            "What is the target at each position?",
            "Where does it come from?",
            "It is the next letter of the same text.",
        ),
        why="Each next token is a label for free.",
    ),
)

LESSON = Lesson(
    number="10",
    name="train_a_tiny_gpt",
    title="Train a tiny GPT, live",
    minutes=45,
    able=(
        "turned a text into hundreds of guesses,",
        "watched a network go from noise to words,",
        "measured how much of its writing is copied,",
        "told temperature from training.",
    ),
    kills=(
        "A low training loss always means that it understands.",
        "Temperature is a kind of training.",
        "A language model compares whole texts.",
        "Somebody has to label the text.",
    ),
    sections=(
        Section("10.1", "A text is its own answer sheet", _fresh),
        Section("10.2", "How surprised is it before training?", _fresh),
        Section("10.3", "From noise to words", _watched),
        Section("10.4", "Written, or copied?", _texts),
        Section("10.5", "Temperature is not training", _fresh),
        Section("10.6", "Who looks at whom", _fresh),
        Section("10.7", "More text", _two_sizes),
    ),
    exercises=_EXERCISES,
    facilitator=Facilitator(
        teach=8,
        do=28,
        talk=9,
        script=(
            "Cover a text, uncover one letter at a time, let the room guess. That is all the training there is.",
            "Run it together. Whoever sees the first real word calls it out.",
            "It writes a perfect sentence. Do we cheer? Section 4 first.",
        ),
        expect=(
            ("It has understood the messages", "Show the share that is copied."),
            ("A low temperature makes it smarter", "Compare the fingerprints."),
        ),
        cut="Section 6, and the last run of section 7.",
    ),
    words={
        "language model": "A network that says at each position of a text which token comes next.",
        "sample": "A text that a language model has written.",
        "temperature": "A number that the scores are divided by before a token is drawn; it changes no weight.",
        "prompt": "The beginning that a language model goes on from.",
        "context": "The tokens that a language model can see at once.",
    },
)
