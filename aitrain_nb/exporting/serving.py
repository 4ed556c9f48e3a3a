"""An exported folder that is asked: raw examples in, answers out, without the data it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from aitrain_nb.config import TrainConfig
from aitrain_nb.engine.device import Threads
from aitrain_nb.engine.evaluating import Answers, Evaluator
from aitrain_nb.engine.generating import pieces
from aitrain_nb.engine.processes import OneProcess
from aitrain_nb.errors import ConfigError
from aitrain_nb.exporting.formats import find_format
from aitrain_nb.exporting.manifest import read_manifest, read_processor
from aitrain_nb.randomness import OwnRandom
from aitrain_nb.tasks import find_task

if TYPE_CHECKING:
    import pandas as pd

    from aitrain_nb.data import Dataset
    from aitrain_nb.exporting.manifest import Manifest


class ExportedModel:
    """A model that was exported, opened again to be asked.

    Attributes:
        manifest: what its folder says of it.
        model: a module that gives logits.
        task, data, processor, config, class_names: as in a trainer; the data are names and shapes, and no example.
    """

    def __init__(self, folder: Path, *, trusted: bool = False, base: str | Path | None = None) -> None:
        self.manifest = manifest = _on(base, read_manifest(folder))
        kind = find_format(manifest.kind)
        if kind.runs_code and not trusted:
            raise ConfigError(
                f"The model in {folder.name!r} isn't opened without your word.",
                f"Opening a file of the format {kind.name} can run code that it holds.",
                "load_exported(folder, trusted=True), or --trust, where you made it yourself or know who did.",
            )  # fmt: skip
        self.task, self.data = find_task(manifest.task), manifest.splits()
        self.config = TrainConfig(
            task=manifest.task, model=manifest.model, max_length=manifest.max_length,
            text_column=manifest.text_columns.get("text"), pair_column=manifest.text_columns.get("text_pair"),
        )  # fmt: skip
        self.processor = read_processor(manifest, folder)
        self.model = kind.open(folder, manifest)
        self.class_names = self.task.class_names(self.data, self.processor)
        self.device, self.random, self.threads = torch.device("cpu"), OwnRandom(0), Threads(None)
        self._evaluator = Evaluator(
            self.model, self.task, self.data, {}, self.processor, self.config,
            device=self.device, random=self.random, threads=self.threads, processes=OneProcess(),
        )  # fmt: skip

    def predict(self, examples: Any) -> pd.DataFrame:
        """What `Trainer.predict` says of your own raw examples; raises DataError where they don't fit."""
        return self._evaluator.predict(examples, self.class_names)

    def generate(
        self, prompt: str, tokens: int = 200, temperature: float = 0.8, top_k: int | None = None, seed: int = 0
    ) -> str:
        """What `Trainer.generate` writes."""
        return prompt + "".join(piece.text for piece in pieces(self, prompt, tokens, temperature, top_k, seed))

    def answers(self, prepared: Dataset) -> Answers:
        """What the model says of examples that are numbers already, as a task's `prepare` makes them."""
        return self._evaluator.answers(prepared)

    def __repr__(self) -> str:
        about = self.manifest
        return f"ExportedModel: {about.model} for {about.task}, trained on {about.data}, as {about.kind}"


def _on(base: str | Path | None, manifest: Manifest) -> Manifest:
    """The manifest with another place of its base model, where one is given; raises ConfigError where it has none."""
    if base is None:
        return manifest
    if manifest.base is None:
        raise ConfigError(
            f"base={str(base)!r} doesn't fit this export.", f"A folder of the format {manifest.kind} holds all weights.",
            "Leave it out.",
        )  # fmt: skip
    return manifest._replace(base=manifest.base._replace(place=str(base)))


def load_exported(folder: str | Path, *, trusted: bool = False, base: str | Path | None = None) -> ExportedModel:
    """Open a model that `export` has written, to ask it.

    Args:
        folder: of the export.
        trusted: open also a format that could run code of whoever wrote it (torch-export). The others run none.
        base: of the format adapter, where its base model lies; by default where it lay when it was trained.

    Raises:
        ConfigError: its format isn't installed, needs your word, or its base model isn't there.
        DataError: there is no exported model, it is damaged, or its base model is another one.

    Example:
        load_exported("exports/tickets").predict(["the app crashes"])
    """
    return ExportedModel(local_path(folder), trusted=trusted, base=base)


def local_path(folder: str | Path) -> Path:
    """The folder that was named, ~ for one's own home; raises ConfigError where it is no name of one."""
    if not isinstance(folder, (str, Path)):
        raise ConfigError(
            f"{type(folder).__name__} is no name of a folder.",
            "An export lies in a folder.",
            "Give its path as a text.",
        )
    try:
        return Path(folder).expanduser()
    except RuntimeError as error:  # ~somebody
        raise ConfigError(f"Can't find the home in {str(folder)!r}.", f"{error}.", "Write the whole path.") from error
