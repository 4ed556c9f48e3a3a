"""A data set of the Hugging Face hub by its name: the one source that needs a network, unless it was downloaded before.

No code of a data set is run: `trust_remote_code` is never passed, and `datasets` has dropped loading scripts.
"""

from __future__ import annotations

import os
import socket
import threading
import urllib.parse
import urllib.request
from typing import Any

from aitrain_nb.errors import DataError
from aitrain_nb.sources.base import Kind, Options, Raw
from aitrain_nb.sources.files import HubName
from aitrain_nb.sources.kinds.hub_objects import read_dataset
from aitrain_nb.sources.values import shown

_PATIENCE_SECONDS = 3.0
"""How long the hub is given to answer before it counts as out of reach."""


def _takes(source: Any) -> bool:
    return isinstance(source, HubName)


def _read(source: HubName, options: Options) -> Raw:
    datasets = _library(source.name)
    loaded = _from_hub(datasets, source, options) if _reachable() else _from_disk(source, options)
    return read_dataset(loaded, options, source.name.split("/")[-1], f"{source.name} of the Hugging Face hub.")


def _library(name: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"Can't load {shown(name)} from the hub.",
            "The package datasets isn't installed.",
            "pip install 'aitrain-nb[hub]'",
        ) from error
    return datasets


def _reachable() -> bool:
    """Whether the hub, or the proxy on the way to it, takes a connection within three seconds."""
    if any(
        os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
    ):
        return False
    host, port = _first_hop(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    answered = threading.Event()

    def knock() -> None:
        try:
            socket.create_connection((host, port), timeout=_PATIENCE_SECONDS).close()
        except (OSError, ValueError):
            return
        answered.set()

    asking = threading.Thread(target=knock, name="aitrain-nb: is the hub there?", daemon=True)
    asking.start()  # looking up a name has no time limit of its own
    asking.join(_PATIENCE_SECONDS)
    return answered.is_set()


def _first_hop(endpoint: str) -> tuple[str, int]:
    """Host and port that a request to the hub connects to."""
    address = urllib.parse.urlsplit(endpoint)
    host = address.hostname or "huggingface.co"
    proxy = urllib.request.getproxies().get(address.scheme or "https")
    if proxy and not urllib.request.proxy_bypass(host):
        through = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return through.hostname or host, through.port or 80
    return host, address.port or (80 if address.scheme == "http" else 443)


def _from_hub(datasets: Any, source: HubName, options: Options) -> Any:
    try:
        return datasets.load_dataset(f"hf://datasets/{source.name}", options.configuration)
    except Exception as error:  # the library raises its own, httpx's, pyarrow's and python's
        raise DataError(*_why_not(source, error)) from error


def _why_not(source: HubName, error: Exception) -> tuple[str, str, str]:
    kind = type(error).__name__
    what = f"Can't load {shown(source.name)} from the hub."
    here = f" There is {shown(source.near)} in your folder." if source.near else ""
    if kind == "DatasetNotFoundError":
        fix = (
            f"Did you mean the file {shown(source.near)}?"
            if source.near
            else "Copy the name from its page; for private ones log in."
        )
        return what, f"The hub has no data set of this name that you may read.{here}", fix
    said = str(error).strip().splitlines()[0] if str(error).strip() else kind
    if "Config name is missing" in str(error) or "BuilderConfig" in str(error):
        return what, f"The library says: {str(error).strip()[:300]}", "Pass configuration=... with one of these names."
    if "script" in str(error):
        return what, "It needs a program of its own to be loaded, and none is run.", "Look for a copy of it in Parquet."
    return what, f"{kind}: {said[:300]}", "Download a file of it from its page and give the file."


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
            raise DataError(*_why_not(source, ValueError(f"BuilderConfig: {error}"))) from error
        near = (
            f" There is no file or folder of this name either; {shown(source.near)} is like it." if source.near else ""
        )
        raise DataError(
            f"Can't load {shown(source.name)}: the hub is out of reach.",
            f"It didn't answer within {_PATIENCE_SECONDS:.0f} seconds, and {shown(source.name)} wasn't downloaded before.{near}",
            f"Did you mean the file {shown(source.near)}?"
            if source.near
            else "Download it once with a network, or give a file.",
        ) from error


KIND = Kind(_takes, _read)
