"""HTML: hostile text stays text, and nothing a sanitiser would drop is used."""

import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aitrain_nb import html
from aitrain_nb.html import Markup

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    '" onmouseover="alert(1)',
    "' style='background:url(javascript:alert(1))",
    "</td></table><svg onload=alert(1)>",
    "<!-- <style>*{color:var(--x)}</style> -->",
    "&lt;script&gt; &amp; &#60;",
    "abc\u202edcba\u2066\u200f",
    "null\x00 bell\x07 escape\x1b[31m return\r delete\x7f",
    "\ufeff\u200b\u00ad invisible",
]
TAGS = {"b", "p", "div", "span", "table", "caption", "thead", "tbody", "tr", "th", "td", "img", "details", "summary"}
ATTRIBUTES = {"style", "scope", "src", "alt", "role", "tabindex", "aria-label"}

MAKERS = {
    "escape": html.escape,
    "element": lambda text: html.element("p", text),
    "attribute": lambda text: html.element("p", "", alt=text),
    "join": lambda text: html.join([text, html.chip(text)]),
    "bar": lambda text: html.bar(0.5, text),
    "chip": html.chip,
    "table header": lambda text: html.table([text], [["1"]]),
    "table cell": lambda text: html.table(["a"], [[text]]),
    "table caption": lambda text: html.table(["a"], [["1"]], caption=text),
    "grid caption": lambda text: html.grid([[0, 16]], 0, 16, caption=text),
    "fact name": lambda text: html.facts({text: 1}),
    "fact value": lambda text: html.facts({"a": text}),
    "image description": lambda text: html.image(b"\x89PNG", text),
    "details": lambda text: html.details(text, html.element("p", text)),
    "name of what is wide": lambda text: html.wide(text, "content"),
    "content of what is wide": lambda text: html.wide("name", text),
    "section title": lambda text: html.section(text, "note"),
    "section note": lambda text: html.section("title", text),
    "section content": lambda text: html.section("title", "note", text),
}


class Page(HTMLParser):
    """What a browser would make of a piece of HTML."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.open, self.text, self.other = [], [], [], "", []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "img":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.other.append(data)

    handle_decl = unknown_decl = handle_pi = handle_comment


def visible(text):
    """The text as a person should see it: hidden characters as their code."""
    hidden = {"Cc", "Cf", "Cs"}
    return "".join(
        c if c in "\n\t" or unicodedata.category(c) not in hidden else "\\u" + format(ord(c), "04x") for c in text
    )


def check_safe(source):
    page = Page(source)
    assert page.open == []
    assert page.other == []
    assert set(page.tags) <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    assert all(value.startswith("data:image/png;base64,") for name, value in page.attributes if name == "src")
    for name, value in page.attributes:
        if name == "style":
            assert "var(" not in value
            assert "url(" not in value
            assert "expression" not in value
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in source if c not in "\n\t")
    assert not any(tag in source.lower() for tag in ("<script", "<style", "<svg", "<iframe"))
    return page


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("maker", MAKERS)
def test_hostile_text_stays_text_everywhere(maker, text):
    page = check_safe(MAKERS[maker](text))
    shown = [page.text, *(value for name, value in page.attributes if name != "style")]
    assert any(visible(text) in part for part in shown)


@pytest.mark.parametrize("maker", MAKERS)
@settings(deadline=None, max_examples=40)
@given(text=st.text())
def test_any_text_stays_text_everywhere(maker, text):
    page = check_safe(MAKERS[maker](text))
    shown = [page.text, *(value for name, value in page.attributes if name != "style")]
    assert any(visible(text) in part for part in shown)


@pytest.mark.parametrize("maker", MAKERS)
def test_css_variables_are_not_used(maker):
    assert "var(" not in MAKERS[maker]("plain")


def test_known_characters_are_escaped():
    assert html.escape("<a href=\"x\">'&'</a>") == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;&#x27;&lt;/a&gt;"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("\u202e", "\\u202e"), ("\x00", "\\u0000"), ("\x1b", "\\u001b"), ("\u2066", "\\u2066"), ("\ud800", "\\ud800"),
     ("\n\t", "\n\t"), ("é 漢 🙂", "é 漢 🙂")],
)  # fmt: skip
def test_hidden_characters_become_visible_codes_and_letters_stay(text, shown):
    assert html.escape(text) == shown


def test_markup_is_not_escaped_twice():
    once = html.escape("<b>")
    assert html.escape(once) == once
    assert html.element("p", once) == "<p>&lt;b&gt;</p>"


@pytest.mark.parametrize("maker", ["element", "join", "table cell", "fact value", "section content"])
def test_markup_inside_other_markup_stays_markup(maker):
    assert html.chip("inner") in MAKERS[maker](html.chip("inner"))


def test_every_piece_is_markup():
    assert {type(make("plain")) for make in MAKERS.values()} == {Markup}


def test_text_added_to_markup_is_escaped_again():
    assert html.escape(html.chip("a") + "<script>").endswith("&lt;script&gt;")


@pytest.mark.parametrize(
    ("fraction", "width"), [(0.0, 0), (0.5, 50), (1.0, 100), (-3.0, 0), (7.0, 100), (float("nan"), 0)]
)
def test_a_bar_is_as_long_as_its_fraction_and_stays_inside(fraction, width):
    bar = html.bar(fraction, "half")
    assert f"width:{width}%" in bar
    assert "width:clamp(30px,24vw - 100px,120px)" in bar
    assert "half" in Page(bar).text


def test_a_table_has_a_header_and_every_cell():
    page = Page(html.table(["a", "b"], [[1, "x"], [2, "y"]], caption="c"))
    assert page.text == "cab1x2y"
    assert (page.tags.count("th"), page.tags.count("tr"), page.tags.count("td")) == (2, 3, 4)
    assert ("scope", "col") in page.attributes


def test_a_grid_shows_each_number_on_a_ground_as_strong_as_it():
    grid = html.grid([[0, 8], [16, 4.5]], 0, 16)
    assert Page(grid).text == "08164.5"
    assert [part.split(")")[0] for part in grid.split("rgba(0,114,178,")[1:]] == ["0.00", "0.30", "0.60", "0.17"]


def test_a_grid_of_equal_numbers_does_not_divide_by_0():
    assert Page(html.grid([[3, 3]], 3, 3)).text == "33"


def test_an_image_is_inside_the_page_with_its_description():
    page = Page(html.image(b"\x89PNG", "a falling curve"))
    assert ("src", "data:image/png;base64,iVBORw==") in page.attributes
    assert ("alt", "a falling curve") in page.attributes


def test_a_section_shows_title_note_and_content():
    page = Page(html.section("Loss", "step 3", html.element("p", "2.3"), "nats"))
    assert page.text == "Loss step 32.3nats"


def test_details_open_with_their_summary():
    page = Page(html.details("more", html.element("p", "inside")))
    assert page.tags == ["details", "summary", "p"]
    assert page.text == "moreinside"


def test_a_long_name_may_go_on_after_each_dot_and_is_escaped():
    assert str(html.dotted("a.b<i>.weight")) == "a.<wbr>b&lt;i&gt;.<wbr>weight"


def test_many_rows_are_folded_and_all_are_there():
    rows = [[f"row {i}"] for i in range(60)]
    page = str(html.folded_table(["name"], rows))
    assert page.index("<details>") > page.index("row 15")
    assert "44 more" in page
    assert all(f"row {i}<" in page for i in range(60))
    assert "<details>" not in str(html.folded_table(["name"], rows[:20]))
