"""Does Jupyter work: its extension for widgets, and a kernel that answers."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aitrain_nb.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.doctor.finding import Room


def widgets(_: Room) -> Iterator[Finding]:
    """JupyterLab's extension for ipywidgets, of a version that fits."""
    import json

    from jupyter_core.paths import jupyter_path

    name, fix = "widgets", "pip install --force-reinstall jupyterlab_widgets, and start JupyterLab again."
    for place in jupyter_path("labextensions", "@jupyter-widgets", "jupyterlab-manager", "package.json"):
        if Path(place).is_file():
            version = json.loads(Path(place).read_text(encoding="utf-8"))["version"]
            old = int(version.split(".")[0]) < 5
            what = f"JupyterLab extension {version}" + (", of an ipywidgets before 8" if old else "")
            yield Finding(name, "warn" if old else "good", what, fix if old else "")
            return
    yield Finding(name, "bad", "JupyterLab has no extension for ipywidgets", fix)


def kernel(_: Room) -> Iterator[Finding]:
    """The python3 kernel starts, computes, and runs in this environment."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    fix = "python -m ipykernel install --sys-prefix --name python3"
    try:
        KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        yield Finding("kernel", "bad", "there is no kernel named python3", fix)
        return
    seconds, answer, prefix = _ask_kernel()
    if answer != "2":
        yield Finding("kernel", "bad", f"python3 starts, but 1+1 is {answer or 'not answered'}", fix)
    elif Path(prefix).resolve() != Path(sys.prefix).resolve():
        yield Finding("kernel", "bad", "python3 runs another environment than this one", fix)
    elif seconds > 15:
        yield Finding(
            "kernel", "warn", f"python3 took {seconds:.0f} s to answer", "Close other programs and try again."
        )
    else:
        yield Finding("kernel", "good", f"python3 answers in {seconds:.1f} s, in this environment")


def _ask_kernel() -> tuple[float, str, str]:
    """Start the python3 kernel and ask it: the seconds until it answered, what 1+1 is, and its environment."""
    from jupyter_client.manager import start_new_kernel

    began = time.perf_counter()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    manager, client = start_new_kernel(startup_timeout=60, kernel_name="python3", **quiet)
    try:
        asked = {"sum": "1+1", "prefix": "__import__('sys').prefix"}
        question = client.execute("", silent=True, user_expressions=asked)
        while (reply := client.get_shell_msg(timeout=30))["parent_header"].get("msg_id") != question:
            pass  # what the kernel said of itself may still be on its way
        found = reply["content"].get("user_expressions", {})
        texts = {name: found.get(name, {}).get("data", {}).get("text/plain", "") for name in asked}
        return time.perf_counter() - began, texts["sum"], texts["prefix"].strip("'\"").replace("\\\\", "\\")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
