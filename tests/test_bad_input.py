"""Bad input gets a sentence: what happened, why, one fix. Nothing is lost and no library's trace stands on top."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import aitrain_nb as ai
from aitrain_nb import cli
from aitrain_nb.data import Dataset, Splits, split


def images(n=40, classes=2, **more):
    return Dataset(
        {"image": torch.rand(n, 1, 8, 8), "label": torch.arange(n) % classes} | more, [str(i) for i in range(classes)]
    )


def linear(classes=2, pixels=64):
    return nn.Sequential(nn.Flatten(), nn.Linear(pixels, classes))


def trained_on(dataset, model=None, **fields):
    return ai.Trainer(model or linear(), "image-classification", Splits(dataset, images()), ai.TrainConfig(**fields))


def with_nan():
    data = images()
    data.columns["image"][3, 0, 0, 0] = float("nan")
    return data


def with_label(label):
    data = images()
    data.columns["label"][5] = label
    return data


def frozen():
    model = linear()
    for weight in model.parameters():
        weight.requires_grad_(False)
    return model


def trainer():
    return ai.prepare(model="mlp", max_steps=5)


def config_file(tmp_path, content, name="run.yaml"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


ROW = b'{"step": 1, "epoch": 0.1, "loss": 1.5, "lr": 0.1, "grad_norm": 1.0, "seconds": 0.1, "targets": 4}\n'


def spoilt(name, content, also="", read=ai.load_run):
    """Read a run in which a file is gone (None), cut off (a number of bytes), a folder, or of other bytes."""

    def call(tmp):
        folder = run_in(tmp)
        if also or content == "weightless":
            shutil.rmtree(folder / "checkpoints")
        path = folder / name
        if content == "weightless":
            facts = json.loads((folder / "run.json").read_text())
            (folder / "run.json").write_text(json.dumps({key: facts[key] for key in ("format", "labels", "data")}))
        elif content == "removed":
            shutil.rmtree(path)
        elif content is None:
            path.unlink()
        elif content == "folder":
            path.unlink()
            path.mkdir()
        else:
            path.write_bytes(path.read_bytes()[:content] if isinstance(content, int) else content)
        return read(folder)

    return call


def edited(**fields):
    """Read a run whose config.yaml was changed by hand."""

    def call(tmp):
        path = run_in(tmp) / "config.yaml"
        path.write_text(ai.TrainConfig.from_yaml(path).replace(**fields).to_yaml())
        return ai.load_run(path.parent)

    return call


def gone_on(folder):
    ai.load_run(folder).fit(display="none", output_dir=folder, max_steps=3)


def forbidden(tmp):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "access", lambda *_, **__: False)
        ai.save_run(trainer(), tmp / "run")


def command(*arguments):
    """A command line in a folder with run.yaml."""

    def call(tmp):
        config_file(tmp, "model: mlp\nmax_steps: 2\n")
        with contextlib.chdir(tmp):
            result = CliRunner().invoke(cli.app, list(arguments))
        assert "Traceback" not in result.output
        raise result.exception

    return call


C, D, M, P = ai.ConfigError, ai.DataError, ai.ModelError, ai.PhaseError

BAD = [
    # the config
    ("a misspelt field", C, "learning_rate", lambda _: ai.TrainConfig(learning_rte=1e-3)),
    ("a name of another library", C, "batch_size", lambda _: ai.TrainConfig(batchsize=3)),
    ("a short name", C, "Did you mean 'learning_rate'", lambda _: ai.TrainConfig(lr=0.1)),
    ("a name of transformers", C, "Did you mean 'epochs'", lambda _: ai.TrainConfig(num_train_epochs=3)),
    ("a name like no other", C, "Choose one of them", lambda _: ai.TrainConfig(zzz=3)),
    ("a learning rate of zero", C, "learning_rate can't be 0", lambda _: ai.TrainConfig(learning_rate=0)),
    ("a negative learning rate", C, "learning_rate can't be -1", lambda _: ai.TrainConfig(learning_rate=-1)),
    ("a learning rate that is no number", C, "learning_rate can't be nan", lambda _: ai.TrainConfig(learning_rate=float("nan"))),
    ("an infinite weight decay", C, "weight_decay can't be inf", lambda _: ai.TrainConfig(weight_decay=float("inf"))),
    ("a text for a number", C, "epochs can't be 'many'", lambda _: ai.TrainConfig(epochs="many")),
    ("half an epoch", C, "epochs can't be 0.5", lambda _: ai.TrainConfig(epochs=0.5)),
    ("a switch for a number", C, "batch_size can't be True", lambda _: ai.TrainConfig(batch_size=True)),
    ("a batch of nothing", C, "batch_size can't be 0", lambda _: ai.TrainConfig(batch_size=0)),
    ("nothing where a number belongs", C, "seed can't be None", lambda _: ai.TrainConfig(seed=None)),
    ("an unknown optimizer", C, "Did you mean 'adamw'", lambda _: ai.TrainConfig(optimizer="adamwx")),
    ("an unknown schedule", C, "Did you mean 'cosine'", lambda _: ai.TrainConfig(schedule="cosin")),
    ("a warm-up of one and a half steps", C, "neither a whole number", lambda _: ai.TrainConfig(warmup_steps=1.5)),
    ("a warm-up longer than the run", C, "longer than the run", lambda _: ai.TrainConfig(warmup_steps=50, max_steps=10)),
    ("two mistakes at once", C, "Also: batch_size", lambda _: ai.TrainConfig(batch_size=0, epochs=-1)),
    ("a changed field of a config", C, "can't be changed", lambda _: setattr(ai.TrainConfig(), "seed", 3)),
    ("a config file that isn't there", C, "no config file 'gone.yaml'", lambda tmp: ai.TrainConfig.from_yaml(tmp / "gone.yaml")),
    ("a config file of a list", C, "holds list", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, "- a\n- b\n"))),
    ("a config file that is no YAML", C, "as YAML", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, "a: [1\nb: }"))),
    ("a config file that is no JSON", C, "as JSON", lambda tmp: ai.TrainConfig.from_json(config_file(tmp, "{", "run.json"))),
    ("a config file that is no text", C, "run.yaml", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, b"\xff\xfe\x00bad"))),
    ("a folder for a config file", C, "Can't read", ai.TrainConfig.from_yaml),
    # names
    ("an unknown task", C, "image-classification", lambda _: ai.prepare(task="image-clasification")),
    ("an unknown data set", C, "Did you mean 'digits'", lambda _: ai.prepare(data="digit")),
    ("an empty name for the data", C, "The name of the data is empty", lambda _: ai.prepare(data=" ")),
    ("an unknown model", C, "Did you mean 'small-cnn'", lambda _: ai.prepare(model="smal-cnn")),
    ("an unknown display", C, "Did you mean 'text'", lambda _: trainer().fit(display="texts")),
    ("an unknown option of fit", C, "Did you mean 'epochs'", lambda _: trainer().fit(display="none", epoch=3)),
    ("a fine-tuned random model", C, "needs a pretrained model", lambda _: ai.prepare(model="mlp", method="fine-tune")),
    ("a snapshot inside a step", P, "between two steps", lambda _: out_of_order("snapshot")),
    ("a model name of another kind", C, "not 'digits'", lambda _: ai.prepare("digits")),
    ("a batch larger than the data", C, "1,437 training examples", lambda _: ai.prepare(batch_size=2000)),
    ("a device that isn't here", C, "no cuda device", lambda _: ai.prepare(device="cuda")),
    # the data
    ("no examples", D, "no examples", lambda _: Dataset({"image": torch.zeros(0, 1, 8, 8), "label": torch.zeros(0)}, ["a"])),
    ("no columns", D, "no examples", lambda _: Dataset({})),
    ("columns of different length", D, "different lengths", lambda _: Dataset({"image": torch.rand(3, 1, 8, 8), "label": [0, 1]})),
    ("no images", D, "no images", lambda _: trained_on(Dataset({"label": torch.zeros(4, dtype=torch.int64)}, ["a", "b"]))),
    ("no labels", D, "no labels", lambda _: trained_on(Dataset({"image": torch.rand(4, 1, 8, 8)}, ["a", "b"]))),
    ("images without a picture axis", D, "shape", lambda _: trained_on(flat_images())),
    ("a pixel that is no number", D, "images hold NaN or infinity: 3", lambda _: trained_on(with_nan())),
    ("a label outside the classes", D, "Label 7 of example 5", lambda _: trained_on(with_label(7))),
    ("a negative label", D, "Label -2 of example 5", lambda _: trained_on(with_label(-2))),
    ("labels with decimals", D, "not class numbers", lambda _: trained_on(images(label=torch.rand(40)))),
    ("one class", D, "one class", lambda _: trained_on(images(classes=1), linear(1))),
    ("two classes, one of them empty", D, "one class", lambda _: trained_on(images(label=torch.zeros(40, dtype=torch.int64)))),
    ("a class with one example", D, "Too few examples of 1", lambda _: split(with_one_example(), 0.2, 0)),
    ("a validation share that leaves too little", D, "can't be split", lambda _: split(images(20, classes=10), 0.05, 0)),
    ("one picture for a column", D, "can't be read", lambda _: Dataset({"image": 3, "label": [0, 1]})),
    ("images of words", D, "images can't be read", lambda _: Dataset({"image": [["a"], ["b"]], "label": [0, 1]})),
    ("a table for columns", D, "columns by name", lambda _: Dataset([[1, 2], [3, 4]])),
    ("a label name that isn't listed", D, "Label 'bird' is no class", lambda _: animals("bird")),
    ("two for a share", D, "A share of 2", lambda _: images().split(2)),
    ("a dataset that isn't split", D, "Call .split() on it", lambda _: ai.Trainer(linear(), "image-classification", images())),
    ("a pair of arrays for data", D, "The data is tuple", lambda _: ai.Trainer(linear(), "image-classification", (1, 2))),
    ("a dict for a config", C, "TrainConfig(**fields)", lambda _: with_config({"epochs": 2})),
    ("a list for data", D, "", lambda _: ai.prepare(data=[1, 2])),
    ("a model object for a name", C, "Hand your own objects to Trainer", lambda _: ai.prepare(model=linear())),
    # the model
    ("a lazy layer", M, "Send one batch through", lambda _: trained_on(images(), nn.Sequential(nn.Flatten(), nn.LazyLinear(2)))),
    ("too few outputs", M, "The model gives [2, 3]", lambda _: trained_on(images(), linear(3))),
    ("an input of another size", M, "can't take these examples", lambda _: trained_on(images(), linear(pixels=65))),
    ("a model that isn't one", M, "not a torch module", lambda _: trained_on(images(), "resnet50")),
    ("nothing to train", M, "nothing to train", lambda _: trained_on(images(), frozen())),
    ("a weight that isn't there", M, "hidden.weight", lambda _: stepped("backward").weight("hiden.weight", 0, 0)),
    ("a place outside the weight", M, "shape is [64, 64]", lambda _: stepped("backward").weight("hidden.weight", 64, 0)),
    ("too few numbers for a place", M, "('hidden.weight', 0, 0)", lambda _: stepped("backward").nudge("hidden.weight", 1)),
    # a person's own examples
    ("pictures of another size", D, "[n, 1, 8, 8]", lambda _: trainer().predict(torch.rand(2, 9, 9))),
    ("words for pictures", D, "no file 'a'", lambda _: trainer().predict(["a", "b"])),
    ("one answer for two pictures", D, "different lengths", lambda _: trainer().tokenize(torch.rand(2, 8, 8), 3)),
    ("nothing for an answer", D, "None is no class", lambda _: trainer().tokenize(torch.rand(2, 8, 8), [3, None])),
    ("half a class", D, "1.7 is no class", lambda _: trainer().tokenize(torch.rand(1, 8, 8), [1.7])),
    ("an answer that is no class", D, "no class", lambda _: trainer().tokenize(torch.rand(1, 8, 8), ["eleven"])),
    ("more answers than pictures", D, "different lengths", lambda _: trainer().tokenize(torch.rand(1, 8, 8), ["1", "2"])),
    ("a split that isn't there", D, "train, validation", lambda _: trainer().evaluate("test")),
    # the order of the phases
    ("loss before forward", P, "forward comes next", lambda _: out_of_order("loss")),
    ("update before backward", P, "update takes the Gradients", lambda _: out_of_order("update")),
    ("tokenize twice", P, "trainer.undo()", lambda _: out_of_order("tokenize")),
    ("forward of something else", P, "forward takes a Batch, not a list", lambda _: out_of_order("list")),
    ("a record used twice", P, "out of order", lambda _: out_of_order("twice")),
    ("a record of another trainer", P, "another trainer", lambda _: out_of_order("stranger")),
    ("a batch of four micro-batches", P, "for part in batch.parts", lambda _: out_of_order("parts")),
    ("undo before the first step", P, "no step to take back", lambda _: out_of_order("undo")),
    ("the loss of examples without answers", P, "no labels", lambda _: out_of_order("unlabelled")),
    # a run's folder
    ("a run that isn't there", C, "There is no folder", lambda tmp: ai.load_run(tmp / "gone")),
    ("a folder that is no run", C, "holds no run", ai.load_run),
    ("a file for a run's folder", C, "There is no folder", lambda tmp: ai.load_run(config_file(tmp, "a"))),
    ("a run's name of 5,000 letters", D, "File name too long", lambda _: ai.load_run("a" * 5000)),
    ("links in a circle", D, "symbolic links", lambda tmp: ai.load_run(circle(tmp))),
    ("a run without run.json", C, "holds no run", spoilt("run.json", None)),
    ("a run.json that is empty", C, "holds no run", spoilt("run.json", b"")),
    ("a run.json that is cut off", C, "holds no run", spoilt("run.json", 40)),
    ("a run.json that is a list", C, "It holds list", spoilt("run.json", b"[1]")),
    ("a run.json without classes", C, "It says None for 'labels'", spoilt("run.json", b'{"format": 1}')),
    ("a run.json of format 0", C, "run.json of 'run' is damaged", spoilt("run.json", b'{"format": 0}')),
    ("a run.json whose format is a switch", C, "Its format is True", spoilt("run.json", b'{"format": true}')),
    ("a run.json whose format is a word", C, "Its format is 'x'", spoilt("run.json", b'{"format": "x"}')),
    ("a run.json of a newer version to compare", D, "newer version", spoilt("run.json", b'{"format": 99}', read=ai.compare)),
    ("a run.json of a newer version to diagnose", D, "newer version", spoilt("run.json", b'{"format": 99}', read=ai.diagnose)),
    ("a run.json nested too deeply", C, "holds no run", spoilt("run.json", b"[" * 100_000)),
    ("a run.json of a newer version", C, "format 1", spoilt("run.json", b'{"format": 99}')),
    ("a run without config.yaml", C, "no config file", spoilt("config.yaml", None)),
    ("a config.yaml of a number", C, "holds int", spoilt("config.yaml", b"3")),
    ("a config.yaml with an unknown field", C, "Did you mean", spoilt("config.yaml", b"epoch: 3")),
    ("a config.yaml that would start a program", C, "as YAML", spoilt("config.yaml", b"!!python/object/apply:os.system [echo]")),
    ("a config.yaml that is a folder", C, "Can't read the config file", spoilt("config.yaml", "folder")),
    ("another batch size in config.yaml", C, "batch_size was 32 and is 64", edited(batch_size=64)),
    ("another learning rate in config.yaml", C, "learning_rate: 0.001", edited(learning_rate=0.1)),
    ("another schedule in config.yaml", C, "schedule was constant", edited(schedule="cosine")),
    ("another seed in config.yaml", C, "seed was 0 and is 3", edited(seed=3)),
    ("another split in config.yaml", C, "validation_fraction was 0.2", edited(validation_fraction=0.3)),
    ("fewer steps in config.yaml than were trained", C, "A run of 1 steps is shorter", edited(max_steps=1)),
    ("a run of images on texts", D, "They hold texts, and it takes images", lambda tmp: ai.load_run(run_in(tmp), data="tickets")),
    ("images for a task on texts", D, "it takes texts", lambda _: ai.prepare(task="text-classification", data="digits")),
    ("images in memory for a task on texts", D, "it takes texts", lambda _: ai.prepare(task="text-classification", data=images())),
    ("nothing for a run", D, "None names no folder", lambda _: ai.load_run(None)),
    ("nothing for a folder of runs", D, 'ai.runs("runs")', lambda _: ai.runs(None)),
    ("a number for a run to follow", D, "5 names no folder", lambda _: ai.follow(5)),
    ("a number for the folder to write into", D, "5 names no folder", lambda _: trainer().fit(display="none", output_dir=5)),
    ("blanks for the folder to write into", D, "blanks alone", lambda _: trainer().fit(display="none", output_dir=" ")),
    ("an empty name for a folder to save into", D, "blanks alone", lambda _: ai.save_run(trainer(), "")),
    ("a history that is gone", D, "Can't read history.jsonl", spoilt("history.jsonl", None)),
    ("a history of words", D, "Line 1 is no row", spoilt("history.jsonl", b"hello\n")),
    ("a history with an odd row beside a whole checkpoint", D, "steps 2 are there", spoilt("history.jsonl", ROW + b"{}\n")),
    ("a history in which a step is missing", D, "step 3 comes after step 1", spoilt("history.jsonl", ROW + ROW.replace(b": 1,", b": 3,"))),
    ("a history with a list for a loss", D, "is no number", spoilt("history.jsonl", ROW.replace(b"1.5", b"[1]"))),
    ("a history whose steps go back", D, "comes after", spoilt("history.jsonl", ROW * 2)),
    ("a history that is a folder", D, "Can't read history.jsonl", spoilt("history.jsonl", "folder")),
    ("a history that is not UTF-8", D, "Can't read history.jsonl", spoilt("history.jsonl", b"\xff\xfe{}\n")),
    ("changes of another kind", D, "Can't read changes.jsonl", spoilt("changes.jsonl", b'{"step": "x", "name": 3}\n')),
    ("a run of which nothing can be gone on from", C, "no weights yet", spoilt("checkpoints", "weightless")),
    ("the weights of another model", D, "Can't load the weights", spoilt("model.safetensors", b"PK\x03\x04", "checkpoints")),
    ("weights that are gone", D, "Can't load the weights", spoilt("model.safetensors", None, "checkpoints")),
    ("a state.json that is empty", D, "Can't read the state.json", spoilt("state.json", b"", read=ai.follow)),
    ("a state.json that is a list", D, "it holds list", spoilt("state.json", b"[]", read=ai.follow)),
    ("a state.json of format -1", D, "Its format is -1", spoilt("state.json", b'{"format": -1}', read=ai.follow)),
    ("a run to go on with whose state.json is damaged", D, "can't be told from this one", spoilt("state.json", b"[]", read=gone_on)),
    ("a run to go on with whose checkpoints are gone", C, "no checkpoint to use", spoilt("checkpoints", "removed", read=gone_on)),
    ("a state.json of words", D, "Can't read the state.json", spoilt("state.json", b'{"format": 1, "run": 7}', read=ai.follow)),
    ("something else than a run to follow", D, "isn't the folder of a run", lambda tmp: ai.follow(config_file(tmp, "a").parent, "none")),
    ("a run to diagnose that tells of no step", D, "tells of no step", spoilt("history.jsonl", b"", read=ai.diagnose)),
    ("a folder of other things to save into", D, "holds other things", lambda tmp: ai.save_run(trainer(), config_file(tmp, "a").parent)),
    ("a file to save a run into", D, "can't be written to", lambda tmp: ai.save_run(trainer(), config_file(tmp, "a"))),
    ("a run that would take another's place", D, "holds another run", lambda tmp: ai.save_run(trainer(), run_in(tmp))),
    ("checkpoints that lead out of the folder", D, "leads out of the folder", lambda tmp: linked(run_in(tmp))),
    ("a full disk", D, "No space left on device", lambda tmp: no_room(28, "No space left on device", tmp)),
    ("a read-only disk", D, "Read-only file system", lambda tmp: no_room(30, "Read-only file system", tmp)),
    ("a folder that may not be written to", D, "can't be written to", forbidden),
    # logs of others
    ("a log that isn't there", D, "no file or folder", lambda tmp: ai.diagnose(tmp / "log.csv")),
    ("a log that is empty", D, "as a table", lambda tmp: ai.diagnose(config_file(tmp, "", "log.csv"))),
    ("a log without a loss", D, "holds a loss", lambda tmp: ai.diagnose(config_file(tmp, "step,speed\n1,2\n", "log.csv"))),
    ("a log that is not UTF-8", D, "as a table", lambda tmp: ai.diagnose(config_file(tmp, b"loss\n\xff\xfe\n", "log.csv"))),
    ("a log of ragged rows", D, "as a table", lambda tmp: ai.diagnose(config_file(tmp, "loss\n1\n1,2,3\n", "log.csv"))),
    ("a trainer_state.json of a number", D, "", lambda tmp: ai.diagnose(config_file(tmp, "3", "trainer_state.json"))),
    ("a trainer_state.json that is cut off", D, "as JSON", lambda tmp: ai.diagnose(config_file(tmp, '{"log_', "trainer_state.json"))),
    ("a log of words for numbers", D, "can't be read", lambda _: ai.diagnose([{"loss": 1.0, "step": "one"}])),
    # configs that do harm
    ("a config of anchors that grow", C, "And 6 more", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, growing()))),
    ("a config nested too deeply", C, "as JSON", lambda tmp: ai.TrainConfig.from_json(config_file(tmp, "[" * 100_000, "run.json"))),
    ("a config of one huge number", C, "as JSON", lambda tmp: ai.TrainConfig.from_json(config_file(tmp, "9" * 5000, "run.json"))),
    ("a date for a number", C, "learning_rate can't be", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, "learning_rate: 2024-1-1"))),
    ("a list for a name", C, "model can't be", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, "model: [mlp]"))),
    ("a table for a number", C, "epochs can't be", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, "epochs: {a: 1}"))),
    ("a number for a field's name", C, "There is no field named '3'", lambda tmp: ai.TrainConfig.from_yaml(config_file(tmp, "3: 4"))),
    # files with names that are no names
    ("data with a name of 5,000 letters", D, "File name too long", lambda _: ai.prepare(data="a" * 5000)),
    ("a model with a name of 5,000 letters", D, "File name too long", lambda _: ai.prepare(model="a" * 5000)),
    ("a path of Windows", D, "no file", lambda _: ai.prepare(data=r"C:\data\mine.csv")),
    ("data with a NUL in their name", D, "", lambda _: ai.prepare(data="a\0.csv")),
    ("a task of your own that isn't there", C, "no Python file", lambda tmp: ai.add_task(tmp / "task.py")),
    ("a run on data in memory", C, "load_run(folder, data=...)", lambda tmp: ai.load_run(in_memory(tmp))),
    ("a run on other data in memory", D, "not those of the run", lambda tmp: ai.load_run(in_memory(tmp), images(44))),
    ("a run on data of other classes", D, "other classes", lambda tmp: ai.load_run(in_memory(tmp), images(40, 4))),
    # the command line
    ("a --set without a value", C, "has no value", command("train", "run.yaml", "--set", "epochs")),
    ("a --set of an unknown field", C, "Did you mean", command("train", "run.yaml", "--set", "epoch=3")),
    ("a --set that is no YAML", C, "Can't read the value of --set epochs", command("train", "run.yaml", "--set", "epochs=[1")),
    ("answers in the place of the data", D, "take the place of the data", command("predict", "run", "run.yaml", "--to", "run.yaml")),
    ("a folder for the suggested run", D, "It is a folder", command("look", "digits", "--config", ".")),
]  # fmt: skip


def circle(tmp):
    (tmp / "a").symlink_to(tmp / "b")
    (tmp / "b").symlink_to(tmp / "a")
    return tmp / "a"


def run_in(tmp):
    """The folder of a run of two steps."""
    folder = tmp / "run"
    ai.prepare(model="mlp", max_steps=2, evaluate_every=0).fit(display="none", output_dir=folder)
    return folder


def in_memory(tmp):
    """The folder of a run on images that no file holds."""
    ai.prepare(data=images(), model="mlp", max_steps=2, batch_size=8).fit(display="none", output_dir=tmp / "run")
    return tmp / "run"


def linked(folder):
    (folder / "checkpoints").rename(folder.parent / "elsewhere")
    (folder / "checkpoints").symlink_to(folder.parent / "elsewhere")
    return ai.save_run(trainer(), folder, overwrite=True)


def no_room(number, why, tmp):
    """Save where the disk says no; nothing is left behind."""

    def fail(*_, **__):
        raise OSError(number, why)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pathlib.Path, "write_bytes", fail)
        try:
            ai.save_run(trainer(), tmp / "run")
        finally:
            assert not [path for path in (tmp / "run").rglob("*") if path.is_file() and path.name != ".lock"]


def growing():
    """A few lines of YAML that are a thousand million values once they are read out."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return "\n".join(lines)


