"""Every view of the package with hostile texts, labels and file names: nothing of them becomes an element or an attribute."""

import importlib
import inspect
import pkgutil
import unicodedata
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest
import torch

import aitrain_nb as ai
from aitrain_nb import html
from aitrain_nb.comparing import Compared, Comparison
from aitrain_nb.costs.batch_sizes import BatchSizes
from aitrain_nb.diagnosis.finding import Evidence, Finding
from aitrain_nb.diagnosis.findings import Findings
from aitrain_nb.exporting import ExportCard
from aitrain_nb.exporting.comparing import Compared as CompareExport
from aitrain_nb.exporting.manifest import Manifest
from aitrain_nb.exporting.quantizing import Rounding, Roundings
from aitrain_nb.lessons.card import Card
from aitrain_nb.lessons.desk import Desk
from aitrain_nb.lessons.exercises import Before, Choice, Option, Sort
from aitrain_nb.lessons.experiments.numbered_words import BothScripts, in_secret, words_of
from aitrain_nb.lessons.room import Seat
from aitrain_nb.lessons.views import Note, outcome, solved
from aitrain_nb.profiling import Operation, Profile
from aitrain_nb.questions import OF_A_STEP
from aitrain_nb.racing import Race, Raced
from aitrain_nb.racing.results import Lap
from aitrain_nb.records import Ending, Record
from aitrain_nb.records.noise import NoiseScale
from aitrain_nb.records.weights import strongest
from aitrain_nb.run_folder.summary import RunSummary
from aitrain_nb.run_table import Runs
from aitrain_nb.shots.methods_compared import Measured, MethodsCompared
from aitrain_nb.shots.transferred import Moved, Transfer
from aitrain_nb.stories import Story
from aitrain_nb.tuning.finding import RateFinding
from aitrain_nb.tuning.swept import Sweep, Tried
from aitrain_nb.weight_watching import WatchedWeights
from aitrain_nb.widgets.explorable import Explorable, Typed
from aitrain_nb.widgets.panel import Panel
from aitrain_nb.widgets.placed import Placed
from aitrain_nb.widgets.stepper import Stepper
from aitrain_nb.widgets.twin import static_twin
from tests.test_html import Page

HOSTILE = [
    "<script>evil=1</script>",
    "<img src=x onerror=evil()>",
    '"><b id=evil onclick=evil()>',
    "'><i style='background:url(evil)'>",
    "</td></tr></table></div><svg onload=evil()>",
    "&lt;evil&gt; &#60;u&#62;",
    "\u202eevil\u2066 right to left",
    "evil\x00 nul \x1b[31m",
    "\u0301\u20dd\u0489 marks alone",
    "verylong" * 300,
]
TAGS = {
    "b", "br", "caption", "code", "details", "div", "figcaption", "figure", "img", "li", "ol", "p", "pre", "span", "style", "summary",
    "table", "tbody", "td", "th", "thead", "tr", "ul", "wbr",
}  # fmt: skip
ATTRIBUTES = {
    "style",
    "scope",
    "src",
    "alt",
    "width",
    "class",
    "open",
    "data-aitrain-place",
    "role",
    "tabindex",
    "aria-label",
}
HINTS = tuple(HOSTILE[:3])
MOST_BYTES = 100_000


def five(trainer):
    """The records of a step, and an evaluation after it."""
    batch = trainer.tokenize()
    forward = trainer.forward(batch)
    loss = trainer.loss(forward)
    gradients = trainer.backward(loss)
    layer = next(name for name in forward.layers["name"] if name.endswith(("dense", "c_fc", "hidden", "output")))
    answers = [gradients.blame(0), gradients.test_blame(0, 5), gradients.per_example(), forward.ablate(layer, 0)]
    name, first = next(iter(trainer.model.named_parameters()))
    watched = WatchedWeights(trainer, [f"{name}{[0] * first.ndim}"])
    update = trainer.update(gradients)
    watched(update)
    name, place = strongest(dict(trainer.model.named_parameters()))
    weight = (name, *place)
    answers += [
        watched,
        update.try_rates([0.1]),
        update.forgotten(8),
        gradients.nudge(*weight),
        update.weight(*weight),
    ]
    found = [batch, forward, loss, gradients, update, trainer.evaluate()]
    stepper = Stepper(trainer)
    for question in OF_A_STEP:
        stepper.ask(question.name)
    stepper.ask("fork", name=HOSTILE[1])
    stepper.ask("compare")
    for told in (*stepper.asking["answers"], *stepper.boxes):
        check_inert(told["html"])
    return [*found, *answers, stepper, trainer.history, found[-1].plot_worst(3), *(record.plot() for record in found)]


