"""What is said of an export: the numbers before and after, as a table here and as README.md in its folder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from aitrain_nb import html, numerals, reading
from aitrain_nb.errors import ConfigError
from aitrain_nb.exporting.formats import find_format
from aitrain_nb.exporting.formats.adapter import Adapter
from aitrain_nb.exporting.formats.transformers import Transformers
from aitrain_nb.markdown import escape
from aitrain_nb.markdown import table as markdown_table
from aitrain_nb.privacy import without_secrets

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from aitrain_nb.exporting.comparing import Compared
    from aitrain_nb.exporting.manifest import Manifest
    from aitrain_nb.exporting.serving import ExportedModel

CARD = "README.md"
_HEADS = ["", "original", "export"]
_LONGEST = 40
_LOADING = "How to load it without aitrain_nb"
_LIBRARIES = {Transformers.name: "transformers", Adapter.name: "peft"}
"""Format -> the library that the hub names beside it."""


class ExportCard:
    """An export, and how it compares with the model it was made of.

    Attributes:
        folder: where it lies.
        manifest: what it is.
        compared: the numbers.
    """

    def __init__(self, folder: Path, manifest: Manifest, compared: Compared) -> None:
        self.folder, self.manifest, self.compared = folder, manifest, compared

    def open(self) -> ExportedModel:
        """The exported model, to ask it."""
        from aitrain_nb.exporting.serving import load_exported

        return load_exported(self.folder, trusted=True)

    def frame(self) -> pd.DataFrame:
        """Two rows, original and export.

        Columns: size_bytes, milliseconds (one example), batch_milliseconds, loss (nats), the task's scores (0 to 1), flipped.
        """
        import pandas as pd

        said = self.compared
        rows: list[dict[str, Any]] = [
            {
                "size_bytes": said.size_bytes[place], "milliseconds": said.milliseconds[place],
                "batch_milliseconds": said.batch_milliseconds[place], **scores, "flipped": flipped,
            }
            for place, (scores, flipped) in enumerate(((said.before, 0), (said.after, said.flipped)))
        ]  # fmt: skip
        return pd.DataFrame(rows, index=["original", "export"])

    def push_to_hub(self, name: str, *, private: bool = True, token: str | None = None) -> str:
        """Upload the folder, its card included, to the Hugging Face hub.

        Args:
            name: "owner/model".
            private: whether only you see it.
            token: of the hub; None takes the one that `hf auth login` left.

        Returns:
            The address.

        Raises:
            ConfigError: the hub is out of reach or refuses.
        """
        from huggingface_hub import HfApi

        hub = HfApi(token=token)
        try:
            place = hub.create_repo(name, private=private, exist_ok=True)
            hub.upload_folder(repo_id=place.repo_id, folder_path=self.folder)
        except Exception as error:  # of the network, of the hub, of the name
            why = without_secrets(str(error).split("\n", maxsplit=1)[0])
            raise ConfigError(
                f"Can't upload to {name!r}.", f"{type(error).__name__}: {why}", "Log in with `hf auth login`, and check the name."
            ) from error  # fmt: skip
        return str(place)

    def sentences(self) -> list[str]:
        """What the numbers say."""
        said = self.compared
        number, split = said.examples
        answers = f"{said.targets:,} answers on {numerals.several(number, f'{split} example')}"
        same = f"All {answers} are the same" if not said.flipped else f"{said.flipped:,} of {answers} became others"
        sentences = [f"{same}; no logit lies further from the original's than {said.furthest:.1e}."]
        ratio, quick = said.size_bytes[1] / said.size_bytes[0], said.milliseconds[1] / said.milliseconds[0]
        sentences.append(
            f"Its files take {ratio:.2f} times the memory of the original's weights, an answer takes {quick:.2f} times as long here."
        )
        sentences.append(f"A fresh process opened it in {numerals.duration(said.load_seconds)} and gave these answers.")
        if self.manifest.base is not None:
            sentences.append(
                f"It holds only what was trained: to be asked it needs the base model {self.manifest.model} too."
            )
        if self.manifest.kind == "int8":
            sentences.append(
                "Its weights are 8 bits wide where they are kept and 32 where they are used: smaller and not quicker."
            )
        return sentences

    def _rows(self) -> list[list[str]]:
        said = self.compared
        rows = [
            ["weights in memory; files", *map(numerals.memory, said.size_bytes)],
            ["one example (ms)", *(numerals.significant(value, 3) for value in said.milliseconds)],
            [f"{said.batch} examples (ms)", *(numerals.significant(value, 3) for value in said.batch_milliseconds)],
        ]
        for name, before in said.before.items():
            written = numerals.epoch_loss if name == "loss" else numerals.share
            head = f"{name} (nats)" if name == "loss" else name.replace("_", " ")
            values = (before, said.after[name])
            rows.append([head, *(written(value) if math.isfinite(value) else "none" for value in values)])
        return [*rows, ["answers that became others", "", f"{said.flipped:,} of {said.targets:,}"]]

    def text(self) -> str:
        """The card for a terminal."""
        return reading.as_text(self._page(html.element("p", f"{_LOADING} stands in its README.md.")))

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self._page(html.details(_LOADING, html.element("pre", self._loading())))

    def _page(self, loading: html.Markup) -> html.Markup:
        about = self.manifest
        note = f"{about.model} for {about.task}, in {self.folder.name}"
        return html.section(
            f"Exported as {about.kind}", note, html.table(_HEADS, self._rows()),
            *(html.element("p", sentence, style="margin:4px 0") for sentence in self.sentences()),
            loading,
        )  # fmt: skip

    def _loading(self) -> str:
        return find_format(self.manifest.kind).loading(self.manifest, self.folder)

    def markdown(self) -> str:
        """The card as README.md, with what the hub reads at its head."""
        about = self.manifest
        head: dict[str, Any] = {"library_name": _LIBRARIES.get(about.kind, "aitrain-nb")}
        head |= {"pipeline_tag": about.task, "tags": ["aitrain-nb", about.kind]}
        parts = [
            f"---\n{yaml.safe_dump(head, sort_keys=False)}---",
            f"# {escape(without_secrets(self.folder.name), 100)}",
            escape(
                without_secrets(f"A model ({about.model}) for {about.task}, trained on {about.data} with aitrain_nb, as {about.kind}.")
            ),
            "## Compared with the original", markdown_table(_HEADS, self._rows(), numbers=[1, 2]), " ".join(self.sentences()),
            "## How to load it", f"```python\n{self._loading()}\n```",
            "With aitrain_nb, which also makes numbers of raw examples:",
            "```python\nimport aitrain_nb as ai\n\nai.load_exported(\".\").predict([...])\n```",
        ]  # fmt: skip
        if about.label_names:
            parts += ["## Classes", escape(", ".join(name[:_LONGEST] for name in about.label_names[:50]))]
        return "\n\n".join(parts) + "\n"
