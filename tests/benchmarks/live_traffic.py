"""What the panel sends to the page and leaves in the file, in a real JupyterLab.

python tests/benchmarks/live_traffic.py [--steps 5000]

A run at full speed, and one that is slower than the page is told of it. Messages of the widget and of the display are counted on the
page's own connection to the kernel.
"""

import argparse
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ui"))

from notebook_in_browser import lab_in_browser, open_book

RUN = (
    "import aitrain_nb as ai\n"
    'trainer = ai.prepare(data="digits", model="{model}", max_steps={steps}, learning_rate=0.003)\n'
    "history = trainer.fit()"
)
KINDS = {
    "widget messages": "comm_msg",
    "displays": "display_data",
    "displays put in place": "update_display_data",
    "lines": "stream",
}


def main():
    """Print the table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--steps", type=int, default=5000)
    steps = arguments.parse_args().steps
    with lab_in_browser() as (server, browser):
        if browser is None:
            print("no Chromium on this machine: nothing to measure")
            return
        for model in ("mlp", "small-cnn"):
            book = open_book(server, browser, [RUN.format(model=model, steps=steps)])
            before, frames = book.path.stat().st_size, []
            listener = book.page.context.new_cdp_session(book.page)
            listener.send("Network.enable")
            listener.on(
                "Network.webSocketFrameReceived",
                lambda event, frames=frames: frames.append(event["response"]["payloadData"]),
            )
            book.run(0)
            book.panel(0).wait_for(timeout=60_000)
            began = time.monotonic()
            book.wait_for(0, 600)
            seconds = time.monotonic() - began
            book.save()
            print(f"\n{model}: {steps:,} steps in {seconds:.1f} s")
            print(f"{'':<24}{'messages':>9}{'a second':>10}{'bytes':>11}{'a step':>8}")
            for name, kind in KINDS.items():
                found = [frame for frame in map(readable, frames) if f'"msg_type":"{kind}"' in frame.replace(" ", "")]
                size = sum(map(len, found))
                print(f"{name:<24}{len(found):>9}{len(found) / seconds:>10.1f}{size:>11,}{size / steps:>8.1f}")
            grown = book.path.stat().st_size - before
            print(
                f"the file grew by {grown:,} bytes; widgets in it: {len(re.findall('widget', book.path.read_text('utf-8')))}"
            )
            book.close()


def readable(frame):
    """A frame as text: binary ones come as base64."""
    import base64

    if frame.startswith("{"):
        return frame
    return base64.b64decode(frame).decode("latin-1")


if __name__ == "__main__":
    main()
