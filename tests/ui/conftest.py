"""One JupyterLab and one Chromium for all tests that need eyes and hands; skipped, with the reason, where there is no browser."""

import contextlib
import os
import subprocess

import forked_python
import pytest
from notebook_in_browser import Server, chromium
from notebook_in_browser import open_book as open_one

open_until_the_last = contextlib.ExitStack()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem):
    """After the last of them both are closed: playwright's event loop would be found by the tests that follow in this process."""
    if nextitem is None or not nextitem.nodeid.startswith("tests/ui/"):
        open_until_the_last.close()


@pytest.fixture(scope="session")
def browser():
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    started = open_until_the_last.enter_context(chromium())
    if started is None:
        pytest.skip("no Chromium on this machine: the browser tests need one")
    return started


@pytest.fixture(scope="session")
def server(browser, tmp_path_factory):
    started = Server(tmp_path_factory.mktemp("lab"))
    open_until_the_last.callback(started.stop)
    if forked_python.FOLDER in os.environ:
        subprocess.run(
            [forked_python.executable(), "-c", ""], check=True
        )  # so that the first kernel needn't wait for its server
    started.wait()
    return started


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
