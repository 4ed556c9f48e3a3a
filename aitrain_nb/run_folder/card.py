"""The model card: README.md in a run's folder, with the picture of its curve beside it.

The front matter is what the Hugging Face hub reads: https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from aitrain_nb import numerals
from aitrain_nb.annotations import adjustment_words
from aitrain_nb.data import IN_MEMORY
from aitrain_nb.engine.device import resolve
from aitrain_nb.engine.order import shape_of
from aitrain_nb.errors import DataError
from aitrain_nb.lettering import shortened
from aitrain_nb.markdown import bullets, escape, table
from aitrain_nb.placing import replace_file, replace_text
from aitrain_nb.privacy import without_secrets
from aitrain_nb.run_folder.environment import read_environment
from aitrain_nb.run_folder.files import CARD, CONFIG, CURVE, ENVIRONMENT, HISTORY, WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aitrain_nb.records import Evaluation
    from aitrain_nb.trainer import Trainer

_PIPELINES = frozenset({"image-classification", "text-classification", "text-generation"})
"""Tasks that have the same name on the Hugging Face hub."""
_MOST_CLASSES = 50
_LONGEST = 60
"""Letters of a name in a table."""
_MOST_CALLS = 5
"""Of `fit` whose endings are told, the newest."""
_HAVE_THEIR_OWN_PLACE = frozenset({"task", "data", "model", "device", "threads"})
_RULED = (
    "learning_rate", "evaluation_batch_size", "log_every", "precision", "attention", "group_by_length", "fused_optimizer",
)  # fmt: skip
"""Fields that may be left empty, and that a rule fills in."""


def write_card(trainer: Trainer, folder: Path, data: str, best: Evaluation | None = None) -> None:
    """Write the card and its picture; raises OSError where that fails.

    Args:
        trainer: whose run it is.
        folder: of the run, with its environment already in it.
        data: their fingerprint.
        best: the newest evaluation whose weights were kept, where one is at hand: it knows of each class. Where it is not that of the
            weights the model holds, a run that was not cut short is evaluated once more.
    """
    kept, ending = _kept_row(trainer), trainer.ending
    best = best if best is None or best.step == kept.get("step") else None
    if best is None and kept and trainer.data.label_names and ending is not None and ending.state == "done":
        best = trainer.evaluate()
    picture = trainer.plot()
    replace_file(folder / CURVE, lambda path: path.write_bytes(picture.png()))
    text = card(trainer, _named_from_here(folder), read_environment(folder), data, best, picture.description)
    replace_text(folder / CARD, text)


def _named_from_here(folder: Path) -> str:
    """The folder as it is named from where the program runs; its name alone where it lies elsewhere."""
    place = folder.resolve()
    return place.relative_to(Path.cwd()).as_posix() if place.is_relative_to(Path.cwd()) else place.name


def card(
    trainer: Trainer, name: str, calls: Sequence[dict[str, Any]], data: str, best: Evaluation | None = None, curve: str = ""
) -> str:  # fmt: skip
    """The card as Markdown.

    Args:
        trainer: whose run it is.
        name: of the folder, as `load_run` takes it.
        calls: the facts of each call of `fit`, as `read_environment` gives them.
        data: their fingerprint.
        best: the evaluation of the weights that were kept, or None.
        curve: what its picture shows.
    """
    sections = {
        "": _front_matter(trainer),
        f"# {escape(_public(name.rpartition('/')[2]), 100)}": escape(_public(_about(trainer))),
        "## Results": _results(trainer, best),
        "## The curve": f"![The loss over the steps; the words below say what is to be seen.]({CURVE})\n\n{escape(_public(curve))}",
        "## The story": "\n".join(
            f"{place}. {escape(_public(sentence))}" for place, sentence in enumerate(trainer.history.story(), 1)
        ),
        "## Findings": _findings(trainer),
        "## Data": _data(trainer, data),
        "## Settings that differ from the defaults": _settings(trainer),
        "## How to load it": _loading(trainer, name),
        "## Limits": bullets(_limits(trainer)),
        "## What it needed": _needed(trainer),
        "## Made with": _made_with(calls),
    }
    return "\n\n".join("\n\n".join(filter(None, section)) for section in sections.items() if section[1]) + "\n"


def _public(text: object) -> str:
    return without_secrets(str(text))


def _about(trainer: Trainer) -> str:
    ended = f" It ended as: {trainer.ending}." if trainer.ending is not None else ""
    model = trainer.config.model or type(trainer.model).__name__
    return f"A model ({model}) for {trainer.task.name}, trained on {trainer.data.name} with aitrain_nb.{ended}"


def _front_matter(trainer: Trainer) -> str:
    """What the hub reads: YAML between two lines of dashes."""
    task, kept = trainer.task.name, _kept_row(trainer)
    scores = {
        _score_name(name): value for name, value in kept.items() if name.startswith("eval_") and math.isfinite(value)
    }
    names = {"macro_f1": "f1"}  # as the hub calls it
    facts: dict[str, Any] = {"library_name": "aitrain-nb", "tags": ["aitrain-nb", task]}
    if task in _PIPELINES:
        facts["pipeline_tag"] = task
    if scores:
        name = _public(trainer.config.model or type(trainer.model).__name__)
        told = [
            {"type": names.get(score, score), "name": score, "value": round(float(value), 6)}
            for score, value in scores.items()
        ]
        dataset = {"name": _public(trainer.data.name), "type": "other", "split": "validation"}
        facts["metrics"] = [one["type"] for one in told]
        facts["model-index"] = [
            {"name": name, "results": [{"task": {"type": task}, "dataset": dataset, "metrics": told}]}
        ]
    return f"---\n{yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)}---"


def _kept_row(trainer: Trainer) -> dict[str, Any]:
    """The row of the evaluation whose weights the model holds; empty where there is none."""
    ending = trainer.ending
    step = ending.kept_step if ending is not None else trainer.kept_step
    return next((row for row in trainer.history.evaluations if row["step"] == step), {})


def _score_name(column: str) -> str:
    return column.removeprefix("eval_")


def _results(trainer: Trainer, best: Evaluation | None) -> str:
    kept = _kept_row(trainer)
    if not kept:
        return "No evaluation belongs to these weights, so how good they are isn't known."
    rows = [["training loss since the evaluation before (nats)", numerals.epoch_loss(kept.get("train_loss", math.nan))]]
    for column, value in kept.items():
        if column == "eval_loss":
            rows.insert(0, ["validation loss (nats)", numerals.epoch_loss(value)])
        elif column.startswith("eval_"):
            is_share = 0 <= value <= 1
            words = f"validation {_score_name(column).replace('_', ' ')}"
            rows.append([words, numerals.share(value) if is_share else numerals.significant(value, 4)])
    said = [table([f"after epoch {numerals.epoch(kept['epoch'])}, step {kept['step']:,}", "value"], rows, numbers=[1])]
    if best is not None and trainer.data.label_names:
        said += _classes(best)
    return "\n\n".join(filter(None, said))


def _classes(best: Evaluation) -> Iterator[str]:
    """Each class of the evaluation, the rarest left out where there are very many."""
    frame = best.table().sort_values("examples", ascending=False)
    rows = [
        [
            _named(row["class"]), f"{row['examples']:,.0f}", *(_share(row[name]) for name in ("right", "precise", "f1")),
            numerals.epoch_loss(row["loss"]),
        ]
        for row in frame.head(_MOST_CLASSES).to_dict("records")
    ]  # fmt: skip
    more = f"The {_MOST_CLASSES} most frequent of {len(frame):,} classes." if len(frame) > _MOST_CLASSES else ""
    yield "Each class of the validation examples:"
    yield table(
        ["class", "examples", "found (recall)", "true (precision)", "F1", "loss (nats)"], rows, numbers=range(1, 6)
    )
    yield more


def _named(name: object) -> str:
    """A class's name as it may leave the machine, short enough for a table, which escapes it."""
    return _public(str(name)[: 4 * _LONGEST])[:_LONGEST]


