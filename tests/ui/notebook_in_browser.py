"""A JupyterLab of its own and a notebook in a real browser: for the tests, and for the scripts that take pictures or times."""

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import nbformat

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
END_KERNELS = """() => fetch('/api/sessions').then(reply => reply.json()).then(all => Promise.all(all.map(one =>
    fetch('/api/sessions/' + one.id, {method: 'DELETE',
        headers: {'X-XSRFToken': (document.cookie.match(/_xsrf=([^;]*)/) || [])[1] || ''}}))))"""
FOCUSED = """place => {
    const element = document.activeElement;
    const [style, box] = [getComputedStyle(element), element.getBoundingClientRect()];
    return {
        name: element.dataset.does || element.getAttribute('aria-label') || element.labels?.[0]?.textContent
            || element.textContent.trim().slice(0, 40),
        is_inside: place.contains(element),
        is_ringed: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1,
        is_seen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
    };
}"""
BUSY = "import pathlib, time\nwhile not pathlib.Path('over').exists():\n    time.sleep(0.02)"
"""A cell that runs until `let_go`."""
AT_REST = "() => new Promise(done => requestIdleCallback(() => requestAnimationFrame(() => requestIdleCallback(done))))"
TOKEN = "secret-of-these-tests"
SHOTS = os.environ.get("AITRAIN_NB_SHOTS")
"""A folder: the tests leave their screenshots there, for a person to look at."""


def find_chromium():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


class Server:
    """A JupyterLab of its own, with settings of its own."""

    def __init__(self, folder):
        self.root, self.settings = folder / "lessons", folder / "settings"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = os.environ | {
            "JUPYTER_TOKEN": TOKEN, "JUPYTERLAB_SETTINGS_DIR": str(self.settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"), "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_DATA_DIR": str(folder / "data"), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        }  # fmt: skip
        command = [
            sys.executable,
            "-m",
            "aitrain_nb",
            "lab",
            "--no-browser",
            "--port",
            str(self.port),
            "--to",
            str(self.root),
        ]
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}?token={TOKEN}"

    def wait(self, seconds=60):
        for _ in range(seconds * 10):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url("api/status"), timeout=2).read()
                return
            time.sleep(0.1)
        raise AssertionError(f"JupyterLab did not start:\n{self.log.read_text()[-2000:]}")

    def set(self, plugin, **values):
        place = self.settings / "@jupyterlab" / plugin
        place.parent.mkdir(parents=True, exist_ok=True)
        place.with_suffix(".jupyterlab-settings").write_text(json.dumps(values))

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)


class Book:
    """An open notebook in the browser."""

    def __init__(self, page, path):
        self.page, self.path = page, path

    def cell(self, number):
        return self.page.locator(".jp-Notebook .jp-CodeCell").nth(number)

    def output(self, number):
        return self.cell(number).locator(".jp-OutputArea").first

    def run(self, number):
        """Start a cell; doesn't wait for its end. A kernel that has just been started may not hear the first time."""
        prompt = self.cell(number).locator(".jp-InputPrompt").first
        before = prompt.text_content()
        for _ in range(10):
            self.cell(number).locator(".cm-content").click()
            self.page.keyboard.press("Control+Enter")
            for _ in range(20):
                if prompt.text_content() != before:
                    return self.settle()
                self.page.wait_for_timeout(50)
        raise AssertionError(f"cell {number} never began")

    def wait_for(self, number, seconds=60):
        """Until the cell has ended; gives its text."""
        prompt = self.cell(number).locator(".jp-InputPrompt").first
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = prompt.text_content().strip("[]: \n\xa0")
            if shown.isdigit():
                self.settle()
                return self.output(number).inner_text()
            self.page.wait_for_timeout(50)
        raise AssertionError(f"cell {number} still runs after {seconds} s: {self.output(number).inner_text()[:500]}")

    def settle(self):
        """Until the page is at rest: JupyterLab gives the focus back to the notebook some time after a cell has begun or ended."""
        self.page.evaluate(AT_REST)
        self.page.wait_for_timeout(150)

    def press(self, element, key):
        """Press a key on an element that surely has the focus."""
        self.focus(element)
        self.page.keyboard.press(key)

    def focus(self, element):
        def has_it():
            element.focus()
            return element.evaluate("element => element === document.activeElement")

        self.until(has_it)

    def do(self, number, seconds=60):
        """Run a cell to its end; gives its text."""
        self.run(number)
        return self.wait_for(number, seconds)

    def let_go(self):
        """End the cell that says BUSY."""
        (self.path.parent / "over").touch()

    def panel(self, number):
        return self.cell(number).locator(".aitrain-panel")

    def data(self, number, name):
        return self.panel(number).get_attribute(f"data-{name}")

    def until(self, question, seconds=60, every=0.02):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = question()
            if answer:
                return answer
            self.page.wait_for_timeout(1000 * every)
        raise AssertionError("it never came")

    def focused(self, place):
        """What has the focus, by its name; None where that isn't inside the place."""
        found = place.evaluate(FOCUSED)
        return found["name"] if found["is_inside"] else None

    def until_focused(self, place, name):
        """Until what has this name has the focus: a page that is redrawn may give it back a moment later."""
        deadline = time.monotonic() + 60
        while (found := self.focused(place)) != name:
            assert time.monotonic() < deadline, f"{found} has the focus, not {name}"
            self.page.wait_for_timeout(20)

    def tabs(self, place):
        """The names of all that Tab reaches in a place, from its first field or button on; each is seen and has a ring."""
        self.focus(place.locator("input, select, textarea, button").first)
        names = [self.focused(place)]
        for _ in range(80):
            self.page.keyboard.press("Tab")
            found = place.evaluate(FOCUSED)
            if not found["is_inside"]:
                return names
            assert found["is_ringed"], f"no ring around {found['name']}"
            assert found["is_seen"], f"{found['name']} has the focus and isn't seen"
            names.append(found["name"])
        raise AssertionError(f"Tab never leaves: {names}")

    def touch(self, element, points):
        """A finger that is put down, moved and lifted; the points are shares of the element's width and height."""
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        at = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
        hand = self.page.context.new_cdp_session(self.page)
        hand.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        for place, point in enumerate(at):
            hand.send(
                "Input.dispatchTouchEvent", {"type": "touchMove" if place else "touchStart", "touchPoints": [point]}
            )
            self.page.wait_for_timeout(20)
        hand.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        hand.send("Emulation.setTouchEmulationEnabled", {"enabled": False})

    def interrupt(self):
        """Press the notebook's own interrupt button."""
        self.page.locator('[data-command="notebook:interrupt-kernel"]').first.click()

    def save(self):
        """Save the notebook, and wait until the file is written."""
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("Control+s")
        self.until(lambda: self.path.stat().st_mtime_ns != before)
        self.page.wait_for_timeout(200)

    def saved(self):
        """The text of the file, once the twins are in it; no widget is."""
        self.page.wait_for_timeout(1500)  # the twin in the file is put in place when the hand rests
        self.save()
        text = self.path.read_text(encoding="utf-8")
        assert "widget-view" not in text
        return text

    def shot(self, name, place=None):
        if SHOTS:
            Path(SHOTS).mkdir(parents=True, exist_ok=True)
            (place or self.page).screenshot(path=str(Path(SHOTS) / f"{name}.png"))

    def close(self):
        """Close the page and end its kernel."""
        with contextlib.suppress(Exception):
            self.page.evaluate(END_KERNELS)
        self.page.close()