def animals(name):
    return Dataset({"text": ["a", "b"], "label": ["cat", name]}, ["cat", "dog"])


def with_config(config):
    return ai.Trainer(linear(), "image-classification", images().split(0.2), config)


def flat_images():
    return Dataset({"image": torch.rand(4, 64), "label": torch.tensor([0, 1, 0, 1])}, "ab")


def with_one_example():
    data = images()
    data.columns["label"] = torch.tensor([0] * 39 + [1])
    return data


KEPT = []  # records need their trainer alive


def stepped(until):
    one = trainer()
    KEPT.append(one)
    forward = one.forward(one.tokenize())
    loss = one.loss(forward)
    return one.backward(loss) if until == "backward" else loss


def out_of_order(kind):  # noqa: PLR0911  one return a case
    one = trainer()
    if kind == "stranger":
        other = trainer()
        one.forward(one.tokenize())
        return one.loss(other.forward(other.tokenize()))
    if kind == "parts":
        one = ai.prepare(model="mlp", batch_size=8, gradient_accumulation_steps=4)
        return one.forward(one.tokenize())
    if kind == "undo":
        return one.undo()
    if kind == "unlabelled":
        return one.loss(one.forward(one.tokenize(torch.rand(1, 8, 8))))
    batch = one.tokenize()
    if kind == "snapshot":
        return one.snapshot()
    if kind == "tokenize":
        return one.tokenize()
    if kind == "list":
        return one.forward([1, 2])
    if kind == "loss":
        return one.loss(batch)
    forward = one.forward(batch)
    loss = one.loss(forward)
    if kind == "twice":
        return one.loss(forward)
    return one.update(loss)


