"""A Python that begins with everything imported: forked from one process of the session.

A fresh Python imports for 4 to 6 s what the lessons, the browser tests, the exports and the launched processes need, and there are a
hundred of them. So `install` writes an executable `python` that asks a server, which the first one starts, for a fork of itself; passes
its arguments, environment, streams and signals on; and ends with it. Jupyter's kernel python3 is such a Python. Only what is imported is
shared. A test whose point is that a fresh process imports, or does without, something starts the interpreter itself.
"""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

FOLDER = "AITRAIN_NB_FORKED_PYTHON"
_IMPORTED = (
    "accelerate", "aitrain_nb.exporting.serving", "aitrain_nb.loading", "aitrain_nb.plots", "aitrain_nb.run",
    "aitrain_nb.trainer", "aitrain_nb.widgets.form", "aitrain_nb.widgets.live", "aitrain_nb.widgets.playground",
    "aitrain_nb.widgets.stepper", "ipykernel.kernelapp", "ipywidgets", "jedi", "nbval.plugin", "matplotlib.backends.backend_agg",
    "matplotlib.pyplot", "matplotlib_inline.backend_inline", "peft", "sklearn.datasets", "torch.distributed.fsdp",
    "torch.distributed.run", "transformers.models.bert.modeling_bert", "transformers.models.gpt2.modeling_gpt2",
)  # fmt: skip


def executable() -> str:
    """The path of the forked Python."""
    return str(Path(os.environ[FOLDER]) / "python")


def install(folder: Path) -> None:
    """Write the executable, and make it the kernel of this process and of those it starts; its server ends with this process."""
    os.environ[FOLDER] = str(folder)
    (folder / "owner").write_text(str(os.getpid()))
    python = Path(executable())
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -I -S '{__file__}' --ask \"$@\"\n")
    python.chmod(0o755)
    kernel = folder / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")]))


# the server, and what is forked from it


def _serve(folder: Path) -> None:
    """Fork a process for each that asks, until the owner is gone."""
    import gc
    import importlib

    sys.path.remove(str(Path(__file__).parent))
    os.environ["MPLBACKEND"] = (
        "module://matplotlib_inline.backend_inline"  # as a kernel sets it before matplotlib is imported
    )
    for name in _IMPORTED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "new"))
    listener.listen()
    listener.settimeout(1)
    (folder / "new").rename(folder / "socket")
    owner = int((folder / "owner").read_text())
    while _is_alive(owner):
        with contextlib.suppress(TimeoutError):
            link, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _become(link)
                return
            link.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _become(link: socket.socket) -> None:
    """Run what is asked for, as a Python of its own would, and say with which code it ends."""
    os.setsid()
    link.settimeout(None)
    told, streams, _, _ = socket.recv_fds(link, 1 << 20, 3)
    asked = json.loads(told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ |= asked["environment"]
    os.chdir(asked["folder"])
    sys.executable = executable()
    if threads := os.environ.get("OMP_NUM_THREADS"):  # which is read when torch is imported
        sys.modules["torch"].set_num_threads(int(threads))
    link.sendall(b"%10d" % os.getpid())

    def end_with_the_other() -> None:
        link.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_the_other, daemon=True).start()
    code = 0
    try:
        _run(asked["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001  it is this process's last word
        sys.excepthook(*sys.exc_info())
        code = 1
    link.sendall(bytes([code & 255]))


def _run(arguments: list[str]) -> None:
    """`-c code`, `-m module` or a file, and what is given to it."""
    import runpy

    while arguments[0] in {"-u", "-I"}:
        arguments = arguments[1:]
    kind, rest = arguments[0], arguments[1:]
    if kind == "-m":
        sys.argv = [rest[0], *rest[1:]]
        sys.path.insert(0, str(Path.cwd()))
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    else:
        sys.argv = [kind, *rest]
        sys.path.insert(0, str(Path(kind).parent))
        runpy.run_path(kind, run_name="__main__")


# the process that others take for it


def _ask(folder: Path, arguments: list[str]) -> int:
    """Ask for a fork, pass signals on to it, and wait for its end; gives its code."""
    link = socket.socket(socket.AF_UNIX)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "socket").exists():
            _start_server(folder)
    link.connect(str(folder / "socket"))
    environment = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    asked = {"arguments": arguments, "environment": environment, "folder": str(Path.cwd())}
    socket.send_fds(link, [json.dumps(asked).encode()], [0, 1, 2])
    process = int(link.recv(10, socket.MSG_WAITALL))

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    code = link.recv(1)
    link.recv(1)  # until it is gone
    return code[0] if code else 1


def _start_server(folder: Path) -> None:
    command = [sys.executable, __file__, "--serve"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    while not (folder / "socket").exists():
        if server.poll() is not None:
            raise SystemExit((folder / "log").read_text())
        time.sleep(0.05)


if __name__ == "__main__":
    place = Path(os.environ[FOLDER])
    if sys.argv[1] == "--serve":
        _serve(place)
    else:
        sys.exit(_ask(place, sys.argv[2:]))