def rows():
    return pd.DataFrame(
        {"text": [f"{HOSTILE[i % 10]} number {i}" for i in range(80)], "label": [f"{HOSTILE[i % 10]} é" for i in range(80)]}
    )  # fmt: skip


def of_texts(folder):
    del folder
    trainer = ai.prepare(data=rows(), vocabulary_size=300, max_steps=4, batch_size=8)
    playground = ai.Playground(trainer)
    asked = [playground.ask(text) for text in HOSTILE]
    form = ai.ConfigForm(rows(), vocabulary_size=300)
    form._hear(None, {"type": "set", "name": "model", "value": HOSTILE[1]}, [])
    few = ai.FewShot(trainer, shots=1)
    return [*five(trainer), trainer.data.guess, playground, *asked, form, form.preview, few]


def of_images(folder):
    from PIL import Image

    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 17, (60, 1, 8, 8), generator=generator)
    data = ai.Dataset({"image": images, "label": torch.arange(60) % 10}, HOSTILE)
    trainer = ai.prepare(data=data.split(0.2, name=HOSTILE[1]), model="mlp", max_steps=4, batch_size=16)
    named = folder / '"><img src=x onerror=evil()>\u202e.png'
    Image.new("L", (8, 8), 128).save(named)
    playground = ai.Playground(trainer, named)
    wish = {"type": "file", "name": HOSTILE[1], "bytes": b"no picture"}
    playground.take(wish)
    return [*five(trainer), playground, playground.value]


def of_prompts(folder):
    del folder
    frame = pd.DataFrame({"text": rows()["text"]})
    trainer = ai.prepare(
        data=frame, task="text-generation", model="small-gpt", max_length=16, max_steps=4, batch_size=8
    )
    playground = ai.Playground(trainer)
    reader = ai.prepare(data=frame, task="text-generation", model="small-gpt", max_length=128, batch_size=2)
    words = {text: f"{text[:60]} {n}" for n, text in enumerate(HOSTILE)}
    labelled = ai.Dataset({"text": HOSTILE * 2, "label": HOSTILE * 2})
    asked = ai.PromptClassifier(
        reader, ai.Splits(labelled, labelled), shots=0, words=words, template=f"{HOSTILE[0]} {{text}} {{label}}"
    )
    return [asked, *five(trainer), playground, *(playground.ask(text, tokens=5) for text in HOSTILE[:3])]


def of_pairs(folder):
    del folder
    frame = rows().rename(columns={"text": "text_a"})
    frame.insert(1, "text_b", list(reversed(frame["text_a"])))
    return five(ai.prepare(data=frame, vocabulary_size=300, max_steps=4, batch_size=8))


def of_files(folder):
    named = folder / "<img src=x onerror=evil()>.csv"
    rows().replace("\x00", "", regex=True).to_csv(named, index=False)  # a file of texts that holds a NUL isn't read
    found = ai.quick_look(named, seconds=5)
    return [found, found.plot(), ai.prepare(data=named, vocabulary_size=300, max_steps=2).data.guess]