def test_the_table_is_long_enough():
    assert len(BAD) >= 150
    assert len({name for name, *_ in BAD}) == len(BAD)


@pytest.mark.parametrize(("name", "kind", "says", "call"), BAD, ids=[name for name, *_ in BAD])
def test_bad_input_gets_its_sentence(name, kind, says, call, refused, tmp_path):
    text = refused(lambda: call(tmp_path), kind, says)
    assert str(pathlib.Path(__file__).parent) not in text
    assert len(text) < 1500
    assert "Traceback" not in text


def test_after_a_phase_error_the_step_goes_on():
    one, other = trainer(), trainer()
    batch = one.tokenize()
    forward = one.forward(batch)
    for wrong in (lambda: one.forward(batch), lambda: one.backward(forward), one.tokenize, lambda: one.update(None)):
        with pytest.raises(ai.PhaseError):
            wrong()
    one.update(one.backward(one.loss(forward)))
    for _ in other.phases():
        pass
    assert one.fingerprint() == other.fingerprint()


def test_a_bug_in_a_watcher_loses_nothing():
    one, other = trainer(), trainer()

    def bug(record):
        if isinstance(record, ai.Loss) and record.step == 3:
            raise KeyError("a bug in your watcher")

    one.watchers.append(bug)
    with pytest.raises(KeyError):
        one.fit(display="none")
    assert one.ending.state == "failed"
    one.watchers.clear()
    one.fit(display="none")
    other.fit(display="none")
    assert one.fingerprint() == other.fingerprint()
    assert one.history.frame()["loss"].tolist() == other.history.frame()["loss"].tolist()


def test_batch_normalisation_says_which_batch_size_would_do():
    data = ai.prepare(data="digits", model="mlp").data
    data = ai.Dataset({"image": data.train.columns["image"][:26], "label": data.train.columns["label"][:26] % 2}).split(
        0.34
    )
    assert len(data.train) == 17
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 2)
    )
    trainer = ai.Trainer(model, "image-classification", data, ai.TrainConfig(batch_size=4, epochs=1))
    with pytest.raises(ai.ModelError, match="can't train on a batch of 1") as caught:
        trainer.fit(display="none")
    assert "batch_size=5" in caught.value.fix
    assert trainer.step == 4
    assert trainer.ending.state == "failed"


def test_weights_that_were_unfrozen_later_are_said_not_to_be_trained():
    data = ai.prepare(data="digits", model="mlp").data
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 8), torch.nn.Linear(8, 10))
    model[1].requires_grad_(False)
    trainer = ai.Trainer(model, "image-classification", data, ai.TrainConfig(max_steps=2))
    trainer.fit(display="none")
    model[1].requires_grad_(True)
    with pytest.raises(ai.ModelError, match="would not be trained"):
        trainer.fit(display="none", max_steps=4)
