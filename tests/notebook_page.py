"""A notebook's page without a browser: keeps what is displayed, and what each panel sends."""

import numpy as np

from aitrain_nb import displays
from aitrain_nb.widgets import live, live_picture, monitor, panel


class Handle:
    """A place in the page, kept as the list of what stood there."""

    def __init__(self, first):
        self.shown = [first]

    def update(self, bundle, *, raw=False):
        self.shown.append(bundle)

    @property
    def words(self):
        return self.shown[-1]["text/plain"]


class Page:
    """Stands for the notebook."""

    def __init__(self):
        self.handles, self.sent, self.panels = [], [], []

    def take_the_place_of_the_notebook(self, monkeypatch):
        for module in (monitor, live, live_picture):
            monkeypatch.setattr(module, "display", self.display)
        for module in (displays, live):
            monkeypatch.setattr(module, "is_notebook", lambda: True)
        monkeypatch.setattr(
            panel.Panel, "send", lambda shown, message, buffers=None: self.send(shown, message, buffers)
        )
        return self

    def send(self, shown, message, buffers):
        if shown not in self.panels:
            self.panels.append(shown)
        self.sent.append((message, buffers))

    def display(self, what, *, raw=False, display_id=False):
        self.handles.append(Handle(what))
        return self.handles[-1]

    @property
    def updates(self):
        return [message for message, _ in self.sent if message["type"] == "update"]

    def rows(self):
        """The rows a page holds that took every message in turn: [n, 6]."""
        held = np.empty((0, 6), np.float32)
        for message, buffers in self.sent:
            if message["type"] == "update":
                assert message["first"] in {0, len(held)}, "a message that follows none before it"
                added = np.frombuffer(buffers[0], np.float32).reshape(-1, 6)
                held = added if message["first"] == 0 else np.concatenate([held, added])
        return held