def _share(value: float) -> str:
    return numerals.share(value) if math.isfinite(value) else "none"


def _findings(trainer: Trainer) -> str:
    from aitrain_nb.diagnosis import diagnose

    try:
        found = diagnose(trainer.history, classes=len(trainer.class_names))
    except DataError as error:  # no loss yet
        return escape(_public(error))
    said = (
        f"**{escape(finding.name)}** ({finding.confidence} confidence): {escape(_public(finding.what))} "
        f"{escape(_public(finding.fix_text)) if finding.is_alarm else ''}".rstrip()
        for finding in found
    )
    return bullets(said) or "Nothing stands out in its curves."


def _data(trainer: Trainer, fingerprint: str) -> str:
    data, config = trainer.data, trainer.config
    sizes = {"training": data.train, "validation": data.validation, "test": data.test}
    rows = [["name", _public(data.name)]]
    rows += [[f"{name} examples", f"{len(side):,}" if side is not None else "none"] for name, side in sizes.items()]
    if data.label_names:
        names = ", ".join(_named(name) for name in data.label_names[:_MOST_CLASSES])
        more = f" and {len(data.label_names) - _MOST_CLASSES:,} more" if len(data.label_names) > _MOST_CLASSES else ""
        rows.append([f"classes ({len(data.label_names):,})", names + more])
    rows += [["seed of the split", str(config.seed)], ["fingerprint of the examples", fingerprint]]
    notes = bullets(escape(_public(note)) for note in filter(None, (data.note, *trainer.notes)))
    return "\n\n".join(filter(None, (table(["", "data"], rows), notes)))


def _settings(trainer: Trainer) -> str:
    ruled = _by_rule(trainer)
    changed = {
        name: value
        for name, value in trainer.config.changed().items()
        if name not in _HAVE_THEIR_OWN_PLACE and value != ruled.get(name)
    }
    knobs = trainer.config.knobs()
    rows = [[name, _public(value), knobs[name].unit or ""] for name, value in changed.items()]
    told = f"All of them are in [{CONFIG}]({CONFIG}), also those that a rule filled in."
    return f"{table(['setting', 'value', 'unit'], rows)}\n\n{told}" if rows else f"None. {told}"