def violations(page, selector):
    """What axe-core finds against WCAG 2.2 A and AA inside these elements."""
    import axe_playwright_python

    script = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    page.evaluate(script)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    page.locator(selector).first.wait_for(state="attached")
    ask = """async ([selector, tags]) => {
      for (let turn = 0; turn < 50 && !document.querySelector(selector); turn++) await new Promise((done) => setTimeout(done, 100));
      return axe.run(selector, { runOnly: { type: "tag", values: tags } });
    }"""  # an output that is shown anew is gone for a moment
    found = page.evaluate(ask, [selector, tags])
    assert found["passes"], "axe looked at nothing"
    return [
        f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@functools.cache
def context_of(browser, scale):
    """The browser's context of this scale: its notebooks share it, so that JupyterLab is fetched and compiled once."""
    return browser.new_context(device_scale_factor=scale)


def open_book(server, browser, cells=(), *, theme="light", width=1280, name=None, notebook=None, height=1000, scale=1):
    """A notebook with these code cells in a page of its own, its kernel ready.

    `name` alone opens a file that lies there; `notebook` is written under it.
    """
    server.set("apputils-extension/themes", theme=f"JupyterLab {theme.title()}")
    server.set("apputils-extension/notification", fetchNews="false")
    (server.root / "over").unlink(missing_ok=True)
    name = name or f"test_{time.monotonic_ns()}.ipynb"
    if notebook is None and not (server.root / name).exists():
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    if notebook is not None:
        nbformat.write(notebook, server.root / name)
    page = context_of(browser, scale).new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.set_default_timeout(60_000)
    # a busy machine may answer too late for JupyterLab to know which kernel: it asks, and the one of the notebook is chosen
    asked = page.locator("dialog.jp-Dialog", has_text="Select Kernel")
    page.add_locator_handler(asked, lambda: asked.locator("button.jp-mod-accept").click())
    page.goto(server.url(f"lab/workspaces/w{time.monotonic_ns()}/tree/{name}"))  # a workspace of its own: no other tabs
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    if width < 900:  # the file browser would take half of it
        page.keyboard.press("Control+b")
    page.wait_for_selector('.jp-Notebook-ExecutionIndicator[data-status="idle"]', timeout=60_000, state="attached")
    page.wait_for_timeout(300)
    return Book(page, server.root / name)


@contextlib.contextmanager
def lab_in_browser():
    """A running JupyterLab and a browser for it, for scripts; two times None where there is no Chromium."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        if browser is None:
            yield None, None
            return
        server = Server(Path(folder))
        try:
            server.wait()
            yield server, browser
        finally:
            server.stop()


@contextlib.contextmanager
def chromium():
    """The system's Chromium, or None where there is none."""
    from playwright.sync_api import sync_playwright

    found = find_chromium()
    if found is None:
        yield None
        return
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=FLAGS)
        yield browser
        browser.close()
