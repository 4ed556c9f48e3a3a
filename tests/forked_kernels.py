"""Notebook kernels that begin with everything imported: forked from one process of the session.

A fresh kernel imports for 4 to 6 s what the lessons and the browser tests need; there are half a hundred of them. So `install` puts a kernel
named python3 before the real one: Jupyter starts this file, which asks a server, the first time starting it, for a kernel, passes
interrupts on to it, and ends with it. Only what is imported is shared; names, settings and files of a kernel are its own.
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

_FOLDER = "AITRAIN_NB_FORKED_KERNELS"
_IMPORTED = (
    "ipykernel.kernelapp", "ipykernel.inprocess", "ipywidgets", "jedi", "matplotlib.backends.backend_agg", "matplotlib.pyplot",
    "matplotlib_inline.backend_inline", "sklearn.datasets", "transformers.models.bert.modeling_bert", "transformers.models.gpt2.modeling_gpt2",
    "aitrain_nb.run", "aitrain_nb.trainer", "aitrain_nb.plots", "aitrain_nb.widgets.form", "aitrain_nb.widgets.live", "aitrain_nb.widgets.stepper",
)  # fmt: skip


def install(folder: Path) -> None:
    """From now on the kernel python3 of this process and of those it starts is a forked one; its server ends with this process."""
    kernel = folder / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-I", "-S", __file__, "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_PATH")]))
    os.environ[_FOLDER] = str(folder)
    (folder / "owner").write_text(str(os.getpid()))


def _serve(folder: Path, owner: int) -> None:
    """Fork a kernel for each that asks, until the owner is gone."""
    import gc
    import importlib

    sys.path.remove(str(Path(__file__).parent))
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as a kernel sets it, before matplotlib is imported
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket.new"))
    listener.listen()
    listener.settimeout(1)
    (folder / "socket.new").rename(folder / "socket")
    while _is_alive(owner):
        with contextlib.suppress(TimeoutError):
            link, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                return _become_kernel(link)
            link.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    return None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _become_kernel(link: socket.socket) -> None:
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
    link.sendall(f"{os.getpid()}\n".encode())

    def end_with_the_other() -> None:
        link.recv(1)
        os._exit(1)

    threading.Thread(target=end_with_the_other, daemon=True).start()
    sys.argv = ["ipykernel_launcher", "-f", *asked["arguments"]]
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


def _ask(folder: Path, arguments: list[str]) -> None:
    """In the process that Jupyter takes for the kernel."""
    link = socket.socket(socket.AF_UNIX)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "socket").exists():
            command = [sys.executable, __file__, "--serve", str(folder)]
            with (folder / "log").open("w") as log:
                server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, close_fds=True)
            while not (folder / "socket").exists():
                if server.poll() is not None:
                    sys.exit((folder / "log").read_text())
                time.sleep(0.05)
    link.connect(str(folder / "socket"))
    environment = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    asked = {"arguments": arguments, "environment": environment, "folder": os.getcwd()}
    socket.send_fds(link, [json.dumps(asked).encode()], [0, 1, 2])
    process = int(link.recv(20))

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    link.recv(1)


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        _serve(Path(sys.argv[2]), int((Path(sys.argv[2]) / "owner").read_text()))
    else:
        _ask(Path(os.environ[_FOLDER]), sys.argv[1:])
