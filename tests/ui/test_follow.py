"""A run of another process in a real JupyterLab: waited for, shown while it goes on, left, found dead, and finished."""

import subprocess
import sys

PROCESS = """
import sys, aitrain_nb as ai
trainer = ai.prepare(model="mlp", epochs=int(sys.argv[3]), threads=1, learning_rate=0.01)
trainer.fit("none", pace=float(sys.argv[2]), output_dir=sys.argv[1])
"""


def test_another_process_is_watched(open_book, tmp_path, forked):
    folder = tmp_path / "mine"
    book = open_book(
        [f"import aitrain_nb as ai\nrun = ai.follow({str(folder)!r})", "print(run)", "print(run.history.text())"]
    )
    book.run(0)
    book.until(lambda: "waiting: the folder 'mine' isn't there yet" in book.output(0).inner_text())
    book.shot("follow_waiting")
    process = subprocess.Popen([sys.executable, "-c", PROCESS, str(folder), "40", "80"])
    try:
        panel = book.panel(0)
        panel.wait_for()
        rows = lambda: int(book.data(0, "rows") or 0)  # noqa: E731
        book.until(lambda: rows() > 60)
        assert panel.locator("button").count() == 0, "it has no lever over another process"
        assert "by another process" in panel.locator(".aitrain-place").text_content()
        book.shot("follow_live")

        book.interrupt()
        assert "left: the run goes on in its own process" not in book.wait_for(0), "said once, in the picture's words"
        assert "the run goes on in its own process" in book.output(0).inner_text()
        assert panel.count() == 0
        assert process.poll() is None
        book.shot("follow_left")
        assert "running; step" in book.do(1)

        book.run(0)
        panel.wait_for()
        book.until(lambda: rows() > 100)
        process.kill()
        assert "the process has gone, without weights" in book.wait_for(0)
        book.shot("follow_gone")
    finally:
        process.kill()
        process.wait()
    again = subprocess.Popen(
        [sys.executable, "-c", PROCESS.replace("output_dir", "overwrite=True, output_dir"), str(folder), "0", "8"]
    )
    assert again.wait(60) == 0
    said = book.do(0)
    assert "done" in said
    assert "kept epoch" in said
    assert "360 steps" in book.do(2)
    assert not book.page.problems
