"""The pictures of the README, from real runs in a real JupyterLab.

python tests/ui/take_pictures.py
"""

from pathlib import Path

from notebook_in_browser import lab_in_browser, open_book

IMAGES = Path(__file__).parents[2] / "notebooks" / "images"
OVERFITTING = (
    "import aitrain_nb as ai\n\n"
    'trainer = ai.prepare(data="digits", model="small-cnn", validation_fraction=0.9, learning_rate=0.02, batch_size=16, epochs=12)\n'
    "history = trainer.fit(pace=10)"
)


def live_panel(server, browser):
    """A run on 179 digits whose rate is lowered by hand, when the panel says that validation diverges."""
    book = open_book(server, browser, [OVERFITTING], width=1180, height=860, scale=2)
    book.page.keyboard.press("Control+b")  # no file browser
    book.run(0)
    panel = book.panel(0)
    panel.wait_for(timeout=60_000)
    book.until(lambda: int(book.data(0, "rows") or 0) >= 24)
    field = panel.get_by_role("textbox", name="Learning rate")
    field.fill("0.012")
    field.press("Enter")
    book.until(lambda: "diverges" in panel.locator("canvas").get_attribute("aria-label"), 40)
    book.page.wait_for_timeout(300)
    panel.locator("canvas").hover(position={"x": 300, "y": 120})
    book.page.wait_for_timeout(400)
    box = book.cell(0).bounding_box()
    clip = {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"] - 6}
    book.page.screenshot(path=str(IMAGES / "live.png"), clip=clip)
    book.close()


def main():
    """Take them all."""
    with lab_in_browser() as (server, browser):
        if browser is None:
            raise SystemExit("no Chromium on this machine")
        live_panel(server, browser)


if __name__ == "__main__":
    main()
