"""One JupyterLab and one Chromium for all tests that need eyes and hands; skipped, with the reason, where there is no browser."""

import os
import subprocess

import forked_python
import pytest
from notebook_in_browser import Server, chromium
from notebook_in_browser import open_book as open_one


@pytest.fixture(scope="session")
def browser():
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with chromium() as started:
        if started is None:
            pytest.skip("no Chromium on this machine: the browser tests need one")
        yield started


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("lab"))
    if forked_python.FOLDER in os.environ:
        subprocess.run(
            [forked_python.executable(), "-c", ""], check=True
        )  # so that the first kernel needn't wait for its server
    started.wait()
    yield started
    started.stop()


@pytest.fixture
def open_book(server, browser):
    """open_book([cell, ...], theme="dark", width=560): a new notebook, open."""
    opened = []

    def make(*cells, **options):
        opened.append(open_one(server, browser, *cells, **options))
        return opened[-1]

    yield make
    for book in opened:
        book.close()
