"""The glossary: the words of the field, each in one plain sentence. A lesson adds its own."""

from __future__ import annotations

from aitrain_nb.lessons import book

_BASIC = {
    "accuracy": "The share of answers that are right, from 0 to 1.",
    "activation": "A number that a layer computes on the way; kept until backpropagation has used it.",
    "attention": "How a transformer lets each token look at others, and weigh them.",
    "backpropagation": "Going back through the network from the loss, to find each weight's gradient.",
    "batch": "The examples that the network sees before one update.",
    "batch size": "How many examples are in a batch.",
    "checkpoint": "A run's state saved at one step, so that it can go on from there.",
    "cross-entropy": "The loss of a classifier: minus the logarithm of the probability it gave to the right class.",
    "embedding": "The row of learned numbers that stands for a token.",
    "epoch": "One pass through all the training examples.",
    "evaluation": "Measuring loss and accuracy on examples that are not trained on.",
    "few-shot": "Doing a task with only a few examples of it.",
    "fine-tuning": "Training on from weights that were trained on something else.",
    "forward pass": "Sending a batch through the network's layers, from the input to the scores.",
    "gradient": "For each weight: how the loss changes when the weight is nudged up a little.",
    "gradient norm": "The length of all gradients together, one number; not the size of the update.",
    "iteration": "One training step: one batch forward and back, and one update.",
    "layer": "One stage of the network: it turns numbers into other numbers by its weights.",
    "learning rate": "How far an update turns the weights.",
    "logit": "A raw score of the network, before softmax makes probabilities of the scores.",
    "loss": "How wrong a prediction is; 0 is perfect, larger is worse.",
    "mixed precision": "Computing with 16-bit numbers where that is safe, with 32-bit numbers elsewhere.",
    "nat": "The unit of a loss: an event of probability 1/e surprises by one nat.",
    "optimizer": "The rule that makes an update of the gradients, such as SGD or AdamW.",
    "overfitting": "Getting better on the training examples while getting worse on others.",
    "parameter": "A weight: a number of the network that training changes.",
    "perplexity": "e to the power of a language model's loss: among how many equally likely tokens it seems to choose.",
    "quantization": "Storing weights with fewer bits, so that a model is smaller.",
    "seed": "The number that decides all chance of a run, so that it can be repeated.",
    "softmax": "Turns scores into probabilities: all positive, and together 1.",
    "step": "One training step, the same as an iteration.",
    "token": "A piece of text that has a number: a letter, a part of a word, or a word.",
    "underfitting": "Not having learned enough yet: bad on the training examples, too.",
    "update": "The change of all weights in one step.",
    "validation": "Testing, during training, on examples that are not trained on.",
    "weight": "A number of the network that training turns, like a dial.",
}  # fmt: skip
_SHORT = {
    "lr": "learning rate", "grad_norm": "gradient norm", "dial": "weight", "few shot": "few-shot", "backprop": "backpropagation",
    "forward": "forward pass", "fine tuning": "fine-tuning", "ppl": "perplexity", "weights": "weight",
}  # fmt: skip


def words() -> dict[str, str]:
    """All words with their sentences."""
    return _BASIC | {word: says for lesson in book.lessons() for word, says in lesson.words.items()}


def find(word: str) -> str | None:
    """The word as the glossary has it, also for its short forms, plural and capitals; None where it hasn't."""
    known, typed = words(), word.strip().lower()
    for candidate in (
        typed,
        _SHORT.get(typed, ""),
        typed.removesuffix("s"),
        typed.removesuffix("es"),
        typed.replace("-", " "),
    ):
        if candidate in known:
            return candidate
    return None
