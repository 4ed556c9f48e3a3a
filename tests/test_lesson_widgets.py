"""Every picture with dials of the lessons: at its ends, in words, in code, as a twin."""

import itertools

import pytest

from aitrain_nb.lessons import widgets
from aitrain_nb.widgets.explorable import Explorable, Pick, Range, Switch

every_widget = pytest.mark.parametrize("name", widgets.__all__)


def ends(dial):
    """The outermost places of a dial."""
    if isinstance(dial, Range):
        return [dial.min, dial.max]
    return (
        list(dial.choices)
        if isinstance(dial, Pick)
        else [False, True]
        if isinstance(dial, Switch)
        else ["", "A few words."]
    )


@every_widget
def test_it_draws_with_each_dial_at_its_ends(name):
    widget = getattr(widgets, name)()
    assert isinstance(widget, Explorable)
    for dial, places in [(dial, ends(about)) for dial, about in widget._dials.items()]:
        for place in places:
            widget.set(**{dial: place})
            assert widget.state["said"].strip()
            assert len(widget.state["html"]) < 120_000
    assert eval(widget.code, {name: getattr(widgets, name)}).value == widget.value


@every_widget
def test_it_says_in_words_what_it_shows(name):
    widget = getattr(widgets, name)()
    assert widget.title in widget.text()
    assert any(letter.isdigit() for letter in widget.state["said"]), "a sentence with numbers"
    assert widget.title in widget.twin()


@every_widget
def test_moving_a_dial_changes_what_is_shown(name):
    widget = getattr(widgets, name)()
    seen = {widget.state["html"]}
    for dial, about in itertools.islice(widget._dials.items(), 3):
        for place in ends(about):
            seen.add(widget.set(**{dial: place}).state["html"])
    assert len(seen) > 1


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Nothing"):
        widgets.Nothing  # noqa: B018