def of_the_run(folder):
    trainer = ai.prepare(data="digits", model="mlp", max_steps=2)
    trainer.fit("none")
    ending = Ending("failed", HOSTILE[1], 2, 1.0, 2, 1.0)
    panel = Panel({"steps": 2}, None, lambda: None)
    panel.leave(html.Markup(static_twin(trainer.history, ending, notes=tuple(HOSTILE))["text/html"]))
    slider = ai.Slider(0.5, HOSTILE[1], unit=HOSTILE[2], help=HOSTILE[0])
    tried = RateFinding([0.1, 0.2], [2.0, 1.0], 2, 1.0, "", 0, trainer.config)
    proof = Evidence(HOSTILE[0], HOSTILE[1], HOSTILE[2])
    finding = Finding(
        HOSTILE[0], HOSTILE[1], (proof,), "high", tuple(HOSTILE), HOSTILE[2], {"model": HOSTILE[3]}, HOSTILE[4], HOSTILE[5], HOSTILE[6],
        tuple(HOSTILE[7:]),
    )  # fmt: skip
    findings = Findings(HOSTILE[1], [finding], looked_at=HOSTILE, missing={HOSTILE[0]: HOSTILE[1]})
    swept = Sweep(
        trainer.config, {"data": HOSTILE[:2], "model": HOSTILE[2:4]},
        [Tried({"data": HOSTILE[0], "model": HOSTILE[2]}, 1.0, 1.0, 2, 0.1, HOSTILE[3])], 4,
    )  # fmt: skip
    numbers = CompareExport(
        (1, "validation"), 1, 0, 0.1, None, {"loss": 1.0}, {"loss": 1.0}, (1, 1), (1.0, 1.0), (1.0, 1.0), 1, 0.1
    )
    about = Manifest("safetensors", *HOSTILE[:3], HOSTILE, {}, {}, [], 1.0, None, None, {"kind": None})
    rounded = [Rounding(bits, 9, 1.0, 0.5, 0.1) for bits in (32, 8, 2)]
    summary = RunSummary(*HOSTILE[:5], best_loss=1.0, best_score=(HOSTILE[5], 0.5), losses=[2.0, 1.0], notes=HOSTILE)
    compared = [
        Compared(name, trainer.history, trainer.config.replace(model=name[:50], data=HOSTILE[1])) for name in HOSTILE
    ]  # fmt: skip
    estimated = ai.estimate(trainer)
    raced = Raced(
        {}, (Lap(1.0, 1.0, 1, 1),), 1, 1, 0.0, 1.0, 1.0, 1.0, HOSTILE[1], HOSTILE[2], {HOSTILE[0]: HOSTILE[3]}
    )
    learned = [Measured(name, 1, 0, 0.5, 0.1, 4, 10, 10) for name in HOSTILE]
    taken = [Moved(name, 0, 0.5, 0.4, 0.1, 4, 10) for name in (*HOSTILE, "fine-tune")]
    said = [
        Runs(HOSTILE[1], [summary]),
        ExportCard(folder / HOSTILE[0].replace("/", ""), about, numbers),
        Roundings(rounded[0], rounded[1:], "validation", "accuracy"),
        Comparison(compared),
        Race(
            [raced, raced._replace(fields={HOSTILE[0]: HOSTILE[1]}), Raced({"a": 1}, trouble=HOSTILE[2])], HOSTILE[1], 2
        ),
        Profile(
            {name: dict.fromkeys(HOSTILE, 0.1) for name in HOSTILE},
            [Operation(name, other, 1.0, 0.1) for name, other in pairwise(HOSTILE)],
            0.5,
            1,
            trainer,
        ),
        MethodsCompared(learned, 20, name=HOSTILE[1], model=HOSTILE[2], majority=0.1, validation=9),
        Transfer(taken, 20, old=HOSTILE[1], new=HOSTILE[2], shots=1, before=0.5, score_name="accuracy"),
        Story(*HOSTILE[:5]),
        trainer.history.story(),
        NoiseScale.of(4, 5.0, 2.0),
        BatchSizes({1: 2.0, 2: 3.0}, 8, 1000),
        replace(estimated, setup=replace(estimated.setup, name=HOSTILE[1]), rule_of_thumb=HOSTILE[2]),
    ]
    return [panel, slider, trainer.history, tried, swept, finding, findings, *said]