def _by_rule(trainer: Trainer) -> dict[str, Any]:
    """What the fields that may be left empty are where they are: name -> value."""
    config, task = trainer.config, trainer.task
    from_scratch = config.model is None or task.is_from_scratch(config.model)
    knobs = config.knobs()
    empty = config.replace(**{name: knobs[name].default for name in _RULED})
    filled = resolve(empty, trainer.model, trainer.steps_per_epoch, **shape_of(trainer.prepared["train"]))
    found = {name: getattr(filled, name) for name in _RULED}
    return found | {"method": "scratch" if from_scratch else "fine-tune", "tokenizer": task.default_tokenizer}


def _loading(trainer: Trainer, name: str) -> str:
    """Code that works where the program ran; the name is written so that it stays one string."""
    place = ascii("/".join(_public(part) for part in name.split("/"))).replace("`", chr(92) + "x60")
    data, what = "", "reads the data again, and checks that they are the same"
    if (trainer.config.data or "").endswith(IN_MEMORY):
        data, what = ", data=data", "the same examples as then: they were in memory, and are not in the folder"
    whole = f"""The folder is named as from where it was trained; name it as it is called from where you are.

```python
import aitrain_nb as ai

trainer = ai.load_run({place}{data})  # {what}
trainer.predict([...])
trainer.evaluate()
```

Or the tensors alone, by their names, without aitrain_nb:"""
    if trainer.config.model is None:
        whole = f"""Its model was handed over by a program, so it takes that program to make it and its trainer again. Then:

```python
import aitrain_nb as ai

trainer = ai.load_run({place}, into=trainer)  # a trainer without a step, made as it was then
```

Or the tensors alone, by their names:"""
    return f"""{whole}

```python
from safetensors.torch import load_file

weights = load_file("{WEIGHTS}")  # name -> tensor; no pickle, no code is run
```"""


def _limits(trainer: Trainer) -> Iterator[str]:
    data, history = trainer.data, trainer.history
    if data.validation is None:
        yield "It was never validated: nothing is known about examples that it wasn't trained on."
    else:
        yield (
            f"The scores are of {len(data.validation):,} validation examples out of the same source as the training examples. "
            "They say nothing about other sources."
        )
    if history.evaluations and trainer.config.keep == "best":
        yield (
            "These weights were chosen by their validation score among "
            f"{numerals.several(len(history.evaluations), 'evaluation')}, so that score is a little too good."
        )
    if data.test is None:
        yield "No test examples were kept apart, so there is no score on which nothing was chosen."
    else:
        yield f"{len(data.test):,} test examples were kept apart; nothing here was chosen by them."
    yield f"It is one run with one seed ({trainer.config.seed}); another seed gives other numbers."
    yield from (escape(f"It ran {words}.") for words in _memory(trainer))
    if odd := history.troubled_steps:
        yield (
            f"The loss or the gradient of {numerals.several(len(odd), 'step')} was not a finite number; "
            f"the first: {escape(_public(history.first_trouble))}."
        )


def _needed(trainer: Trainer) -> str:
    rows = trainer.foreseen and trainer.foreseen.beside(trainer).compared()
    return table(["", "estimated before", "measured", "error"], rows) if rows else ""


def _memory(trainer: Trainer) -> Iterator[str]:
    """What was changed last where memory ran out, in training and in evaluations."""
    last = {change.name: change for change in trainer.history.changes}
    return filter(None, map(adjustment_words, last.values()))


def _ended(call: dict[str, Any]) -> str:
    """How a call of `fit` ended, short."""
    return shortened(_public(call.get("ended") or "cut short"), 2 * _LONGEST)


def _made_with(calls: Sequence[dict[str, Any]]) -> str:
    told = f"Each step is a line of [{HISTORY}]({HISTORY}), the machine is described in [{ENVIRONMENT}]({ENVIRONMENT})."
    if not calls:
        return told
    last = calls[-1]
    versions = last.get("versions")
    said = ", ".join(f"{name} {number}" for name, number in versions.items()) if isinstance(versions, dict) else ""
    rows = [
        ["versions", said],
        ["device", " · ".join(str(last[name]) for name in ("device", "device_name", "precision") if last.get(name))],
        ["platform", f"{last.get('platform', '')}, {last.get('processors', '?')} processors"],
        ["began", calls[0].get("began") or "not known"],
    ]
    if len(calls) > 1:
        rows.append(["calls of fit", str(len(calls))])
        rows += [[f"call {number} ended as", _ended(call)] for number, call in [*enumerate(calls, 1)][-_MOST_CALLS:]]
    took = [call["seconds"] for call in calls if isinstance(call.get("seconds"), (int, float))]
    if took:
        rows.append(["took", numerals.duration(sum(took))])
    if last.get("commit"):
        rows.append(["git commit where it ran", str(last["commit"])[:12]])
    return f"{table(['', 'made with'], rows)}\n\n{told}"