@pytest.mark.parametrize("number", [1.0, 0.1, 3.14159, 1e-8, 65504.0, 70_000.0, 1e6])
def test_the_bits_of_a_number_are_those_in_memory_and_mean_what_is_held(number):
    import struct

    from aitrain_nb.lessons.widgets.dtype_table import KINDS, bits, stored

    infinite = bytes.fromhex("7c00")
    packed = {"fp32": struct.pack(">f", number), "fp16": infinite if number > 65504 else struct.pack(">e", number)}
    for kind in KINDS:
        pattern = bits(number, kind)
        if kind.name in packed:
            assert int(pattern, 2).to_bytes(len(pattern) // 8, "big") == packed[kind.name]
        else:  # the first half of 32 bits, rounded
            assert abs(int(pattern, 2) - int(bits(number, KINDS[0])[:16], 2)) <= 1
        power, digits = int(pattern[1 : 1 + kind.exponent], 2), int(pattern[1 + kind.exponent :], 2)
        bias, whole = 2 ** (kind.exponent - 1) - 1, 2**kind.fraction
        if power == 2**kind.exponent - 1:
            meant = float("inf")
        elif power:
            meant = 2.0 ** (power - bias) * (1 + digits / whole)
        else:
            meant = 2.0 ** (1 - bias) * digits / whole
        assert meant == float(stored(number, kind))


def test_a_run_that_is_given_all_of_its_state_goes_the_same_way_and_else_leaves_it():
    import torch

    from aitrain_nb.lessons.experiments.resumed_runs import STEPS, STOPPED, resumed, run

    straight = run()
    straight.fit(display="none")
    found = resumed(True, True, True)
    assert found.distances == (0.0,) * (STEPS - STOPPED + 1)
    assert list(found.losses) == [row["loss"] for row in straight.history], "as in a run by fit"
    for parts in ((False, True, True), (True, False, True), (True, True, False)):
        other = resumed(*parts)
        assert other.losses[:STOPPED] == found.losses[:STOPPED]
        assert other.distances[0] == 0 < other.distances[1] < other.distances[-1]
    assert torch.isfinite(torch.tensor(found.losses)).all()


def test_what_is_cut_off_is_the_length_above_the_limit():
    from aitrain_nb.lessons.widgets.clip_dial import LIMITS, RATES, ClipDial, rows

    for optimizer in RATES:
        for limit in LIMITS:
            count = sum(row["grad_norm"] > limit for row in rows(optimizer, limit))
            shown = ClipDial().set(optimizer=optimizer, limit=limit).shown
            assert f"{count} of {len(rows(optimizer, limit))} were longer" in shown.description
    assert rows("SGD", 0.3)[0]["loss"] == rows("SGD", 10.0)[0]["loss"], "the first loss comes before any cut"


def test_a_table_fills_in_numbers_in_rows_or_at_once_and_all_three_make_the_same():
    import torch

    from aitrain_nb.lessons.experiments.three_ways import WAYS, measured, tables
    from aitrain_nb.lessons.widgets.parallel_view import ParallelView, done

    inputs, weights = tables()
    assert torch.allclose(torch.stack([row @ weights for row in inputs]), inputs @ weights, atol=1e-4)
    for way, portion in zip(WAYS, (1, 100, 3000), strict=True):
        microseconds = 1e6 * measured()[way]
        assert (done(way, 0), done(way, 1.001 * microseconds), done(way, 10 * microseconds)) == (0, 3000, 3000)
        assert {done(way, share * microseconds) % portion for share in (0.1, 0.33, 0.77)} == {0}
        assert done(way, 0.9 * microseconds) >= done(way, 0.5 * microseconds)
    assert measured()["all at once"] < measured()["number by number"] / 10
    assert "3,000" in ParallelView().set(time=200_000).text()


def test_the_panel_says_what_the_diagnosis_finds_and_its_treatment_is_that_of_the_findings():
    import aitrain_nb as ai
    from aitrain_nb.lessons.experiments import patients
    from aitrain_nb.lessons.widgets.doctor_panel import ADVISED, UNTREATED, DoctorPanel, last_validation

    panel, without = DoctorPanel(), set()
    for letter in patients.SECRETS:
        patient = patients.admit(letter)
        patient.fit(display="none")
        findings = ai.diagnose(patient)
        said = panel.set(patient=letter, treatment=UNTREATED).text()
        assert f"The diagnosis says: {findings[0].name}. " in said
        assert f"<b>{findings[0].name}</b>" in panel.state["html"] or not findings.alarms
        said = panel.set(patient=letter, treatment=ADVISED).text()
        if not findings.fix:
            without.add(letter)
            assert ("No field of the config mends this" in said) == bool(findings.alarms)
            continue
        again = patients.admit(letter, **findings.fix)
        again.fit(display="none")
        before, after = last_validation(patient), last_validation(again)
        assert f"{before:.3f} before, {after:.3f} after" in said
        assert after < before, letter
        assert all(name in panel.state["html"] for name in findings.fix)
        assert f"The diagnosis says: {ai.diagnose(again)[0].name}" in said
    assert without == {"A", "C", "D", "F", "G"}


def test_the_panel_trains_only_the_patients_that_are_asked_for(monkeypatch):
    from aitrain_nb.lessons.experiments import patients
    from aitrain_nb.lessons.widgets.doctor_panel import ADVISED, DoctorPanel

    for kept in (patients.treated, patients.examined, patients.after_advice):
        kept.cache_clear()
    admitted, admit = [], patients.admit
    monkeypatch.setattr(
        patients, "admit", lambda letter, *rest, **more: admitted.append(letter) or admit(letter, *rest, **more)
    )
    panel = DoctorPanel()
    assert admitted == ["A"]
    panel.set(patient="D", treatment=ADVISED)
    panel.set(patient="B")
    panel.set(patient="D")
    assert admitted == ["A", "D", "B", "B"]
