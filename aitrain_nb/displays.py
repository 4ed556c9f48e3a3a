"""How a run shows itself while it goes: the monitor lines, a progress bar, or nothing.

`displays` is the registry `fit` looks into. A display that needs a notebook is named as "module:class" and loaded when it is asked for,
so that nothing here imports a widget.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Protocol

from aitrain_nb import numerals
from aitrain_nb.annotations import adjustment_words
from aitrain_nb.errors import ConfigError, unknown_name
from aitrain_nb.records import Evaluation, Saved, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from aitrain_nb.records import Ending


class Display(Protocol):
    """A watcher that is told when the run begins and ends."""

    def __call__(self, record: Any) -> None:
        """Take a record."""

    def begin(self) -> None:
        """The run starts or goes on."""

    def end(self, ending: Ending) -> None:
        """The run has ended."""


def header_line(epoch: int, epochs: int) -> str:
    """The line that opens an epoch; both 1-based.

    >>> header_line(1, 5)
    'Epoch 1/5'
    """
    return f"Epoch {epoch}/{epochs}"


def step_line(step: int, steps: int, loss: float, lr: float, grad_norm: float) -> str:
    """One step: its place in the epoch (1-based), loss (nats), learning rate, gradient norm before clipping.

    >>> step_line(100, 500, 2.3411, 5e-5, 1.2345)
    'Step 100/500: loss=2.341, lr=5e-5, grad_norm=1.23'
    """
    return f"Step {step}/{steps}: loss={numerals.step_loss(loss)}, lr={numerals.rate(lr)}, grad_norm={grad_norm:.2f}"


def row_line(row: Mapping[str, Any], number: int, steps: int) -> str:
    """The line of a row of a history; `number` and `steps` as in `step_line`."""
    return step_line(number, steps, row["loss"], row["lr"], row["grad_norm"])


def write_line(line: str, stream: TextIO) -> None:
    """Write a line at once, without the arrow where the stream knows none: a run must not end for that."""
    stream.write(encodable(line, stream) + "\n")
    stream.flush()


def encodable(line: str, stream: TextIO) -> str:
    """The line as this stream can write it: a pipe or an old console may know no arrow."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        line.encode(encoding)
    except UnicodeEncodeError:
        return line.replace("←", "<-").encode(encoding, errors="replace").decode(encoding)
    return line


def epoch_line(
    epoch: float, training_loss: float, validation_loss: float, *, score: tuple[str, float] | None = None,
    overfitting: bool = False,
) -> str:  # fmt: skip
    """One evaluation: epochs completed, training loss since the last one and validation loss, nats; a score, 0 to 1.

    >>> epoch_line(4, 0.8, 1.5, overfitting=True)
    'Epoch 4: Training loss: 0.8, Validation loss: 1.5  ← Overfitting!'
    """
    mark = "  ← Overfitting!" if overfitting else ""
    losses = (
        f"Training loss: {numerals.epoch_loss(training_loss)}, Validation loss: {numerals.epoch_loss(validation_loss)}"
    )
    if score is not None:
        losses += f", {score[0].replace('_', ' ')}: {numerals.share(score[1])}"
    return f"Epoch {epoch:.4g}: {losses}{mark}"


def evaluation_line(evaluation: Evaluation, metric: str) -> str:
    """The line of an evaluation of a run; `metric` says which weights are best."""
    score = None if metric == "loss" else (metric, evaluation.metrics[metric])
    return epoch_line(
        evaluation.epoch, evaluation.training_loss, evaluation.loss, score=score, overfitting=evaluation.overfitting
    )


