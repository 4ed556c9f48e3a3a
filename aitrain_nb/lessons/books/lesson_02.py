"""Everything becomes numbers: pieces, ids, rows of numbers; grids of pixels; padding, masks, batches."""

from __future__ import annotations

from functools import partial
from typing import Any

from aitrain_nb.lessons.exercises import Before, Choice, Fill, Number, Option, Slip, Sort
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab


def _cutting() -> Lab:
    """Messages, and three tokenizers that have learned from them."""
    from aitrain_nb.lessons.experiments.numbered_words import messages
    from aitrain_nb.lessons.widgets.token_lens import tokenizer

    data = messages()
    assert data.validation is not None
    names = {"characters": "characters", "words": "words", "sub-words": "subwords"}
    tokenizers = {name: tokenizer(kind, 1000) for name, kind in names.items()}
    return lab(messages=data.train.columns["text"], new=data.validation.columns["text"], tokenizers=tokenizers)


def _secret() -> Lab:
    """The messages in plain and in secret writing, and a run for each, not yet trained."""
    from aitrain_nb.lessons.experiments import numbered_words as words

    plain, hidden = words.messages(), words.all_in_secret()
    texts, secret_texts = (data.train.columns["text"] for data in (plain, hidden))
    runs = [words.bag_run(data, words.first_come(data.train.columns["text"])) for data in (plain, hidden)]
    shown = {"words_of": words.words_of, "both_scripts": words.BothScripts}
    return lab(texts=texts, secret_texts=secret_texts, plain_run=runs[0], secret_run=runs[1], **shown)


def _sizes() -> Lab:
    """Two runs on the same ids, not yet trained, and a new number for each id."""
    import torch

    from aitrain_nb.lessons.experiments import numbered_words as words

    new = torch.randperm(words.VOCABULARY, generator=torch.Generator().manual_seed(0))
    return lab(sizes=words.size_run(), rows=words.bag_run(), new_numbers=new)


def _rows() -> Lab:
    """A run whose network has 16 numbers a word."""
    from aitrain_nb.lessons.experiments.numbered_words import bag_run

    return lab(trainer=bag_run())


def _pixels() -> Lab:
    """Runs on digits whose pixels are multiplied by a number."""
    from aitrain_nb.lessons.experiments.numbered_words import digit_run

    return lab(digit_run=digit_run)


def _padded() -> Lab:
    """A network that sorts messages, and the new messages as one block with its mask."""
    import torch

    from aitrain_nb.lessons.experiments.numbered_words import MOST_TOKENS, bag_run

    trainer = bag_run()
    trainer.fit(display="none")
    side = trainer.data.validation
    assert side is not None
    block = trainer.processor(side.columns["text"], padding="max_length", max_length=MOST_TOKENS, truncation=True, return_tensors="pt")
    ids, mask = block["input_ids"], block["attention_mask"].to(torch.int64)
    alone = [(ids[i : i + 1, :n], mask[i : i + 1, :n]) for i, n in enumerate(mask.sum(-1).tolist())]
    return lab(trainer=trainer, ids=ids, mask=mask, one_by_one=alone)


def _batches() -> Lab:
    """A run over one epoch of messages, by how they are put into batches."""
    from aitrain_nb.lessons.experiments.numbered_words import bag_run

    return lab(prepare=partial(_grouped, bag_run))


def _grouped(bag_run: Any, how: str) -> Any:
    return bag_run(steps=31, group_by_length=how)


