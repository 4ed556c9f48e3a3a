CELLS = ['''import aitrain_nb as ai
from aitrain_nb.lessons import check, guess, order, outcome, start, hint, solution, progress, status, glossary''',
'guess("00.1")', '%%after 00.1\n1+1', 'check("00.2")', 'check("00.3")', 'check("00.5")', 'progress()',
'''from aitrain_nb.widgets.explorable import Explorable, Range, Pick, Switch, Typed
class Demo(Explorable):
    def __init__(self):
        super().__init__(lambda rate, kind, on, text: ai.plots.schedule([rate*k for k in range(50)]), "Demo of dials", rate=Range(0.1,"Learning rate",min=0.001,max=1,log=True), kind=Pick("a","Kind",("a","b")), on=Switch(True,"On"), text=Typed("hello","Your text"))
d = Demo()
d''']
import pytest, sys
@pytest.mark.parametrize("theme,width", [("light",1100),("dark",1100),("light",560)])
def test_look(open_book, theme, width):
    book = open_book(CELLS, theme=theme, width=width, height=2400)
    for n in range(len(CELLS)):
        book.do(n, 60)
    page = book.page
    page.wait_for_timeout(1500)
    if theme == "light" and width == 1100:
        page.locator('.aitrain-card[data-gate="true"] input[value="b"]').check()
        page.locator('.aitrain-card[data-gate="true"] button[data-does="answer"]').click()
        page.wait_for_timeout(1500)
        page.locator('.aitrain-card button[data-does="hint"]').first.click()
        page.wait_for_timeout(800)
        page.locator('.aitrain-card input[value="a"]').last.check()
        page.locator('.aitrain-card button[data-does="answer"]').nth(2).click()
        page.wait_for_timeout(1500)
    book.shot(f"look-{theme}-{width}")