class TextDisplay:
    """The monitor lines, and in a terminal a progress bar under them.

    Args:
        trainer: whose run is shown.
        plots: pictures that a notebook would show; a line says that they are left out here.
        stream: where the lines go; standard output by default.
    """

    def __init__(self, trainer: Any, plots: Sequence[Any] = (), stream: TextIO | None = None) -> None:
        self._trainer, self._plots, self._stream = trainer, plots, stream or sys.stdout
        self._bar: Any = None
        self._first = True
        self._header = 0
        self._troubles = self._changes = 0

    def begin(self) -> None:
        """Start the bar where a terminal can show one."""
        if self._stream.isatty():
            from tqdm import tqdm

            trainer = self._trainer
            self._bar = tqdm(
                total=trainer.total_steps,
                initial=trainer.step,
                file=self._stream,
                unit="step",
                leave=False,
                dynamic_ncols=True,
            )
        self._troubles, self._changes = len(self._trainer.history.troubles), len(self._trainer.history.changes)
        if not self._trainer.step:
            for note in self._trainer.notes:
                self._write(note)
        if self._plots:
            self._write('plots are drawn in a notebook only: display="panel" or "matplotlib"')

    def __call__(self, record: Any) -> None:
        """Write a line for the steps and evaluations that call for one, and for a checkpoint that failed."""
        self._report_memory()
        if type(record) is Update:
            self._after_step(record)
        elif type(record) is Saved and record.trouble:
            self._write(f"  ← {record}; it is tried again at the next one and at the end")
        elif type(record) is Evaluation:
            self._write(evaluation_line(record, self._trainer.config.best_metric))

    def end(self, ending: Ending) -> None:
        """Close the bar and say how it ended and which weights the model holds."""
        self._report_trouble()
        if self._bar is not None:
            self._bar.close()
        self._write(ending.line)

    def _after_step(self, record: Update) -> None:
        trainer = self._trainer
        if self._bar is not None:
            self._bar.update(1)
        epoch, number = trainer.plan.place_of(record.step)
        if epoch != self._header:
            self._header = epoch
            self._write(header_line(epoch, trainer.plan.total_epochs))
        if self._first or number % trainer.config.log_every == 0 or record.step == trainer.total_steps:
            self._first = False
            self._write(row_line(trainer.history.last, number, trainer.steps_per_epoch))
            self._report_trouble()

    def _report_memory(self) -> None:
        """Write a line where memory ran out."""
        changes = self._trainer.history.changes
        for change in changes[self._changes :]:
            if words := adjustment_words(change):
                self._write(f"  ← {words}")
        self._changes = len(changes)

    def _report_trouble(self) -> None:
        history = self._trainer.history
        history.flush()
        troubles = history.troubles
        if len(troubles) > self._troubles == 0:
            is_left_out = troubles[0].step in history.skipped
            what = "its update was left out" if is_left_out else "numbers after it can't be trusted"
            self._write(f"  ← {history.first_trouble}; {what}. Lower the learning rate, or look at that batch.")
        self._troubles = len(troubles)

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(encodable(line, self._stream), file=self._stream)
        else:
            write_line(line, self._stream)


class NoDisplay:
    """Shows nothing."""

    def __init__(self, trainer: Any, plots: Sequence[Any] = ()) -> None:
        del trainer, plots

    def begin(self) -> None:
        """Nothing to show."""

    def __call__(self, record: Any) -> None:
        """Nothing to show."""

    def end(self, ending: Ending) -> None:
        """Nothing to show."""


displays: dict[str, Callable[..., Display] | str] = {
    "text": TextDisplay,
    "none": NoDisplay,
    "panel": "aitrain_nb.widgets.live:PanelDisplay",
    "matplotlib": "aitrain_nb.widgets.live:PictureDisplay",
}
"""Ways to show a run: name -> factory that takes the trainer and a list of plots, or where it lies."""


def pictures_of(plots: Any) -> Sequence[Any]:
    """The functions that draw, of one or of several; None is none.

    Raises:
        ConfigError: one of them is no function.
    """
    if plots is None:
        return []
    found = [plots] if callable(plots) else list(plots) if isinstance(plots, (list, tuple)) else [plots]
    wrong = [type(one).__name__ for one in found if not callable(one)]
    if wrong:
        raise ConfigError(
            f"plots takes functions, not {wrong[0]}.", "Each gets the history and gives a matplotlib Figure.",
            "plots=[ai.plots.loss]",
        )  # fmt: skip
    return found


def progress(total: int, unit: str, doing: str, *, is_shown: bool = True) -> Any:
    """A progress bar, as a `with` block, of what takes longer than a second, in a terminal or a notebook; nothing of it stays.

    Args:
        total: how many there are to do; `bar.update(1)` says that one is done.
        unit: what they are.
        doing: what is done, in a word or two.
        is_shown: whether anybody wants to see it.
    """
    from tqdm import tqdm

    stream = sys.stdout
    in_notebook, is_terminal = is_notebook(), stream.isatty()
    return tqdm(
        total=total, desc=doing, unit=unit, file=stream, leave=False, delay=1.0, mininterval=0.3, dynamic_ncols=is_terminal,
        disable=not (is_shown and (in_notebook or is_terminal)),
    )  # fmt: skip


def is_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def find_display(
    name: str | Callable[..., Any], registry: Mapping[str, Callable[..., Any] | str] = displays
) -> Callable[..., Any]:
    """The display of this name; "auto" is the panel in a notebook and the lines elsewhere.

    Args:
        name: of the display, or a factory as the registry holds them.
        registry: where to look.

    Raises:
        ConfigError: there is none of this name.
    """
    if callable(name):
        return name
    if name == "auto":
        name = "panel" if is_notebook() else "text"
    if name not in registry:
        raise ConfigError(*unknown_name("display", name, ["auto", *registry]))
    found = registry[name]
    if isinstance(found, str):
        module, _, attribute = found.partition(":")
        factory: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
        return factory
    return found
