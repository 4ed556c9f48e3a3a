"""What watching costs: the same run in a real kernel with the panel and without any display, in turn, in CPU time.

python tests/benchmarks/live_display.py [--pairs 9]

CPU time of the kernel's process from the first record of the run to its last one; the static twin that is drawn once, after the
run, is a column of its own.
"""

import argparse
import json

import nbformat
from nbclient import NotebookClient

CODE = """
import json, statistics, time
import aitrain_nb as ai
from aitrain_nb.widgets import monitor

def once(display):
    trainer = ai.prepare(**RUN)
    times = []
    def watch(record):
        if not times or record.step >= trainer.total_steps - 1:
            times.append(time.process_time())
    trainer.watchers.append(watch)
    updates = []
    send = monitor.Panel.update
    monitor.Panel.update = lambda self, *what: (updates.append(1), send(self, *what))
    began = time.perf_counter()
    trainer.fit(display=display)
    seconds = time.perf_counter() - began
    monitor.Panel.update = send
    return times[-1] - times[0], time.process_time() - times[-1], seconds, len(updates)

once("panel"), once("none")
rows = []
for number in range(PAIRS):
    order = ("panel", "none") if number % 2 else ("none", "panel")
    rows.append({display: once(display) for display in order})
print("RESULT", json.dumps(rows))
"""
RUNS = {
    "digits, small-cnn, 40 epochs": {"data": "digits", "model": "small-cnn", "epochs": 40, "threads": 1},
    "tickets, small-encoder, 150 steps": {
        "data": "tickets",
        "vocabulary_size": 2000,
        "max_steps": 150,
        "evaluate_every": 50,
    },
}


def measure(run, pairs):
    """[{display: (CPU s of the run, CPU s afterwards, wall s, updates)}], one a pair."""
    code = f"RUN = {run!r}\nPAIRS = {pairs}\n{CODE}"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=1800, kernel_name="python3").execute()
    text = "".join(output.get("text", "") for output in notebook.cells[0].outputs if output.output_type == "stream")
    return json.loads(text.split("RESULT", 1)[1])


def main():
    """Print the table."""
    import statistics

    arguments = argparse.ArgumentParser()
    arguments.add_argument("--pairs", type=int, default=9)
    pairs = arguments.parse_args().pairs
    print(f"{'run':<36}{'CPU s, none':>12}{'with panel':>12}{'ratio':>8}{'updates/s':>11}{'twin, CPU s':>13}")
    for name, run in RUNS.items():
        rows = measure(run, pairs)
        none = statistics.median(row["none"][0] for row in rows)
        panel = statistics.median(row["panel"][0] for row in rows)
        ratio = statistics.median(row["panel"][0] / row["none"][0] for row in rows)
        rate = statistics.median(row["panel"][3] / row["panel"][2] for row in rows)
        twin = statistics.median(row["panel"][1] - row["none"][1] for row in rows)
        print(f"{name:<36}{none:>12.3f}{panel:>12.3f}{ratio:>8.3f}{rate:>11.1f}{twin:>13.2f}")


if __name__ == "__main__":
    main()
