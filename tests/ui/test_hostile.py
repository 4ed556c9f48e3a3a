"""Text from data, labels and file names is shown as text: in the notebook, and in the page that is exported from it."""

HOSTILE = """
import aitrain_nb as ai, pandas as pd
nasty = ["<script>window.hacked = 1</script>", "<img src=x onerror='window.hacked=1'>", "<a href='javascript:window.hacked=1'>x</a>",
         "\\u202e\\u0007 $\\\\frac{$ <style>*{display:none}</style>"]
rows = pd.DataFrame({"text": [f"{nasty[i % 4]} number {i}" for i in range(48)], "label": [nasty[i % 2] + "é" for i in range(48)]})
trainer = ai.prepare(data=rows, vocabulary_size=300, max_steps=20, evaluate_every=5, batch_size=8)
"""
SHOWN = [
    "trainer.data.guess",
    "batch",
    "forward",
    "loss",
    "gradients",
    "update",
    "trainer.history",
    "trainer.evaluate()",
    "trainer.evaluate().plot_worst(3)",
]
STEP = (
    "batch = trainer.tokenize()\nforward = trainer.forward(batch)\nloss = trainer.loss(forward)\n"
    "gradients = trainer.backward(loss)\nupdate = trainer.update(gradients)\n"
)


def test_hostile_rows_are_inert(open_book, browser, tmp_path):
    shows = STEP + "from IPython.display import display\n" + "\n".join(f"display({what})" for what in SHOWN)
    fails = "def broken(history):\n    raise ValueError(\"<img src=x onerror='window.hacked=1'>\")\ntrainer.fit(pace=8, plots=[broken])"
    book = open_book([HOSTILE, shows, fails])
    book.do(0)
    book.do(1)
    assert "window.hacked" in book.output(1).inner_text(), "shown as text"
    book.run(2)
    book.panel(2).wait_for()
    book.until(lambda: int(book.data(2, "rows") or 0) > 8)
    assert book.page.evaluate("() => window.hacked") is None
    said = book.wait_for(2)
    assert "broken raised ValueError" in said
    assert book.page.evaluate("() => window.hacked") is None
    assert book.output(1).locator("script, a[href^='javascript']").count() == 0
    book.save()

    from nbconvert import HTMLExporter

    exported = tmp_path / "hostile.html"
    exported.write_text(HTMLExporter().from_filename(str(book.path))[0], encoding="utf-8")
    page = browser.new_page()
    page.route("**/*", lambda route: route.abort() if route.request.url.startswith("http") else route.continue_())
    page.goto(exported.as_uri())
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.hacked") is None
    assert page.locator("figure").count() >= 1
    page.close()
