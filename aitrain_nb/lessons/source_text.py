"""What the lessons must teach: each claim of the text on the training process that they grow from, and what became of it.

A cell of a lesson that shows a claim by a run has the tag `shows:` and the claim's name. A claim that is wrong or too short is corrected.
"""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """A claim.

    Attributes:
        section: the heading in the text.
        says: the claim, shortened.
        correction: what is wrong with it, or what has to be added; empty where it holds as it stands.
    """

    section: str
    says: str
    correction: str = ""


CLAIMS = {
    "loop/repeats": Claim("The Basic Loop", "Training is a repetitive process that gradually improves the model."),
    "initialize/random": Claim("Step 1: Initialize the Model", "The weights start at random, so the predictions are nonsense."),
    "feed/numbers": Claim("Step 2: Feed Training Data", "Everything becomes numbers: text, and images as grids of pixel values."),
    "feed/batches": Claim("Step 2: Feed Training Data", "The data go through the model in small batches."),
    "forward/layers": Claim("Step 3: Forward Pass", "The data flow through the layers; each transforms them."),
    "forward/patterns": Claim("Step 3: Forward Pass", "Early layers find simple patterns, later layers complex ones.",
                              "A tendency that is measured here, not a law."),
    "loss/measures": Claim("Step 4: Calculate Loss", "Loss measures how wrong a prediction was: low is good, high is bad."),
    "loss/classification": Claim("Step 4: Calculate Loss", "How confident were you in the wrong answer?",
                                 "It is how little confidence the right answer got."),
    "loss/generation": Claim("Step 4: Calculate Loss", "How different is your text from the expected text?",
                             "No text is compared: the loss scores the probability of each expected token."),
    "backward/blame": Claim("Step 5: Backpropagation", "Which weights caused this mistake? Adjust them slightly.",
                            "A gradient says what a small nudge would do; it is no cause and no intention."),
    "backward/aim": Claim("Step 5: Backpropagation", "Like adjusting your aim after missing a target.",
                          "All weights are adjusted at once, each by its own gradient."),
    "update/tiny": Claim("Step 6: Update Weights", "The adjustments are tiny; too big, and the model forgets what it learned."),
    "repeat/iteration": Claim("Step 7: Repeat", "Each cycle is an iteration, a full pass through the data an epoch."),
    "rate/too-high": Claim("Learning Rate", "Too high: the model jumps around, never settling."),
    "rate/too-low": Claim("Learning Rate", "Too low: training takes forever."),
    "rate/just-right": Claim("Learning Rate", "Just right: steady improvement."),
    "batch/small": Claim("Batch Size", "Small batches: more frequent updates, less stable."),
    "batch/large": Claim("Batch Size", "Large batches: fewer updates, more stable."),
    "batch/hardware": Claim("Batch Size", "Your hardware determines the maximum."),
    "epochs/few": Claim("Epochs", "Too few: the model hasn't learned enough (underfitting)."),
    "epochs/many": Claim("Epochs", "Too many: the model memorizes instead of learning (overfitting)."),
    "epochs/sweet-spot": Claim("Epochs", "Usually 3-10 for fine-tuning, more for training from scratch.", "Measured here on this data; look at the curve."),
    "validation/unseen": Claim("Validation", "We periodically test the model on data it hasn't seen."),
    "validation/overfitting": Claim("Validation", "Epoch 4: training loss 0.8, validation loss 1.5: overfitting."),
    "validation/stops": Claim("Validation", "When validation loss stops improving or gets worse, the model is overfitting.",
                              "'Gets worse' is; 'stops improving' alone is a reason to watch."),
    "scratch/data": Claim("Training from Scratch", "A completely random model; needs massive amounts of data and time."),
    "tuning/less": Claim("Fine-tuning", "Starts pre-trained; needs less data; much faster.",
                         "Where the new task is near the old one and examples are few. A step costs the same; fewer are needed."),
    "shots/few": Claim("Few-shot Learning", "A few examples, special techniques like prompts; good for quick prototypes.",
                       "The nearest examples do it, too. Neither moves a weight."),
    "shots/limited": Claim("Few-shot Learning", "Limited to certain tasks.", "To those whose difference the network sees already."),
    "gpu/parallel": Claim("GPU Acceleration", "GPUs calculate in parallel; CPUs sequentially, like reading a book.",
                          "A CPU computes several numbers at once, too; a GPU many more."),
    "precision/mixed": Claim("Mixed Precision Training", "16-bit where possible, 32-bit where needed: faster, less accurate."),
    "checkpointing/trade": Claim("Gradient Checkpointing", "Recalculate some things to save memory."),
    "attention/efficient": Claim("Efficient Attention", "Reorganizing how calculations are done makes training faster."),
    "monitor/loss": Claim("Monitoring Training", "loss: how wrong the model is (lower is better)."),
    "monitor/lr": Claim("Monitoring Training", "lr: current learning rate."),
    "monitor/grad-norm": Claim("Monitoring Training", "grad_norm: size of weight updates (should stay stable).",
                               "It is the size of the gradient, not of the update."),
    "curves/good": Claim("Loss Curves", "Training loss falls, validation follows, both level off."),
    "curves/exploding": Claim("Loss Curves", "Warning: loss increasing or exploding."),
    "curves/diverging": Claim("Loss Curves", "Warning: validation loss rises while training loss falls."),
    "curves/noisy": Claim("Loss Curves", "Warning: extremely noisy or unstable loss."),
    "schedule/warmup": Claim("Learning Rate Scheduling", "Warmup: start with a tiny rate, increase."),
    "schedule/peak": Claim("Learning Rate Scheduling", "Peak: train at the optimal rate."),
    "schedule/decay": Claim("Learning Rate Scheduling", "Decay: slowly reduce, to fine-tune."),
    "schedule/general-first": Claim("Learning Rate Scheduling", "General patterns first, then details.", "Measured here, reported either way."),
    "memory/weights": Claim("Memory Requirements", "Memory for the model's weights."),
    "memory/gradients": Claim("Memory Requirements", "Memory for gradients (weight updates).", "Gradients are not weight updates."),
    "memory/optimizer": Claim("Memory Requirements", "Memory for optimizer states."),
    "memory/activations": Claim("Memory Requirements", "Memory for activations (intermediate calculations)."),
    "memory/estimates": Claim("Memory Requirements", "BERT 4-8 GB, GPT-2 8-16 GB, large models 24 GB and more.",
                              "It depends on batch and length: computed here."),
    "speed/times": Claim("Training Speed", "Text classification minutes to hours ... large models weeks to months."),
    "after/checkpoints": Claim("What Happens After Training", "Checkpoints: saved snapshots at different stages."),
    "after/best": Claim("What Happens After Training", "Best model: usually the checkpoint with the lowest validation loss."),
    "after/export": Claim("What Happens After Training", "Export: converting to a format for deployment."),
    "after/quantization": Claim("What Happens After Training", "Quantization: a smaller model for faster inference."),
    "next/interface": Claim("Choosing Your Interface", "Pick between form, command line and code."),
    "next/model-types": Claim("Model Types", "Understanding different architectures."),
}  # fmt: skip
"""Name -> claim. The name is what a cell's tag says."""
