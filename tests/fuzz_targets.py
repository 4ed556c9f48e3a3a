"""What is fuzzed: readers with valid files for them, and how their outcome is judged."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from fuzz_damage import VALUES, mutated
from PIL import Image
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


class Target(NamedTuple):
    """One thing that reads.

    Attributes:
        name: as the report says it.
        make: puts valid files into the folder of a case and chooses what it is called with.
        call: reads them.
        weight: how often it is chosen.
        least: how many places are damaged at least.
    """

    name: str
    make: Callable[[random.Random, Path, Path], Any]
    call: Callable[[Any, Path], Any]
    weight: float = 1.0
    least: int = 0


SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".txt")
WORDS = [
    "late",
    "parcel",
    "refund",
    "thanks",
    "broken",
    "invoice",
    "delivery",
    "where",
    "please",
    "again",
    "never",
    "works",
]


def make_valid(valid: Path) -> None:
    """Write the valid files that the cases begin with."""
    (valid / "tables").mkdir(parents=True)
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(40)]
    frame = pd.DataFrame({"text": texts, "label": [("good", "bad")[number % 2] for number in range(40)]})
    for suffix in SUFFIXES:
        path = valid / "tables" / f"data{suffix}"
        if suffix in {".csv", ".tsv"}:
            frame.to_csv(path, index=False, sep="," if suffix == ".csv" else "\t")
        elif suffix == ".parquet":
            frame.to_parquet(path)
        elif suffix == ".txt":
            path.write_text("\n".join(texts), encoding="utf-8")
        else:
            frame.to_json(path, orient="records", lines=suffix != ".json")
    for number in range(8):
        path = (
            valid / "pictures" / ("cat", "dog")[number % 2] / f"{number}{('.png', '.jpg', '.gif', '.bmp')[number // 2]}"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(path)
    _make_runs(valid)
    _make_logs(valid / "logs")
    configs = valid / "configs"
    configs.mkdir()
    config = ai.TrainConfig(data="digits", model="mlp", epochs=2)
    (configs / "run.yaml").write_text(config.to_yaml(), encoding="utf-8")
    (configs / "run.json").write_text(config.to_json(), encoding="utf-8")


def _make_runs(valid: Path) -> None:
    for name, fields in {
        "images": {"data": "digits", "model": "mlp", "max_steps": 6, "evaluate_every": 3, "batch_size": 16},
        "texts": {"data": "data.csv", "model": "small-encoder", "vocabulary_size": 60, "batch_size": 4, "max_steps": 4},
    }.items():
        folder = valid / "runs" / name
        folder.mkdir(parents=True)
        shutil.copy(valid / "tables" / "data.csv", folder / "data.csv")
        with contextlib.chdir(folder):
            trainer = ai.prepare(**fields)
            trainer.fit(display="none", output_dir="run")
            trainer.plot()  # which makes matplotlib's own files, once


def _make_logs(logs: Path) -> None:
    logs.mkdir()
    entries: list[dict[str, Any]] = [
        {"loss": 2.0 / step, "learning_rate": 1e-3, "grad_norm": 1.0, "epoch": step / 4, "step": step}
        for step in range(1, 13)
    ]
    entries += [
        {"eval_loss": 1.0 + epoch / 9, "eval_accuracy": 0.5, "epoch": epoch, "step": epoch * 4} for epoch in (1, 2, 3)
    ]
    entries.sort(key=lambda entry: entry["step"])
    (logs / "trainer_state.json").write_text(
        json.dumps({"epoch": 3.0, "global_step": 12, "log_history": entries}), encoding="utf-8"
    )
    table = pd.DataFrame(
        {"epoch": range(6), "loss": [2, 1.5, 1.2, 1, 0.9, 0.8], "val_loss": [2, 1.6, 1.5, 1.6, 1.8, 2.1]}
    )
    table.to_csv(logs / "keras.csv", index=False)
    table.to_json(logs / "rows.jsonl", orient="records", lines=True)


def plant(outside: Path) -> None:
    """Files that no case may touch."""
    outside.mkdir()
    (outside / "secret.csv").write_text("text,label\nsecret,a\nsecret,b\n", encoding="utf-8")
    (outside / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")


def listing(folder: Path) -> list[tuple[str, int, bytes]]:
    """The files of a folder: name, time of the last change, content."""
    return [
        (path.name, path.stat().st_mtime_ns, path.read_bytes()) for path in sorted(folder.rglob("*")) if path.is_file()
    ]


def outcome(target: Target, made: Any, folder: Path) -> tuple[str, str]:
    """Call the target: "worked", "refused", or "failed" with a reason."""
    try:
        target.call(made, folder)
    except ai.AitrainError as error:
        missing = [name for name in ("what", "why", "fix") if not getattr(error, name).strip()]
        if missing:
            return "failed", f"without {missing}: {error}\n{_last_frames(error)}"
        if len(str(error)) > 4000:
            return "failed", f"a sentence of {len(str(error))} letters: {str(error)[:200]}\n{_last_frames(error)}"
        return "refused", ""
    except BaseException as error:  # noqa: BLE001  whatever comes out is what is looked for
        return "failed", f"{type(error).__name__}: {str(error)[:300]}\n{_last_frames(error)}"
    return "worked", ""


def _last_frames(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return "\n".join(
        f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}: {frame.line}" for frame in frames[-8:]
    )


# tables, pictures, configs

TASKS = ("text-classification", "image-classification", "text-generation")
OPTIONS: dict[str, tuple[Any, ...]] = {
    "task": TASKS,
    "text_column": ("text", "label", "", "nope"),
    "pair_column": ("text", "label"),
    "label_column": ("label", "text", "Label "),
    "encoding": ("utf-8", "latin-1", "utf-16", "ascii", "zip", "", "utf-7"),
    "delimiter": (",", ";", "\t", "|", " ", "ab", ""),
    "header": (True, False),
    "quotes": (True, False),
    "lines": (True,),
    "split": ("train", ""),
    "image_size": (4, (2, 3), 0, (4, 4, 4)),
    "skip_unreadable": (True,),
    "unlabelled": ("keep", "x"),
}


def _options(chance: random.Random, names: tuple[str, ...] = tuple(OPTIONS)) -> dict[str, Any]:
    chosen = chance.sample(names, chance.choice((0, 0, 1, 2, 3)))
    return {name: chance.choice(OPTIONS[name]) for name in chosen}


def _a_table(chance: random.Random, valid: Path, folder: Path) -> tuple[str, dict[str, Any]]:
    name = "data" + chance.choice(SUFFIXES)
    shutil.copy(valid / "tables" / name, folder / name)
    options = _options(chance)
    if name.endswith(".txt") and chance.random() < 0.7:
        options["task"] = "text-generation"
    return name, options


def _read(made: tuple[str, dict[str, Any]], _: Path) -> None:
    name, options = made
    raw = ai.read(name, **options)
    assert len(raw.dataset)
    for shown in (repr(raw), raw.guess.text(), raw.guess._repr_html_()):
        assert "<script>alert" not in shown or not shown.lstrip().startswith("<"), "a script in the page"


def _prepared(made: tuple[str, dict[str, Any]], _: Path) -> None:
    name, _options = made
    sizes = {
        "vocabulary_size": 60,
        "max_length": 8,
        "batch_size": 2,
        "max_steps": 1,
        "image_size": 4 if name == "." else None,
    }
    trainer = ai.prepare(data=name, **sizes)
    trainer.fit(display="none")


def _pictures(chance: random.Random, valid: Path, folder: Path) -> tuple[str, dict[str, Any]]:
    shutil.copytree(valid / "pictures", folder, dirs_exist_ok=True)
    return ".", {"task": "image-classification"} | _options(chance, ("image_size", "skip_unreadable", "unlabelled"))


def _a_config(chance: random.Random, valid: Path, folder: Path) -> str:
    name = chance.choice(("run.yaml", "run.json"))
    shutil.copy(valid / "configs" / name, folder / name)
    return name


def _read_config(name: str, folder: Path) -> None:
    read = ai.TrainConfig.from_json if name.endswith(".json") else ai.TrainConfig.from_yaml
    config = read(folder / name)
    assert ai.TrainConfig.from_yaml(config.to_yaml()) == config


# run folders and logs


def _a_run(chance: random.Random, valid: Path, folder: Path) -> str:
    shutil.copytree(valid / "runs" / chance.choice(("images", "texts")), folder, dirs_exist_ok=True)
    if chance.random() < 0.3:
        (folder / "run" / "model.safetensors").unlink()
    return "run"


def _load(name: str, _: Path) -> None:
    trainer = ai.load_run(name)
    trainer.evaluate()
    trainer.plot()


def _go_on(name: str, _: Path) -> None:
    trainer = ai.load_run(name)
    trainer.fit(display="none", output_dir=name, max_steps=min(trainer.step + 1, 20))


def _follow(name: str, folder: Path) -> None:
    from aitrain_nb.followers import TextFollower
    from aitrain_nb.run_folder.following import follow_history

    run = follow_history(folder / name)
    shown = TextFollower(run, (), io.StringIO())
    shown.begin()
    for _ in range(3):
        run.look()
        shown(None)
    run.text()
    run.history.text()
    run.history.frame()


def _diagnose_run(name: str, folder: Path) -> None:
    _show(ai.diagnose(folder / name))


def _show(findings: Any) -> None:
    findings.text()
    findings._repr_html_()


def _a_log(chance: random.Random, valid: Path, folder: Path) -> str:
    name = chance.choice(("trainer_state.json", "keras.csv", "rows.jsonl"))
    shutil.copy(valid / "logs" / name, folder / name)
    return name


# the command line


def _a_command(chance: random.Random, valid: Path, folder: Path) -> list[str]:
    shutil.copytree(valid / "runs" / "texts", folder, dirs_exist_ok=True)
    shutil.copytree(valid / "configs", folder, dirs_exist_ok=True)
    shutil.copytree(valid / "logs", folder, dirs_exist_ok=True)
    arguments = list(
        chance.choice(
            (
                ("look", "data.csv", "--seconds", "1"),
                ("look", "data.csv", "--config", "new.yaml", "--seconds", "1"),
                ("train", "run.yaml", "--set", "max_steps=1", "--to", "new"),
                ("train", "run.json", "--set", "max_steps=1", "--set", "batch_size=4"),
                ("resume", "run", "--max-steps", "5"),
                ("diagnose", "run"),
                ("diagnose", "trainer_state.json", "--classes", "3"),
                ("diagnose", "keras.csv"),
                ("predict", "run", "hello"),
                ("predict", "run", "data.csv", "--to", "answers.csv"),
                ("predict", "run", "data.csv"),
                ("notebooks", "--to", "lessons"),
                ("--version",),
            )
        )
    )
    for _ in range(chance.choice((0, 1, 1, 2))):
        place = chance.randrange(len(arguments))
        if arguments[place] in {"lab", "demo", "doctor", "follow"}:
            continue
        match chance.randrange(5):
            case 0 if place:
                del arguments[place]
            case 1 if place:
                arguments[place] = str(chance.choice([value for value in VALUES if value != "/"]))
            case 2 if place:
                arguments[place] = mutated(chance, arguments[place].encode()).decode("utf-8", "surrogateescape")
            case 3:
                arguments.insert(
                    place + 1,
                    chance.choice(("--overwrite", "--to", "--set", "x", "--set=epochs=[1", "--second", "", "--help")),
                )
            case _:
                arguments.append(arguments[place])
    if arguments[0] == "train" and not any("max_steps=1" in argument for argument in arguments):
        arguments += ["--set", "max_steps=1"]
    return [argument[:3000].replace("\0", "0") for argument in arguments]


def _run_command(arguments: list[str], _: Path) -> None:
    result = CliRunner().invoke(cli.app, arguments)
    error = result.exception
    if isinstance(error, ai.AitrainError):
        raise error
    if error is not None and not isinstance(error, SystemExit):
        raise error
    if error is not None and result.exit_code not in {0, 1, 2}:
        raise RuntimeError(f"exit code {result.exit_code}")
    assert "Traceback (most recent call last)" not in result.output


TARGETS = (
    Target("read a table", _a_table, _read, 6),
    Target("read images", _pictures, _read, 3),
    Target("train on a table", _a_table, _prepared, 1),
    Target("train on images", _pictures, _prepared, 0.5),
    Target("config", _a_config, _read_config, 4, least=1),
    Target("load a run", _a_run, _load, 3, least=1),
    Target("go on with a run", _a_run, _go_on, 1, least=1),
    Target("follow a run", _a_run, _follow, 3, least=1),
    Target("diagnose a run", _a_run, _diagnose_run, 3, least=1),
    Target("diagnose a log", _a_log, lambda name, folder: _show(ai.diagnose(folder / name)), 4, least=1),
    Target("command line", _a_command, _run_command, 3),
)
