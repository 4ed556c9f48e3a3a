"""From click to effect in a running cell, as a person sees it on the page: JupyterLab in a real Chromium.

python tests/benchmarks/live_latency.py [--rounds 10]

The run takes 20 steps a second, so a step lasts 50 ms. The promise: within one step and 0.3 seconds. A changed rate is seen in the
monitor line, which is drawn at most four times a second.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))

from notebook_in_browser import lab_in_browser, open_book

RUN = (
    "import aitrain_nb as ai\n"
    'trainer = ai.prepare(data="digits", model="small-cnn", epochs=500, learning_rate=0.003, evaluate_every=0)\n'
    "history = trainer.fit(pace=20)"
)
WATCH = """([lever, wanted]) => new Promise(done => {
    const panel = document.querySelector('.aitrain-panel'), output = panel.closest('.jp-OutputArea');
    const step = () => Number(panel.querySelector('.aitrain-place').textContent.match(/step ([\\d,]+)/)[1].replace(',', ''));
    const from = performance.now(), before = step();
    const happened = {
        pause: () => panel.dataset.word === 'paused', step: () => step() > before, resume: () => step() > before,
        rate: () => panel.querySelector('.aitrain-line').textContent.includes('lr=' + wanted), pace: () => step() > before + 3,
        stop: () => output.querySelector('figure') !== null || panel.dataset.word === 'stopped',
    }[lever];
    const look = () => happened() ? done(performance.now() - from) : setTimeout(look, 5);
    if (lever === 'rate' || lever === 'pace') {
        const field = panel.querySelectorAll('.aitrain-slider input[type=text]')[lever === 'rate' ? 0 : 1];
        field.value = wanted;
        field.dispatchEvent(new Event('change'));
    } else panel.querySelector(`[data-does=${lever === 'resume' ? 'pause' : lever}]`).click();
    look();
})"""


def main():
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=10)
    rounds = arguments.parse_args().rounds
    times = {}
    with lab_in_browser() as (server, browser):
        if browser is None:
            print("no Chromium on this machine: nothing to measure")
            return
        for number in range(max(1, rounds // 5)):
            book = open_book(server, browser, [RUN])
            book.run(0)
            book.panel(0).wait_for(timeout=60_000)
            book.until(lambda book=book: book.data(0, "live") == "true")
            for turn in range(5):
                rate, pace = ("0.004", "20") if turn % 2 == 0 else ("0.003", "21")
                for lever, wanted in (("rate", rate), ("pause", ""), ("step", ""), ("resume", ""), ("pace", pace)):
                    time.sleep(0.37)
                    times.setdefault(lever, []).append(book.page.evaluate(WATCH, [lever, wanted]))
            times.setdefault("stop", []).append(book.page.evaluate(WATCH, ["stop", ""]))
            print(f"notebook {number + 1} done", file=sys.stderr)
            book.close()
    print(f"{'lever':<8}{'n':>4}{'median ms':>11}{'largest ms':>12}")
    for lever, taken in times.items():
        print(f"{lever:<8}{len(taken):>4}{statistics.median(taken):>11.0f}{max(taken):>12.0f}")


if __name__ == "__main__":
    main()
