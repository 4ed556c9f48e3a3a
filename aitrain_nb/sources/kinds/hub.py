"""A data set of the Hugging Face hub by its name: the one source that needs a network, unless it was downloaded before.

No code of a data set is run: `trust_remote_code` is never passed, and `datasets` has dropped loading scripts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aitrain_nb import hub
from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Kind, Options, Raw
from aitrain_nb.sources.files import HubName
from aitrain_nb.sources.kinds.hub_objects import read_dataset
from aitrain_nb.sources.values import shown


def _takes(source: Any) -> bool:
    return isinstance(source, HubName)


def _read(source: HubName, options: Options) -> Raw:
    datasets = library(source.name)
    loaded = _from_hub(datasets, source, options) if hub.reachable() else _from_disk(source, options)
    return read_dataset(loaded, options, source.name.split("/")[-1], f"{source.name} of the Hugging Face hub.")


def library(name: str) -> Any:
    """The package datasets; raises DataError where it isn't installed, or this name means something else to it."""
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"Can't load {shown(name)} from the hub.",
            "The package datasets isn't installed.",
            "pip install 'aitrain-nb[hub]'",
        ) from error
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES as FILE_KINDS

    if name in FILE_KINDS or name.startswith("buckets/"):  # the library would look into the folder it runs in
        raise DataError(
            f"{shown(name)} is no data set on the hub.",
            "It is the name of a kind of file, or of a storage bucket.",
            "Give the file itself, or the data set's name in the form 'user/name'.",
        )
    return datasets


def _from_hub(datasets: Any, source: HubName, options: Options) -> Any:
    try:
        return datasets.load_dataset(f"hf://datasets/{source.name}", options.configuration)
    except Exception as error:  # the library raises its own, httpx's, pyarrow's and python's
        raise DataError(*why_not(source, error)) from error


def why_not(source: HubName, error: Exception) -> tuple[str, str, str]:
    """What happened, why, and a fix, where the library raised this error."""
    kind, whole = type(error).__name__, str(error).strip().replace(str(Path.home()), "~")
    what = f"Can't load {shown(source.name)} from the hub."
    here = f" There is {shown(source.near)} in your folder." if source.near else ""
    if kind == "DatasetNotFoundError":
        fix = (
            f"Did you mean the file {shown(source.near)}?"
            if source.near
            else "Copy the name from its page; for private ones log in."
        )
        return what, f"The hub has no data set of this name that you may read.{here}", fix
    if "Config name is missing" in whole or "BuilderConfig" in whole:
        return what, f"The library says: {whole[:300]}", "Pass configuration=... with one of these names."
    if "script" in whole:
        return what, "It needs a program of its own to be loaded, and none is run.", "Look for a copy of it in Parquet."
    return (
        what,
        f"{kind}: {(whole or 'no reason given').splitlines()[0][:300]}",
        "Download a file of it from its page and give the file.",
    )


def _from_disk(source: HubName, options: Options) -> Any:
    """What was downloaded before.

    Raises:
        DataError: nothing was.
    """
    try:
        from datasets.packaged_modules.cache.cache import Cache

        builder = Cache(
            dataset_name=source.name.split("/")[-1], config_name=options.configuration, repo_id=source.name,
            version="auto", hash="auto",
        )  # fmt: skip
        return builder.as_dataset()
    except Exception as error:  # not there, or of another version of the library
        if "multiple" in str(error):
            raise DataError(*why_not(source, ValueError(f"BuilderConfig: {error}"))) from error
        raise DataError(*out_of_reach(source)) from error


def out_of_reach(source: HubName) -> tuple[str, str, str]:
    """What happened, why, and a fix, where there is no network."""
    near = f" In your folder there is {shown(source.near)}, which is like it." if source.near else ""
    return (
        f"Can't load {shown(source.name)}: the hub is out of reach.",
        f"{hub.why_not()}, and {shown(source.name)} wasn't downloaded before.{near}",
        f"Did you mean the file {shown(source.near)}?" if source.near
        else "Download it once with a network, or give a file.",
    )  # fmt: skip


KIND = Kind(_takes, _read)