def _is_mask(answer: Any) -> str | None:
    """What is wrong with a learner's `mask_of(ids, padding)`."""
    import torch

    if not callable(answer):
        return "This is not a function. Fill in the line inside `mask_of`, run its cell, and check again."
    ids, padding = torch.tensor([[7, 5, 3, 3], [0, 9, 4, 6]]), 3
    got = answer(ids, padding)
    if got is ...:
        return ""
    try:
        mask = torch.as_tensor(got).to(torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return "Your line gives no block of numbers. Compare the block with the id of padding."
    if mask.shape != ids.shape:
        return f"The mask has one number for each token: {list(ids.shape)}. Yours has the shape {list(mask.shape)}."
    right = (ids != padding).to(torch.float64)
    known = (
        (1 - right, "That is turned round: 1 marks padding. The mask has a 1 where the text is."),
        (torch.ones_like(right), "All are 1: nothing is masked."),
        ((ids != 0).to(torch.float64), "You compare with 0. Here padding has the id 3, and 0 is a word like any other."),
        ((ids > padding).to(torch.float64), "An id isn't a size: 0 is below 3 and a word all the same. Ask whether it is another id."),
        (ids * right, "Those are the ids with padding set to 0. The mask only says yes or no: 1 or 0."),
    )
    for block, says in known:
        if torch.equal(mask, block):
            return says
    return None if torch.equal(mask, right) else f"Of {ids.tolist()} with padding {padding} it makes {mask.int().tolist()}."


_TOKENS = Number(
    id="02.1",
    ask='A tokenizer of 1,000 sub-words cuts "My parcel is untrackable!" How many tokens does it make?',
    right=8,
    slips=(
        Slip(4, "Those are words. The rare one is put together of parts, and the sign at the end is a token, too.", "A token is a word."),
        Slip(5, "Four words and a sign. But \"untrackable\" is too rare to have a number of its own.", "A token is a word."),
        Slip(22, "Those are the letters and the sign. Common words and parts of words are one token.", "A token is a letter."),
        Slip(25, "That is cut by characters, spaces too. Common words and parts of words are one token.", "A token is a character."),
    ),
    low="More. One of these words is rare.",
    high="Fewer. Common words stay whole, and a rare one falls into a few parts.",
    unit="tokens",
    hints=(
        "Which of these words are common in messages to a shop?",
        "my, parcel and is: one token each. The sign is one, too.",
        "The rare word falls into un, tr, ack and able.",
    ),
    why="my, parcel, is: one each. un, tr, ack, able: four for the rare word. And the sign at the end.",
)  # fmt: skip

_SECRET = Choice(
    id="02.2",
    ask="The second network learns from messages in secret writing. How good will it be on new messages in the same writing?",
    options=(
        Option("As bad as guessing: nobody can read that", "Neither network reads. Each gets ids, and those say nothing of letters.",
               belief="The network sees letters."),
        Option("Worse, since it must break the code first", "There is no code to break. In both scripts the first new word is the same number.",
               belief="The network knows English before it learns."),
        Option("Exactly as good as the first", "Both get the very same numbers, so all weights come out the same.", right=True),
        Option("Nearly as good: some words are lost", "No word is lost. Two different words stay different in secret writing."),
    ),
    hints=(
        "What does the network get: letters, or what was made of them?",
        "In both scripts each new word gets the next free number.",
        "The same numbers in, the same first weights. What could differ?",
    ),
    why="The ids are the same in both scripts. The same numbers in, the same weights out.",
)  # fmt: skip

_SIZES = Choice(
    id="02.3",
    ask="One network takes the ids for sizes. After training, what share of new messages does it sort into the right one of six kinds?",
    options=(
        Option("Nearly all: it gets all there is to know", "It gets it in a form that it can't use. Sums of ids mean nothing.",
               belief="Numbers are numbers."),
        Option("About as many as the other network", "It has the same ids. But the other one doesn't add them up: it looks something up.",
               belief="An id is a size."),
        Option("Fewer than the other, but far more than one in six", "A sum of ids says less than that: it is hardly better than guessing.",
               belief="A rough number is better than none."),
        Option("About one in six: as bad as guessing", "Id 136 is no more than id 135, and a sum of ids means nothing.", right=True),
    ),
    hints=(
        "The network multiplies the ids and adds them up.",
        "If parcel is 68 and refund is 135, what is their sum?",
        "203, and that is the id of the word weeks.",
    ),
    why="Ids are names. Multiplied and added up, as a network does it, they say next to nothing about a message.",
)  # fmt: skip

_WAY = Sort(
    id="02.4",
    ask="Bring the way of a text into its order.",
    lines=(
        "rows: each id's numbers are looked up in a table of weights",
        "tokens: the text is cut into pieces of the vocabulary",
        "layers: the rows are multiplied and added up",
        "ids: each piece becomes its place in the vocabulary",
    ),
    rules=(
        Before(2, 4, "What would get a number? First there have to be pieces.", "The text itself gets a number."),
        Before(4, 1, "A row is found by its id, so the id comes first."),
        Before(1, 3, "Layers multiply rows. With bare ids they would take names for sizes.", "The network computes with ids."),
    ),
    hints=(
        "First it is cut.",
        "Then pieces become ids. What is looked up with an id?",
        "The layers come last: they compute with the rows.",
    ),
    why="Text, tokens, ids, rows. Only the rows are computed with.",
)  # fmt: skip

_PHOTO = Number(
    id="02.5",
    ask="A photo has 224 rows and 224 columns. Each pixel has three numbers: red, green, blue. How many numbers does the network get?",
    right=150528,
    slips=(
        Slip(50176, "That is 224 x 224, a picture in grey. Each pixel has three numbers.", "A pixel is one number."),
        Slip(672, "That is 224 x 3. There are 224 rows of it.", "A picture is its width and colours."),
        Slip(451, "They are multiplied, not added: 224 rows of 224 pixels of 3 numbers."),
        Slip(1, "To us it is one picture. To the network it is a number for each colour of each pixel.", "A picture is one thing to the network."),
    ),
    low="More: rows x columns x colours.",
    high="Fewer: rows x columns x colours.",
    unit="numbers",
    hints=("How many pixels are there?", "224 x 224 = 50,176 pixels.", "Times three."),
    why="224 x 224 x 3 = 150,528: rows times columns times colours.",
)  # fmt: skip

_STRETCHED = Choice(
    id="02.6",
    ask="The third network looks at pixels from 0 to 255, before any training. How large is its loss?",
    options=(
        Option("About 2.3: it knows nothing, whatever it sees", "It knows nothing, but large numbers make large scores. It is sure all the same.",
               belief="The size of the input doesn't matter."),
        Option("Smaller: larger numbers are clearer", "They are the same pictures. Nothing is clearer, only larger.",
               belief="Larger numbers carry more information."),
        Option("Above 20: it is sure, and wrong", "Large numbers in, large scores out: sure of something, before it has learned anything.", right=True),
    ),
    hints=(
        "The network multiplies what comes in. What becomes of its scores?",
        "Scores that are 255 times as far apart: how sure is it then?",
        "Very. And it knows nothing.",
    ),
    why="Scores grow with what comes in. It is sure of something at random, and being sure and wrong is what the loss punishes most.",
)  # fmt: skip

_COUNTED = Choice(
    id="02.7",
    ask="Padding is taken for text: nobody gives the network a mask. What becomes of its answers?",
    options=(
        Option("Nothing: padding is 0, and 0 adds nothing", "Its id is 0, but an id is a name. Its row of numbers isn't 0.",
               belief="Padding is nothing."),
        Option("An error: padding is no word", "It has an id and a row, as any token has. No error, only worse answers.",
               belief="A network notices nonsense."),
        Option("It is less sure, and some answers change", "The rows of padding are mixed in. The shorter the text, the more of them.", right=True),
        Option("All answers become wrong", "The text still counts. But it is diluted, the shorter ones most."),
    ),
    hints=(
        "The id of padding is 0. Is its row 0, too?",
        "This network takes the mean of all rows. What do 40 rows of padding do to it?",
        "They dilute it.",
    ),
    why="Padding has a row of its own. Mixed in with the text, it dilutes what the network is sure of.",
)  # fmt: skip

_MASK = Fill(
    id="02.8",
    ask="Write the mask: 1 for each real token, 0 for padding.",
    test=_is_mask,
    right=lambda ids, padding: (ids != padding).long(),
    wrong=(
        (lambda ids, padding: ids == padding, "turned round"),
        (lambda ids, padding: ids != 0, "You compare with 0"),
        (lambda ids, padding: ids > padding, "An id isn't a size"),
        (lambda ids, padding: ids * (ids != padding), "yes or no"),
        (lambda ids, padding: 0 * ids + 1, "nothing is masked"),
        (lambda ids, padding: (ids != padding).sum(-1), "one number for each token"),
        ([1, 1, 0], "not a function"),
    ),
    hints=(
        "Compare every id with that of padding; a tensor does it for all at once.",
        "The mask is true where the id is another one.",
        "In Python == asks whether two are the same. What asks whether they differ?",
    ),
    why="A token is real where its id isn't that of padding: (ids != padding). Yes and no serve as 1 and 0.",
)

_SHARE = Number(
    id="02.9",
    ask="Three texts of 3, 40 and 5 tokens share a batch. How many percent of the block is padding?",
    right=60,
    slips=(
        Slip(40, "That is the share of text: 48 of 120. The rest is padding."),
        Slip(0.6, "As a part, yes. The question asks for percent."),
        Slip(150, "That is padding compared with text: 72 to 48. Compare it with the whole block of 120."),
        Slip(72, "Those are the cells: 37 + 35. Divide by the whole block, 3 x 40.", "A count is a share."),
        Slip(0, "The block has equal rows, and the texts haven't. Two of them must be filled up.", "A batch holds texts of any length."),
    ),
    low="More. Two of the three are very short.",
    high="Less. The long one fills its whole row.",
    unit="%",
    hints=(
        "How wide is the block? How many cells does it have?",
        "3 x 40 = 120 cells. The texts have 3 + 40 + 5 = 48 tokens.",
        "72 of 120.",
    ),
    why="3 x 40 = 120 cells, of which 48 are text. The other 72 are padding: 60 %.",
)  # fmt: skip

LESSON = Lesson(
    number="02",
    name="everything_becomes_numbers",
    title="Everything becomes numbers",
    minutes=35,
    able=(
        "cut a sentence in several ways, and said what each way costs,",
        "found out what a secret script does to a network,",
        "asked whether an id is a size, and looked at what stands behind it,",
        "found a pixel in a row of numbers, and seen why numbers are scaled,",
        "written a mask, and halved the padding of a batch.",
    ),
    kills=(
        "A token is a word.",
        "Ids are sizes.",
        "Padding is data.",
        "The network sees letters.",
    ),
    sections=(
        Section("02.1", "Text: cut into pieces", _cutting),
        Section("02.2", "Ids, and a secret script", _secret),
        Section("02.3", "Is an id a size?", _sizes),
        Section("02.4", "Embeddings: rows that are learned", _rows),
        Section("02.5", "Pictures: a grid, scaled", _pixels),
        Section("02.6", "Padding and the mask", _padded),
        Section("02.7", "The batch, and what padding costs", _batches),
    ),
    exercises=(_TOKENS, _SECRET, _SIZES, _WAY, _PHOTO, _STRETCHED, _COUNTED, _MASK, _SHARE),
    facilitator=Facilitator(
        teach=8,
        do=20,
        talk=7,
        script=(
            "Write a sentence on the board and let the room cut it. Whose cut makes the fewest pieces? Whose never fails?",
            "Read the secret message aloud. Who thinks that the network has a harder time with it than with plain English?",
            "Ask for the neighbours of one word: by its number first, then by its row.",
        ),
        expect=(
            ("A token is a word", "Type a name or a typing mistake into the picture of section 1."),
            ("Secret writing is harder", "Section 2: ask what exactly goes into the network, and compare the ids."),
            ("The id of padding is 0, so it adds nothing", "Section 6: an id is the number of a locker. What is in locker 0?"),
        ),
        cut="Leave out the renumbering in section 3 and the three scales in section 5.",
    ),
    words={
        "tokenizer": "What cuts a text into tokens and gives each of them its id.",
        "sub-word": "A piece that a tokenizer met often: a part of a word, or a common word as a whole.",
        "vocabulary": "The pieces that a tokenizer knows, each with its id.",
        "id": "The number of a token: its place in the vocabulary, a name and not a size.",
        "pixel": "One cell of a picture's grid; a number for grey, three for colour.",
        "scaling": "Multiplying all inputs by one number, so that their size is about 1.",
        "padding": "Tokens that fill short texts up to the length of the longest in the batch.",
        "mask": "A block of ones and zeros that says which tokens count, and which are padding.",
    },
)
