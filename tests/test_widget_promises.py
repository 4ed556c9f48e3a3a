"""What every widget promises: a value, a code twin, a text twin, a run without a browser, and no widget in the saved file."""

import nbformat
import pytest

import aitrain_nb as ai

WIDGETS = {
    "slider": 'shown = ai.Slider(0.01, "Learning rate", min=1e-5, max=1, log=True, unit="a step")\nshown',
    "form": 'shown = ai.ConfigForm("digits", model="mlp", max_steps=3)\nshown',
    "stepper": 'shown = ai.Stepper(ai.prepare(data="digits", model="mlp", max_steps=3))\nshown.next_step()\nshown',
    "playground": 'shown = ai.Playground(ai.prepare(data="digits", model="mlp", max_steps=3))\nshown',
    "monitor": 'trainer = ai.prepare(data="digits", model="mlp", max_steps=3)\nhistory = trainer.fit()',
}
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def saved():
    """The notebook that shows each of them, as it is saved after a run without a browser."""
    from nbclient import NotebookClient

    cells = ["import torch\ntorch.set_num_threads(1)\nimport aitrain_nb as ai", *WIDGETS.values()]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return NotebookClient(book, timeout=300).execute()


def shown_by(saved, name):
    outputs = saved.cells[1 + list(WIDGETS).index(name)].outputs
    return [output.data for output in outputs if output.output_type in {"display_data", "execute_result"}]


@pytest.mark.parametrize("name", WIDGETS)
def test_a_saved_notebook_keeps_html_and_words_and_no_widget(saved, name):
    kept = shown_by(saved, name)
    assert kept
    assert all(VIEW not in data for data in kept)
    last = kept[-1]
    assert last["text/plain"].strip()
    assert "<" in last["text/html"]
    assert "<script" not in last["text/html"]


def test_the_saved_notebook_holds_no_state_of_widgets(saved):
    assert "widget-view" not in nbformat.writes(nbformat.from_dict({**saved, "metadata": {}}))


def made(name):
    space = {"ai": ai}
    exec(WIDGETS[name].rsplit("\n", 1)[0], space)
    return space["shown"]


@pytest.mark.parametrize("name", ["slider", "form", "stepper", "playground"])
def test_a_widget_has_a_value_and_its_code(name):
    shown = made(name)
    value = shown.config if name == "form" else shown.value
    assert value is not None
    code = shown.to_code() if name == "form" else shown.value.code if name == "playground" else shown.code
    compile(code, name, "exec")
    assert shown.bundle()["text/plain"] == shown.text() == repr(shown)


def test_the_code_of_a_slider_makes_it_again():
    shown = made("slider")
    again = eval(shown.code, {"ai": ai})
    assert (again.code, again.text()) == (shown.code, shown.text())


def test_what_was_changed_in_a_run_is_code_too():
    trainer = ai.prepare(data="digits", model="mlp", max_steps=4)
    trainer.watchers.append(
        lambda record: setattr(trainer.control, "learning_rate", 0.02) if isinstance(record, ai.Update) else None
    )
    history = trainer.fit("none")
    other = ai.prepare(data="digits", model="mlp", max_steps=4)
    other.fit("none", replay=history)
    assert other.fingerprint() == trainer.fingerprint()