def of_lessons(folder):
    """Cards and notes of the lessons; a dial that somebody typed into."""
    desk = Desk(None)
    one = Choice(
        id="00.9",
        ask=HOSTILE[0],
        options=tuple(Option(text, text, text == HOSTILE[1]) for text in HOSTILE[:8]),
        hints=HINTS,
        why=HOSTILE[3],
    )
    order = Sort(
        id="00.8",
        ask=HOSTILE[1],
        lines=tuple(HOSTILE[:4]),
        rules=(Before(2, 1, HOSTILE[2]),),
        hints=HINTS,
        why=HOSTILE[3],
    )
    cards = [Card(exercise, desk, is_gate=is_gate) for exercise in (one, order) for is_gate in (True, False)]
    for card in cards:
        card.answer(card.exercise.right_answer)
        card.hint()
    typed = Explorable(lambda text: html.element("p", text), HOSTILE[0], text=Typed("", HOSTILE[1])).set(
        text=HOSTILE[2]
    )
    seen = [outcome(one, "a", "b"), outcome(one, None, None), solved(one), solved(order), Note(HOSTILE[0], HOSTILE)]
    words = {word for text in HOSTILE for word in words_of(text)}
    numbers = {word: place for place, word in enumerate(words)}
    secret = {word: 0 for text in HOSTILE for word in words_of(in_secret(text))}
    return [*(BothScripts(text, numbers, secret) for text in HOSTILE[:4]), *cards, typed, *seen, Seat(1, 0.1, 2.3, 0.1)]


GROUPS = {made.__name__: made for made in (of_texts, of_images, of_prompts, of_pairs, of_files, of_the_run, of_lessons)}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """shown(group): its views, made once."""
    made = {}

    def views(group):
        if group not in made:
            made[group] = GROUPS[group](tmp_path_factory.mktemp("hostile"))
        return made[group]

    return views


def page_and_text(view):
    """What a notebook keeps of it."""
    if isinstance(view, Placed):
        bundle = view.bundle()
        return bundle["text/html"], bundle["text/plain"]
    return str(view._repr_html_()), repr(view)


def check_inert(source):
    page = Page(source.replace("<br>", "").replace("<wbr>", ""))
    assert page.open == []
    assert page.other == []
    assert set(page.tags) <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    for name, value in page.attributes:
        if name == "src":
            assert value.startswith("data:image/png;base64,")
        elif name != "alt":
            assert "evil" not in (value or "")
    hidden = {letter for letter in source if unicodedata.category(letter) in {"Cc", "Cf", "Cs"}} - {"\n", "\t"}
    assert not hidden
    return page


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_hostile_becomes_an_element_or_an_attribute(shown, group):
    for view in shown(group):
        page, text = page_and_text(view)
        check_inert(page)
        assert text.strip(), type(view)
        if isinstance(view, Record):
            assert len(page) < MOST_BYTES, f"{type(view).__name__}: {len(page):,} bytes"
            assert "<style" not in page
            assert "var(" not in page
            assert not any(letter in text for letter in "\x00\x1b\u202e")


def test_hostile_words_are_there_as_text(shown):
    said = " ".join(check_inert(page_and_text(view)[0]).text for view in shown("of_texts"))
    for text in HOSTILE[:6]:
        assert text in said


def classes_with_a_view():
    """Every class of the package that a notebook shows as HTML."""
    found = set()
    for module in pkgutil.walk_packages(ai.__path__, "aitrain_nb."):
        if module.name.endswith("__main__"):
            continue
        for one in vars(importlib.import_module(module.name)).values():
            # the lessons' own pictures are all tried in test_lesson_widgets.py
            if (
                inspect.isclass(one)
                and one.__module__.startswith("aitrain_nb")
                and "lessons.widgets." not in one.__module__
            ):
                found |= {one} if hasattr(one, "_repr_html_") or issubclass(one, Placed) else set()
    return found - {Record, Placed}


def test_no_view_is_left_out(shown):
    tried = {
        one for group in GROUPS for view in shown(group) for one in type(view).__mro__
    }  # a widget has a class of its own
    assert classes_with_a_view() <= tried
