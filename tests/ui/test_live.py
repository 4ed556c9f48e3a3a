"""The live panel in a real JupyterLab: levers act while the cell runs, and the notebook still shows the run tomorrow."""

RUN = (
    "import aitrain_nb as ai\n"
    'trainer = ai.prepare(data="digits", model="small-cnn", epochs=200, learning_rate=0.003, evaluate_every=40)\n'
    "trainer.fit(pace=20);"
)


def start(book, number=0):
    book.run(number)
    try:
        book.panel(number).wait_for(timeout=40_000)
    except Exception:
        book.shot("failed")
        print(book.output(number).inner_text(), book.page.problems)
        raise
    book.until(lambda: int(book.data(number, "rows") or 0) > 3)


def test_look(open_book):
    book = open_book([RUN, "print(trainer.ending, len(trainer.history))"])
    start(book)
    print("live", book.data(0, "live"), book.data(0, "rows"))
    book.page.wait_for_timeout(6000)
    book.shot("live_light")
    book.panel(0).get_by_role("button", name="Stop").click()
    print(book.wait_for(0, 10))
    print(book.do(1))
    book.page.wait_for_timeout(500)
    book.shot("twin_light")
    assert not book.page.problems, book.page.problems
