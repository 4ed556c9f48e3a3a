"""What each lesson costs: seconds of processor time, wall time and peak memory of its kernel, with all gates open.

python tests/benchmarks/lessons.py [00 06 ...]
"""

from __future__ import annotations

import sys
import time

import nbformat

from aitrain_nb.lessons import book, refresh, shelf, versions

_ASK = """import resource as _r
_own, _all = _r.getrusage(_r.RUSAGE_SELF), _r.getrusage(_r.RUSAGE_CHILDREN)
print(_own.ru_utime + _own.ru_stime, _all.ru_utime + _all.ru_stime, _own.ru_maxrss / 1024)"""


def main(numbers: list[str]) -> None:
    print("lesson   processor s   of children s   wall s   peak MiB   slowest cell s")
    for number in numbers or book.numbers():
        lesson = book.lesson(number)
        notebook = versions.make(lesson)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.metadata["tags"] = []
        notebook.cells.append(nbformat.v4.new_code_cell(_ASK))
        began = time.perf_counter()
        done = refresh.execute(notebook, shelf.folder())
        seconds = time.perf_counter() - began
        own, children, peak = map(float, done.cells[-1].outputs[0].text.split())
        slowest = max(_seconds(cell) for cell in done.cells if cell.cell_type == "code")
        print(f"{number:<8} {own:>11.1f} {children:>15.1f} {seconds:>8.1f} {peak:>10.0f} {slowest:>16.1f}", flush=True)


def _seconds(cell) -> float:
    from datetime import datetime

    times = cell.metadata.get("execution", {})
    if "iopub.status.busy" not in times or "iopub.status.idle" not in times:
        return 0.0
    busy, idle = (
        datetime.fromisoformat(times[f"iopub.status.{state}"].replace("Z", "+00:00")) for state in ("busy", "idle")
    )
    return (idle - busy).total_seconds()


if __name__ == "__main__":
    main(sys.argv[1:])
