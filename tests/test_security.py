"""What the package may never do: by its syntax tree, and by hostile files, names and secrets."""

from __future__ import annotations

import ast
import json
import os
import platform
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path

import nbformat
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

import aitrain_nb as ai
from aitrain_nb import placing
from aitrain_nb.models.pretrained import find_pretrained
from aitrain_nb.run_folder.saving import free_folder

PACKAGE = Path(ai.__file__).parent


def calls():
    """Every call in the package: module, what is called as it is written, the call."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(PACKAGE).as_posix(), ast.unparse(node.func), node


def imports():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            yield from ((path.name, name.split(".")[0]) for name in names)


def given(call, name):
    return next((ast.unparse(one.value) for one in call.keywords if one.arg == name), None)


# what is never called


def test_no_pickle_and_no_archive_is_ever_read():
    never = {
        "pickle",
        "cPickle",
        "dill",
        "cloudpickle",
        "joblib",
        "shelve",
        "marshal",
        "tarfile",
        "zipfile",
        "telnetlib",
        "xmlrpc",
    }
    assert [found for found in imports() if found[1] in never] == []


def test_no_text_becomes_a_program():
    never = {"eval", "exec", "compile", "os.system", "os.popen", "__import__", "yaml.load", "yaml.full_load", "yaml.unsafe_load",
             "shutil.unpack_archive", "pd.read_pickle", "pandas.read_pickle", "torch.hub.load", "torch.jit.load"}  # fmt: skip
    found = {(where, what) for where, what, _ in calls() if what in never}
    typed = {("lessons/gates.py", what) for what in ("compile", "exec", "eval")}  # the cell that somebody has just run
    assert found == typed
    assert [(where, what) for where, what, call in calls() if given(call, "shell") not in {None, "False"}] == []


STARTERS = {
    "__main__.py": "this very command, by our own interpreter",
    "cli/learning.py": "JupyterLab, by our own interpreter",
    "doctor/installation.py": "our own interpreter with our own program",
    "exporting/asking.py": "our own interpreter with our own module",
    "launching.py": "our own interpreter with torch's launcher and our own program",
    "lessons/wheelhouse.py": "pip, by our own interpreter",
    "run_folder/environment.py": "git rev-parse HEAD",
}


def test_programs_are_started_in_these_places_only():
    kinds = ("subprocess.", "os.exec", "os.spawn", "os.posix_spawn", "os.fork")
    assert {where for where, what, _ in calls() if what.startswith(kinds)} == set(STARTERS)


def test_weights_are_read_without_programs_in_them():
    for where, what, call in calls():
        if what.endswith("torch.load"):
            assert given(call, "weights_only") == "True", where
        if what.endswith(("np.load", "numpy.load", "read_npy")):
            assert given(call, "allow_pickle") in {None, "False"}, where
        if (
            what.endswith(".from_pretrained")
            and "Processor" not in what
            and "Tokenizer" not in what
            and "Config" not in what
        ):
            assert (
                given(call, "use_safetensors") == "True" or "SafeTensors" in what or given(call, "use_safetensors")
            ), where


def test_what_torch_unpickles_is_opened_in_one_place_which_asks_first():
    from aitrain_nb.exporting.formats import find_format, format_names

    assert {where for where, what, _ in calls() if what == "torch.export.load"} == {"exporting/formats/torch_export.py"}
    assert [name for name in format_names() if find_format(name).runs_code] == ["torch-export"]


def test_no_program_of_a_model_is_trusted():
    found = [
        (where, given(call, "trust_remote_code"))
        for where, what, call in calls()
        if what.endswith((".from_pretrained", ".from_config"))
    ]
    assert found
    assert {value for _, value in found} == {"False"}, found
    assert not any("trust" in name for name in ai.TrainConfig.model_fields)


# how it writes

WRITERS = {
    "placing.py": "the one place",
    "run_folder/writing.py": "history.jsonl and changes.jsonl grow line by line; a reader waits for the line's end",
    "engine/metering.py": "a 5 into Linux's clear_refs, from where the highest memory of the process begins anew",
    "launching.py": "a config and the launcher's words in a temporary folder",
    "figures.py": "savefig is matplotlib's own, where a person calls it",
}


def test_files_are_written_in_one_place():
    found = set()
    for where, what, call in calls():
        mode = ast.unparse(call.args[-1]) if call.args else given(call, "mode") or ""
        opens = what == "open" or (what.endswith(".open") and not what.startswith(("Image", "webbrowser")))
        if opens and any(letter in mode.strip("'\"") for letter in "wax+") and mode.startswith(("'", '"')):
            found.add(where)
        if what.endswith(
            (".write_text", ".write_bytes", ".savefig", ".to_parquet", ".tofile")
        ) and "stream" not in ast.unparse(call):
            found.add(where)
    drafts = {"run_folder/card.py", "cli/results.py"}  # they write the draft that `replace_file` hands them
    assert found - drafts <= set(WRITERS), found


def test_a_file_is_placed_whole_and_never_through_a_link(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    here = tmp_path / "here"
    here.mkdir()
    (here / ".a.txt.draft").symlink_to(outside)
    (here / "a.txt").symlink_to(outside)
    placing.replace_text(here / "a.txt", "new")
    assert outside.read_text() == "mine"
    assert (here / "a.txt").read_text() == "new"
    assert not (here / "a.txt").is_symlink()


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(draft):
        draft.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        placing.replace_file(path, fail)
    assert path.read_text() == "old"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="directory"):
        placing.replace_text(tmp_path / "folder", "new")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.txt", "folder"]  # no draft stays


# a run's folder

LINKED = [
    "history.jsonl",
    "changes.jsonl",
    "config.yaml",
    "run.json",
    "state.json",
    "model.safetensors",
    ".state.json.draft",
    ".lock",
]


@pytest.mark.parametrize("name", LINKED)
def test_a_run_never_writes_through_a_link_in_its_folder(tmp_path, name):
    folder = tmp_path / "run"
    ai.prepare(model="mlp", max_steps=2).fit(display="none", output_dir=folder)
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(outside)
    trainer = ai.prepare(model="mlp", max_steps=3)
    with suppress(ai.AitrainError):
        trainer.fit(display="none", output_dir=folder, overwrite=True)
    assert outside.read_bytes() == b"mine"


def test_a_run_never_writes_checkpoints_into_another_folder(tmp_path, refused):
    folder, outside = tmp_path / "run", tmp_path / "outside"
    ai.prepare(model="mlp", max_steps=2).fit(display="none", output_dir=folder)
    (folder / "checkpoints").rename(outside)
    (folder / "checkpoints").symlink_to(outside)
    before = sorted(outside.iterdir())
    trainer = ai.load_run(folder)
    refused(
        lambda: trainer.fit(display="none", output_dir=folder, max_steps=4), ai.DataError, "leads out of the folder"
    )
    refused(lambda: ai.save_run(trainer, folder, overwrite=True), ai.DataError, "leads out of the folder")
    assert sorted(outside.iterdir()) == before


@pytest.mark.parametrize(
    "name", ["../../etc/x.yaml", "a/../../b.yaml", "con.yaml", "x\u202ey.yaml", ".hidden.yaml", "a b.yaml"]
)
def test_a_run_named_after_its_file_stays_below_runs(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    folder = free_folder(Path("runs") / Path(name).stem)
    assert (tmp_path / "runs").resolve() in folder.resolve().parents


# archives


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_is_never_unpacked(tmp_path, refused, kind):
    path = tmp_path / f"data.{kind}"
    (tmp_path / "x").write_text("text,label\na,b\n")
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "x", "../../escaped.csv")
    else:
        with tarfile.open(path, "w") as archive:
            archive.add(tmp_path / "x", "../../escaped.csv")
    before = sorted(tmp_path.rglob("*"))
    refused(lambda: ai.read(path), ai.DataError, "Unpack it")
    assert sorted(tmp_path.rglob("*")) == before
    assert not list(tmp_path.parent.glob("escaped*"))


def test_weights_that_are_a_pickle_are_not_read(tmp_path, refused):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    folder = tmp_path / "run"
    ai.prepare(model="mlp", max_steps=2, save_every=0).fit(display="none", output_dir=folder)
    torch.save({"weights": Bomb()}, folder / "model.safetensors")
    refused(lambda: ai.load_run(folder), ai.DataError, "Can't load the weights")
    assert not (tmp_path / "exploded").exists()


# secrets

SECRETS = {"HF_TOKEN": "hf_QqWwEeRrTtYyUuIiOoPp", "USER": "zaphodbeeblebrox", "LOGNAME": "zaphodbeeblebrox", "USERNAME": "zaphodbeeblebrox",
           "WANDB_API_KEY": "0123456789abcdef0123456789abcdef01234567"}  # fmt: skip


@pytest.fixture
def planted(tmp_path, monkeypatch):
    """A token, a user, a home and a machine of one's own, and data below that home; what may not be found anywhere."""
    home = tmp_path / "home" / "zaphodbeeblebrox"
    home.mkdir(parents=True)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(platform, "node", lambda: "heartofgold")
    monkeypatch.chdir(home)
    rows = [f"this is {word} number {number},{word}" for number, word in enumerate(["late", "good"] * 20)]
    (home / "mine.csv").write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    return home, {*SECRETS.values(), "heartofgold", str(tmp_path)}


