"""The fields of a run: each with its label, help, unit, range, scale and the group in which a form shows it.

A form, the documentation and a command line are made from them. A new knob is one new field here.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from aitrain_nb.knobs import knob
from aitrain_nb.schedules import ScheduleName  # noqa: TC001  pydantic reads the annotation


class ConfigFields(BaseModel):
    """All fields of `aitrain_nb.TrainConfig`, in the order of a form: the basic ones first, then group by group."""

    task: str | None = knob(None, "Task", "What the model learns to do; empty: what the data is for.")
    data: str | None = knob(None, "Data", "A bundled data set, a file, a folder or a hub name; empty: the task's own.")
    model: str | None = knob(None, "Model", "A small model, a folder or a hub name; empty: the task's own.")
    method: Literal["auto", "scratch", "fine-tune", "lora", "head"] = knob(
        "auto", "Method", "From random weights, from pretrained ones, small adapters beside frozen pretrained ones (lora), or only a "
        "new head on them; auto: fine-tune where the model is pretrained.",
    )  # fmt: skip

    epochs: int = knob(
        5, "Epochs", "How often the model sees all training examples.",
        unit="epochs", minimum=1, maximum=10_000, usual=(1, 50),
    )  # fmt: skip
    batch_size: int = knob(
        32, "Batch size", "Examples that go through the model at once.",
        unit="examples", minimum=1, maximum=65_536, scale="log", usual=(1, 512),
    )  # fmt: skip
    learning_rate: float | None = knob(
        None, "Learning rate", "How large a change each step may make: the peak of the schedule; "
        "empty: 1e-4 to fine-tune, 0.01 for a head, else (lora, too) 0.001.",
        unit="weight units per step (AdamW)", minimum=1e-8, maximum=100.0, scale="log", usual=(1e-5, 1.0),
    )  # fmt: skip
    schedule: ScheduleName = knob("constant", "Schedule", "How the learning rate changes after the warm-up.")
    warmup_steps: float = knob(
        0.0, "Warm-up", "Steps that raise the learning rate from 0 to its peak; below 1, a share of the run.",
        unit="steps, or a share below 1", minimum=0.0, maximum=1e6, usual=(0.0, 0.5),
    )  # fmt: skip
    seed: int = knob(
        0, "Seed", "Decides the first weights, the split, the order of the examples and dropout.",
        minimum=0, maximum=2**31 - 1,
    )  # fmt: skip

    text_column: str | None = knob(
        None, "Text column", "The column with the texts; empty: guessed, and the guess is shown.", group="Texts"
    )
    pair_column: str | None = knob(
        None, "Second text column", "The column with the second text of each pair; empty: by well-known names only.",
        group="Texts",
    )  # fmt: skip
    label_column: str | None = knob(
        None, "Label column", "The column with the classes; empty: guessed, and the guess is shown.", group="Texts"
    )
    max_length: int | None = knob(
        None, "Longest text", "Most tokens of a text, or tokens of a block for text generation; empty: 512, or 128 (small-gpt: 64).",
        unit="tokens", minimum=2, maximum=100_000, group="Texts",
    )  # fmt: skip
    tokenizer: Literal["auto", "subwords", "words", "characters"] = knob(
        "auto", "Tokenizer", "How a small model's texts are cut; auto: characters for text generation, else subwords. "
        "A pretrained model brings its own.", group="Texts",
    )  # fmt: skip
    vocabulary_size: int = knob(
        4_000, "Vocabulary", "Most tokens that a small model's tokenizer learns from the training texts.",
        unit="tokens", minimum=8, maximum=200_000, scale="log", group="Texts",
    )  # fmt: skip

    image_size: int | None = knob(
        None, "Image size", "Side of the images in a folder, in pixels; empty: the most frequent size, or the model's.",
        unit="pixels", minimum=1, maximum=4096, group="Images",
    )  # fmt: skip
    augmentation: Literal["none", "shift", "affine", "flip", "affine+flip"] = knob(
        "none", "Augmentation", "How training images are changed at random, anew in each epoch: moved by whole pixels; moved, "
        "turned and zoomed; mirrored left to right.", group="Images",
    )  # fmt: skip
    normalization: Literal["auto", "none", "data"] = knob(
        "auto", "Normalization", "data: each channel of the images gets mean 0 and standard deviation 1; auto: as a pretrained "
        "model was trained, else the scaled pixels.", group="Images",
    )  # fmt: skip

    freeze: str | None = knob(
        None, "Frozen weights", "Weights that are not trained: patterns for the names of modules or weights, separated by commas, such as "
        "*embeddings*, *.layer.0.*; empty: none but those that the method freezes.", group="Layers",
    )  # fmt: skip
    frozen_layers: int = knob(
        0, "Frozen layers", "The lowest so many layers, and all that lies below them, are not trained.",
        unit="layers", minimum=0, maximum=10_000, group="Layers",
    )  # fmt: skip
    head_epochs: int = knob(
        0, "Head first", "During the first so many epochs only the new head of a pretrained model is trained, then all.",
        unit="epochs", minimum=0, maximum=10_000, group="Layers",
    )  # fmt: skip
    head_learning_rate: float = knob(
        0.01, "Rate of the head alone", "Learning rate of those first epochs, without a schedule.",
        unit="weight units per step (AdamW)", minimum=1e-8, maximum=10.0, scale="log", usual=(1e-4, 0.1), group="Layers",
    )  # fmt: skip
    layer_decay: float = knob(
        1.0, "Smaller rates below", "The learning rate of each layer is this times that of the layer above it; 1: the same for all.",
        unit="share of the rate of the layer above", minimum=0.01, maximum=1.0, usual=(0.5, 1.0), group="Layers",
    )  # fmt: skip
    lora_rank: int = knob(
        8, "Rank", "Width of each adapter: more can learn more, and are more weights.",
        unit="dimensions", minimum=1, maximum=4096, scale="log", usual=(1, 64), group="LoRA",
    )  # fmt: skip
    lora_alpha: int = knob(
        16, "Alpha", "How strongly an adapter acts: its change of a layer is multiplied by alpha / rank.",
        unit="divided by the rank", minimum=1, maximum=10_000, group="LoRA",
    )  # fmt: skip
    lora_dropout: float = knob(
        0.0, "Dropout", "Share of an adapter's inputs that are left out at random while it trains.",
        unit="share of the inputs", minimum=0.0, maximum=0.9, group="LoRA",
    )  # fmt: skip

    optimizer: Literal["adamw", "adam", "sgd"] = knob(
        "adamw", "Optimizer", "How gradients become weight changes.", group="Optimizer"
    )
    weight_decay: float = knob(
        0.01, "Weight decay", "Pulls weights towards 0; norms and biases are left out.",
        unit="share of the weight per unit of learning rate", minimum=0.0, maximum=10.0, usual=(0.0, 0.5), group="Optimizer",
    )  # fmt: skip
    momentum: float = knob(
        0.0, "Momentum", "SGD only: how much of the last step's direction is kept.",
        unit="share of the last direction", minimum=0.0, maximum=0.9999, group="Optimizer",
    )  # fmt: skip
    beta1: float = knob(
        0.9, "Beta 1", "Adam and AdamW: memory of the mean gradient.",
        unit="share of the last mean", minimum=0.0, maximum=0.99999, group="Optimizer",
    )  # fmt: skip
    beta2: float = knob(
        0.999, "Beta 2", "Adam and AdamW: memory of the squared gradient.",
        unit="share of the last mean", minimum=0.0, maximum=0.999999, group="Optimizer",
    )  # fmt: skip
    epsilon: float = knob(
        1e-8, "Epsilon", "Adam and AdamW: keeps the division finite.",
        unit="nats per weight unit", minimum=1e-16, maximum=1.0, scale="log", group="Optimizer",
    )  # fmt: skip
    max_grad_norm: float = knob(
        1.0, "Gradient clipping", "Gradients with a larger L2 norm are scaled down to it; 0 turns clipping off.",
        unit="nats per weight unit", minimum=0.0, maximum=1e6, group="Optimizer",
    )  # fmt: skip
    gradient_accumulation_steps: int = knob(
        1, "Gradient accumulation", "Batches whose gradients are added up before the weights change.",
        unit="micro-batches a step", minimum=1, maximum=10_000, group="Optimizer",
    )  # fmt: skip
    nan_policy: Literal["stop", "skip", "mark"] = knob(
        "stop", "Not a number", "What happens where a loss or gradient isn't finite. stop: the weights stay as they were and the run ends; "
        "skip: they stay, the run goes on (10 such steps in a row end it); mark: the step is taken and marked, and spoils the weights.",
        group="Optimizer",
    )  # fmt: skip
    label_smoothing: float = knob(
        0.0, "Label smoothing", "Share of the target probability spread evenly over all classes.",
        unit="share of the probability", minimum=0.0, maximum=0.9, group="Loss",
    )  # fmt: skip

    class_weights: Literal["none", "balanced"] = knob(
        "none", "Class weights", "balanced: a rare class counts as much in all as a frequent one.", group="Loss"
    )

    max_steps: int | None = knob(
        None, "Most steps", "Optimizer steps in all; overrides epochs.",
        unit="steps", minimum=1, maximum=10**9, group="Length and evaluation",
    )  # fmt: skip
    validation_fraction: float = knob(
        0.2, "Validation share", "Share of the examples that is kept for validation.",
        unit="share of the examples", minimum=0.01, maximum=0.9, group="Split",
    )  # fmt: skip
    test_fraction: float = knob(
        0.0, "Test share", "Share of the examples that nothing looks at until you ask for evaluate('test'); 0: none.",
        unit="share of the examples", minimum=0.0, maximum=0.5, group="Split",
    )  # fmt: skip
    buffer_size: int | None = knob(
        None, "Buffer", "For data that don't fit into memory: rows that are held at a time and shuffled among themselves, while the "
        "others are read as the run goes on; it needs max_steps. Empty: all.",
        unit="rows", minimum=2, maximum=10**9, group="Split",
    )  # fmt: skip
    evaluate_every: int | None = knob(
        None, "Evaluate every", "Steps between evaluations; empty: at the end of each epoch and of the run; 0: never.",
        unit="steps", minimum=0, maximum=10**9, group="Length and evaluation",
    )  # fmt: skip
    evaluation_batch_size: int | None = knob(
        None, "Evaluation batch size", "Examples at once during evaluation; empty: chosen from the model's size.",
        unit="examples", minimum=1, maximum=65_536, group="Length and evaluation",
    )  # fmt: skip
    evaluation_examples: int | None = knob(
        None, "Evaluation examples", "Most validation examples that an evaluation looks at, spread evenly; empty: all, or 256 "
        "blocks for text generation.", unit="examples", minimum=1, maximum=10**9, group="Length and evaluation",
    )  # fmt: skip
    best_metric: Literal["loss", "accuracy", "macro_f1"] = knob(
        "loss", "Best by", "What makes one evaluation better than another: a lower loss, or a higher score.",
        group="Length and evaluation",
    )  # fmt: skip
    early_stopping: Literal["none", "patience", "detector"] = knob(
        "none",
        "Early stopping",
        "Whether training ends when validation stops improving (patience, see Best by) or when it overfits (detector, by the losses).",
        group="Length and evaluation",
    )
    early_stopping_patience: int = knob(
        3, "Patience", "Evaluations in a row without a new best before early stopping ends the run.",
        unit="evaluations", minimum=1, maximum=10_000, group="Length and evaluation",
    )  # fmt: skip
    keep: Literal["best", "last"] = knob(
        "best", "Keep", "Which weights the model holds at the end: the best evaluated ones, or the last.",
        group="Length and evaluation",
    )  # fmt: skip

    save_every: int | None = knob(
        None, "Save every", "Steps between checkpoints in the run's folder, where it has one; empty: at the end of each epoch and of "
        "the run; 0: never.", unit="steps", minimum=0, maximum=10**9, group="Records",
    )  # fmt: skip
    keep_checkpoints: int = knob(
        2, "Checkpoints kept", "How many of the newest checkpoints stay in the run's folder, besides the best weights.",
        unit="checkpoints", minimum=1, maximum=10_000, group="Records",
    )  # fmt: skip
    log_every: int | None = knob(
        None, "Log every", "Steps between printed lines; empty: five lines an epoch. Every step is kept in the history.",
        unit="steps", minimum=1, maximum=10**9, group="Records",
    )  # fmt: skip
    inspect_every: int = knob(
        0, "Inspect every", "Steps between measurements of how far the weights moved during fit; 0: never.",
        unit="steps", minimum=0, maximum=10**9, group="Records",
    )  # fmt: skip
    snapshot_every: int = knob(
        0, "Snapshot every", "Steps between snapshots during fit, for undo; 0: never. Steps by hand always take one.",
        unit="steps", minimum=0, maximum=10**9, group="Records",
    )  # fmt: skip
    snapshot_memory_bytes: int = knob(
        256 * 2**20, "Snapshot memory", "Snapshots are kept in at most this much memory, the oldest stays, the rest is thinned out.",
        unit="bytes", minimum=0, maximum=2**50, group="Records",
    )  # fmt: skip
    precision: Literal["auto", "fp32", "bf16", "fp16"] = knob(
        "auto", "Precision", "Bits that the layers compute with; weights, loss and optimizer keep 32. fp16 multiplies the loss, so that "
        "small gradients don't get lost. auto: bf16 where the processor has it and the model is as large as pretrained ones, else fp32.",
        group="Speed and memory",
    )  # fmt: skip
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2"] = knob(
        "auto", "Attention", "How a transformer computes its attention: step by step (eager), by torch's own fast way (sdpa), or by the "
        "package flash-attn; auto: sdpa where the model has it, on a processor eager if attention drops out.", group="Speed and memory",
    )  # fmt: skip
    gradient_checkpointing: bool = knob(
        False, "Gradient checkpointing", "Each block keeps only its input for the way back and is computed once more there: less memory, a "
        "third more time, the same numbers.", group="Speed and memory",
    )  # fmt: skip
    group_by_length: Literal["auto", "on", "off"] = knob(
        "auto", "Group by length", "Texts of like length share a batch, so that little is padding; which ones stays random. auto: on for "
        "texts where the model is as large as pretrained ones.", group="Speed and memory",
    )  # fmt: skip
    fused_optimizer: Literal["auto", "on", "off"] = knob(
        "auto", "Fused optimizer", "One call of torch moves all weights; auto: on where torch has it for these weights.",
        group="Speed and memory",
    )  # fmt: skip
    compile: bool = knob(
        False, "Compile", "torch.compile makes faster code of the model's forward and its way back, after a minute or so; equal up to "
        "rounding.",
        group="Speed and memory",
    )  # fmt: skip
    fast_dropout: bool = knob(
        False, "Fast dropout", "On a processor, dropout takes its random numbers in pieces of 16 bits: a fifth of the time, "
        "other numbers, the same share to the nearest 65,536th.", group="Speed and memory",
    )  # fmt: skip
    device: Literal["auto", "cpu", "cuda", "mps"] = knob(
        "auto", "Device", "Where the numbers are computed; auto takes a GPU where there is one.",
        group="Speed and memory",
    )  # fmt: skip
    threads: int | None = knob(
        None, "Threads", "Processor threads for torch; empty: one for under 150,000 weights, up to 4 for under a million, else all.",
        unit="threads", minimum=1, maximum=1024, group="Speed and memory",
    )  # fmt: skip
