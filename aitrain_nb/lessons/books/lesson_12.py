"""Faster and smaller: what a machine does in a step, where its memory goes, and how both are saved."""

from __future__ import annotations

from typing import Any

from aitrain_nb.lessons.exercises import Choice, Explain, Fill, Number, Option, Slip
from aitrain_nb.lessons.experiments import three_ways
from aitrain_nb.lessons.lesson import Facilitator, Lab, Lesson, Section, lab


def _nothing() -> Lab:
    return lab()


def _tables() -> Lab:
    """Inputs and weights of a layer."""
    inputs, weights = three_ways.tables()
    return lab(inputs=inputs, weights=weights, seconds=three_ways.seconds)


def _writer() -> Lab:
    """A small transformer that learns to go on with sentences."""
    import aitrain_nb as ai

    fields = {"data": "tickets", "task": "text-generation", "tokenizer": "words", "vocabulary_size": 500}
    return lab(trainer=ai.prepare(**fields, max_length=64, batch_size=8, max_steps=8, seed=0))


def _digits() -> Lab:
    import aitrain_nb as ai

    return lab(trainer=ai.prepare(data="digits", model="small-cnn", optimizer="adamw", seed=0))


def _attention() -> Lab:
    """Queries, keys and values of one head."""
    import torch

    chance = torch.Generator().manual_seed(0)
    queries, keys, values = (torch.randn(512, 32, generator=chance) for _ in range(3))
    return lab(queries=queries, keys=keys, values=values, blockwise=blockwise, mend=_mend)


def blockwise(queries: Any, keys: Any, values: Any, shrink: Any, block: int = 64) -> Any:
    """Attention [T, D] a block of keys at a time: the table of all scores [T, T] is never built.

    Args:
        queries: what each token asks [T, D].
        keys: what each token is asked by [T, D].
        values: what each token answers [T, D].
        shrink: takes the highest score so far and the new one [T, 1]: what all sums so far are multiplied by.
        block: keys at a time.
    """
    import torch

    length, width = queries.shape
    highest, total, result = torch.full((length, 1), -torch.inf), torch.zeros(length, 1), torch.zeros(length, width)
    for begin in range(0, length, block):
        scores = queries @ keys[begin : begin + block].T / width**0.5  # [T, block]
        new = torch.maximum(highest, scores.amax(1, keepdim=True))
        weights = (scores - new).exp()
        total = total * shrink(highest, new) + weights.sum(1, keepdim=True)
        result = result * shrink(highest, new) + weights @ values[begin : begin + block]
        highest = new
    return result / total


def _shrinks(shrink: Any) -> str | None:
    """Blockwise attention with it is plain attention."""
    import torch

    if not callable(shrink):
        return "That is no function. Write lambda highest, new: and what the sums are multiplied by."
    made = _attention()
    plain = (made.queries @ made.keys.T / 32**0.5).softmax(1) @ made.values
    off = float((plain - blockwise(made.queries, made.keys, made.values, shrink)).abs().max())
    if off < 1e-4:
        return None
    if not torch.isfinite(torch.tensor(off)):
        return "The result isn't a finite number. Is the difference the right way round? It must never be above 0."
    if float(torch.as_tensor(shrink(torch.zeros(1), torch.ones(1)))) == 0:
        return "Times 0 all sums so far are lost. They only have to shrink."
    return f"It runs, and differs from plain attention by up to {off:.2g}."


def _exp(difference: Any) -> Any:
    return difference.exp()


def _mend(highest: Any, new: Any) -> Any:
    return _exp(highest - new)


_BYTES = Number(
    id="12.1",
    ask="Training with AdamW in 32-bit numbers: how many bytes does each weight take in all, without activations?",
    right=16,
    slips=(
        Slip(4, "That is the weight alone. Its gradient and AdamW's two averages come on top.", "A model that fits for answering fits for training."),
        Slip(8, "The weight and its gradient. AdamW keeps two averages a weight besides."),
        Slip(12, "AdamW keeps two averages a weight: of the gradient, and of its square."),
        Slip(32, "32 bits are 4 bytes."),
    ),
    low="More: count the weight, its gradient, and what AdamW keeps.",
    high="Less: 4 numbers of 4 bytes.",
    unit="bytes",
    hints=("A 32-bit number has 4 bytes. How many numbers belong to a weight?", "The weight, its gradient, and two averages of AdamW.", "4 x 4."),
    why="Weight 4, gradient 4, two averages 8. So training takes four times the memory of the weights, before any activation.",
)  # fmt: skip

_CHECKPOINTING = Choice(
    id="12.2",
    ask="Gradient checkpointing throws inner values away and computes them again on the way back. What changes?",
    options=(
        Option("Memory falls, time rises, the gradient is less exact", "Recomputed from the same numbers, the values are the same.", belief="Saving memory costs quality."),
        Option("Memory falls, time rises, the gradient is the same", "One more forward pass for less memory: a trade, and no loss.", right=True),
        Option("Memory and time both fall", "What is computed twice takes longer.", belief="Smaller is faster."),
    ),
    hints=("Is anything rounded or left out?", "What is computed twice takes how long?", "Less memory, more time, the same numbers."),
    why="It trades time for memory. The gradient stays what it is.",
)  # fmt: skip