def told(folder, secrets):
    """Which secrets stand in which files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    return [(path.name, secret) for path in files for secret in secrets if secret.encode() in path.read_bytes()]


SMALL = {"model": "small-encoder", "vocabulary_size": 60, "batch_size": 4, "max_steps": 3}


def test_no_secret_is_in_a_run(planted):
    home, secrets = planted
    trainer = ai.prepare(data="mine.csv", **SMALL)
    trainer.fit(display="none", output_dir="run")
    ai.save_run(trainer, "saved")
    assert told(home / "run", secrets) == []
    assert told(home / "saved", secrets) == []


def test_a_whole_path_below_ones_home_does_not_tell_whose_it_is(planted):
    home, secrets = planted
    ai.prepare(data=str(home / "mine.csv"), **SMALL).fit(display="none", output_dir=home / "run")
    assert told(home / "run", secrets) == []
    loaded = ai.load_run(home / "run")
    assert loaded.config.data == "~/mine.csv"
    assert loaded.notes == ai.prepare(loaded.config).notes


def test_a_model_is_found_below_ones_home(planted):
    home, _ = planted
    (home / "models" / "mine").mkdir(parents=True)
    (home / "models" / "mine" / "config.json").write_text("{}")
    assert find_pretrained("~/models/mine") == str(home / "models" / "mine")


def test_a_failure_tells_no_secret(planted):
    home, secrets = planted
    trainer = ai.prepare(data="mine.csv", **SMALL)

    def fail(_):
        raise OSError(f"no room in {home}/cache for {SECRETS['HF_TOKEN']} of zaphodbeeblebrox")

    trainer.watchers.append(fail)
    with pytest.raises(OSError, match="no room"):
        trainer.fit(display="none", output_dir="run")
    assert told(home / "run", secrets) == []


def test_no_secret_is_in_what_a_notebook_shows(planted):
    _, secrets = planted
    trainer = ai.prepare(data="mine.csv", **SMALL)
    trainer.fit(display="none")
    shown = [trainer, trainer.history, trainer.evaluate(), ai.diagnose(trainer), trainer.data.guess, trainer.config]
    pages = [text for one in shown for text in (repr(one), getattr(one, "_repr_html_", str)() or "")]
    assert [secret for page in pages for secret in secrets if secret in page] == []
    assert json.dumps(pages)


def test_no_secret_is_in_a_notebook_that_was_saved(planted):
    home, secrets = planted
    trainer = ai.prepare(data="mine.csv", **SMALL)
    history = trainer.fit(display="none", output_dir="run")
    shown = [trainer, history, history.story(), trainer.evaluate(), ai.diagnose(trainer), trainer.data.guess, trainer.config,
             ai.compare(trainer, "run"), ai.runs("."), trainer.data]  # fmt: skip
    bundles = [DisplayFormatter().format(one) for one in shown]
    outputs = [nbformat.v4.new_output("display_data", data=data, metadata=more) for data, more in bundles]
    outputs.append(nbformat.v4.new_output("stream", text="\n".join(map(str, shown))))
    cell = nbformat.v4.new_code_cell("trainer.fit()", outputs=outputs)
    file = home / "mine.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), file)
    written = file.read_text(encoding="utf-8")
    assert written.count("text/html") > 5
    assert [secret for secret in secrets if secret in written] == []