_LENGTH = Number(
    id="12.3",
    ask="A text becomes twice as long. By what factor does the table of scores of plain attention grow?",
    right=4,
    slips=(
        Slip(2, "Twice the rows, and each row has twice the columns.", "Twice the text, twice the cost."),
        Slip(8, "The table has two dimensions, length and length."),
        Slip(1, "Every token asks every token: the table grows with the length."),
    ),
    low="Each token asks each token: length times length.",
    high="Length times length is a square, no more.",
    unit="times",
    hints=("How many scores does a text of 10 tokens have? And one of 20?", "100 and 400.", "4."),
    why="Length times length: twice the length is four times the table.",
)  # fmt: skip

_SHRINK = Fill(
    id="12.4",
    ask="Each block may bring a higher score. Then all sums so far were made with the old highest one. What are they multiplied by?",
    test=_shrinks,
    right=lambda highest, new: _exp(highest - new),
    wrong=(
        (lambda highest, new: 0 * new, "sums so far are lost"),
        (lambda highest, new: _exp(new - highest), "the right way round"),
        (lambda highest, new: _exp(highest - new) ** 2, "differs from plain attention"),
        (2, "no function"),
    ),
    hints=(
        "The sums hold exp(score - highest). They should hold exp(score - new).",
        "exp(score - new) = exp(score - highest) x exp(highest - new).",
        "lambda highest, new: (highest - new).exp()",
    ),
    why="exp(highest - new) turns the old sums into what they would have been. So no table is needed, and nothing is approximated.",
)  # fmt: skip

_OUT_OF_MEMORY = Choice(
    id="12.5",
    ask="Out of memory. You want the same steps as before, but for rounding, and have time. What do you try first?",
    options=(
        Option("Half the batch", "Then each step has another gradient: fewer examples, more noise.", belief="The batch size is only a matter of memory."),
        Option("Batches of half the size, accumulated two by two", "The same examples a step, half the activations at once, the same gradient.", right=True),
        Option("16-bit numbers", "Less memory, but not the same numbers."),
        Option("A smaller model", "It fits, and is another model."),
    ),
    hints=("Which of them leaves the gradient of a step what it was?", "Which memory grows with the batch? And what did lesson 07 add up?", "Accumulate."),
    why="Accumulation keeps the step and halves the activations. Checkpointing keeps it as well. The other three change what is trained.",
)  # fmt: skip

_EXPLAIN = Explain(
    id="12.6",
    ask="Explain to a friend: where does memory go in training, and which of it can be saved without changing the result?",
    model="Weights, gradients, the optimizer's averages, and activations; activations can be saved by computing them twice, in blocks, or for fewer examples at once.",
    points=("Weights, gradients, optimizer, activations.", "Activations grow with batch and length.", "Checkpointing, blocks and accumulation save them without changing the result."),
    hints=("Four parts.", "Which part grows with the batch?", "Which three tricks left the result the same?"),
    why="Four parts, and the fourth is the one that can be saved for time.",
)  # fmt: skip

LESSON = Lesson(
    number="12",
    name="faster_and_smaller",
    title="Faster and smaller: the machine",
    minutes=45,
    able=(
        "measured what computing in parallel is worth, on your own machine,",
        "said where the memory of a training step goes, part by part,",
        "traded time for memory with gradient checkpointing, and checked that the gradient stayed the same,",
        "written the heart of efficient attention in one line,",
        "estimated how long a training takes before it begins.",
    ),
    kills=(
        "A model that fits for answering fits for training.",
        "Saving memory costs quality.",
        "16-bit is always faster.",
        "Twice the text, twice the cost.",
    ),
    sections=(
        Section("12.1", "In parallel", _tables),
        Section("12.2", "Where memory goes", _digits),
        Section("12.3", "Fewer bits", _writer),
        Section("12.4", "Compute twice, keep less", _writer),
        Section("12.5", "Attention in blocks", _attention),
        Section("12.6", "How long will it take?", _nothing),
    ),
    exercises=(_BYTES, _CHECKPOINTING, _LENGTH, _SHRINK, _OUT_OF_MEMORY, _EXPLAIN),
    facilitator=Facilitator(
        teach=10,
        do=27,
        talk=8,
        script=(
            "Ask who has met 'out of memory'. What did you do? Was it the same training afterwards?",
            "Bytes a weight: collect the guesses 4, 8, 12, 16, and let those of 16 explain.",
            "Compare the table of section 3 from seat to seat: who has a machine on which 16 bits are faster?",
        ),
        expect=(
            ("16-bit is always faster", "Here and now it is measured. Many processors have no such instructions."),
            ("Checkpointing makes the gradient worse", "Its cosine with the other is 1."),
        ),
        cut="Sections 5 and 6.",
    ),
    words={
        "activations": "The inner values of a forward pass; kept until the way back has used them.",
        "gradient checkpointing": "Keeping few inner values and computing the others again on the way back.",
        "bf16": "A 16-bit number with the range of a 32-bit one, and between two and three digits.",
        "GPU": "A graphics card: thousands of small calculators that work at once.",
    },
)
