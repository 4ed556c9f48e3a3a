"""What a learner calls: starting anywhere, guessing before a run, answers, hints, and notes that outlive the kernel."""

import json

import pytest
from IPython.core.interactiveshell import InteractiveShell

from aitrain_nb import lessons
from aitrain_nb.errors import AitrainError
from aitrain_nb.lessons import book, gates
from aitrain_nb.lessons.card import Card
from aitrain_nb.lessons.desk import Desk, desk
from aitrain_nb.lessons.exercises import AnswerError


@pytest.fixture(autouse=True)
def closed(monkeypatch, tmp_path):
    """Gates are closed, and the learner has a file of their own."""
    monkeypatch.setenv("AITRAIN_NB_UNGATED", "")
    monkeypatch.setenv("AITRAIN_NB_PROGRESS", str(tmp_path / "notes" / "progress.json"))
    desk.cache_clear()
    yield
    desk.cache_clear()


@pytest.fixture
def shell(monkeypatch):
    one = InteractiveShell()
    monkeypatch.setattr(gates, "get_ipython", lambda: one)
    gates.install()
    return one


def test_a_cell_behind_a_gate_waits_for_the_guess_and_then_runs(shell):
    waiting = shell.run_cell("%%after 00.1\nx = 6\nx * 7").result
    assert waiting.head == "Not yet run"
    assert "x" not in shell.user_ns
    lessons.guess("00.1", "1")
    assert shell.run_cell("%%after 00.1\nx = 6\nx * 7").result == 42
    assert shell.user_ns["x"] == 6


def test_a_gate_can_be_skipped(shell):
    card = lessons.guess("00.1")
    card.take({"type": "skip"})
    assert shell.run_cell("%%after 00.1\n'ran'").result == "ran"
    assert "open" in card.state["word"]


def test_all_gates_are_open_where_the_environment_says_so(shell, monkeypatch):
    monkeypatch.setenv("AITRAIN_NB_UNGATED", "1")
    assert shell.run_cell("%%after 00.1 00.3\n'ran'").result == "ran"


def test_a_gated_cell_shows_and_fails_like_any_other(shell):
    lessons.guess("00.1", "a")
    assert shell.run_cell("%%after 00.1\n1;").result is None
    assert shell.run_cell("%%after 00.1\nfor _ in range(2):\n    pass").result is None
    failed = shell.run_cell("%%after 00.1\ndef f():\n    return 1 / 0\nf()")
    assert isinstance(failed.error_in_exec, ZeroDivisionError)


def test_a_gate_that_is_not_there_gets_a_sentence(shell):
    error = shell.run_cell("%%after 00.77\n1").error_in_exec
    assert isinstance(error, AitrainError)
    assert "00.77" in str(error)


def test_a_guess_is_drawn_beside_what_came_out():
    assert "It was: 2.3" in lessons.outcome("00.1").text()
    lessons.guess("00.1", 1)
    seen = lessons.outcome("00.1")
    assert "You guessed: 1 — it was: 2.3" in seen.text()
    assert "share of wrong answers" in seen.text()
    lessons.guess("00.2", 45)
    assert "△" in lessons.outcome("00.2", 90).to_html()


def test_an_answer_is_judged_kept_and_counted():
    assert not lessons.check("00.2", 45)
    right = lessons.check("00.2", "90")
    assert right
    assert right.verdict.ok
    assert desk().answers["00.2"] == {"answer": 90.0, "ok": True, "tries": 2}
    assert "1 of 1" in lessons.progress("00").to_html()


@pytest.mark.parametrize("blank", [None, ...])
def test_a_blank_asks_and_says_that_nothing_was_answered(blank):
    assert "not yet answered" in repr(lessons.check("00.2", blank))


def test_a_function_whose_blank_is_still_there_is_not_answered_and_not_noted():
    said = lessons.check("08.6", lambda losses: ...)
    assert "not yet answered" in repr(said)
    assert said.verdict.ok is None
    assert "08.6" not in desk().answers


def test_hints_come_one_after_the_other():
    exercise = book.exercise("00.2")
    assert [lessons.hint("00.2").paragraphs[0] for _ in range(4)] == [*exercise.hints, exercise.hints[2]]


def test_a_solution_says_why_and_why_not():
    said = lessons.solution("00.1").to_html()
    assert "2.30" in said
    assert "share of wrong answers" in said


def test_what_stands_between_backticks_is_code_on_the_page_and_plain_words_in_a_terminal():
    said = lessons.solution("08.6")
    assert "<code>len(losses) - 1 - losses.index(min(losses))</code>" in said.to_html()
    assert "`len(losses)" in said.text()


@pytest.mark.parametrize(("number", "said"), [(4.06145, "4.061"), (46170, "46170"), (1437, "1437"), (0.012, "0.012")])
def test_a_number_is_said_to_four_digits(number, said):
    assert book.exercise("00.2").said(number).split()[0] == said


def test_a_sentence_is_rated_by_its_writer():
    first = lessons.check("00.5", "It knows nothing about digits")
    assert first.verdict.ok is None
    lessons.check("00.5", "It knows nothing about digits", rated="I had it")
    assert desk().answers["00.5"]["ok"] is True
    with pytest.raises(AnswerError, match="rating"):
        lessons.check("00.5", "It knows nothing at all", rated="perfect")


def test_notes_outlive_the_kernel_and_can_be_forgotten(tmp_path):
    lessons.guess("00.1", "b")
    lessons.check("00.2", 2)
    desk.cache_clear()
    assert desk().guesses == {"00.1": "b"}
    assert "You guessed: 1" in lessons.outcome("00.1").text()
    lessons.reset("00.1")
    assert desk().guesses == {}
    assert "00.2" in desk().answers
    lessons.reset()
    assert json.loads((tmp_path / "notes" / "progress.json").read_text())["answers"] == {}


def test_an_answer_to_an_older_question_is_no_answer():
    desk().guesses["00.1"] = [2, 1]
    desk().answers["00.2"] = {"answer": "many", "ok": False, "tries": 1}
    assert "It was: 2.3" in lessons.outcome("00.1").text()
    assert lessons.guess("00.1").value is None
    assert "not yet answered" in lessons.check("00.2").text()


@pytest.mark.parametrize("content", ["{", "[]", '{"guesses": 3}', ""])
def test_notes_that_can_not_be_read_are_empty(tmp_path, content):
    file = tmp_path / "progress.json"
    file.write_text(content)
    assert Desk(file).guesses == {}


def test_a_place_that_can_not_be_written_stops_nobody(tmp_path):
    (tmp_path / "file").write_text("in the way")
    one = Desk(tmp_path / "file" / "progress.json")
    one.note_answer("00.1", "a", ok=False)
    assert one.answers["00.1"]["tries"] == 1


def test_a_status_changes_with_what_was_done():
    before = lessons.status("00").head
    lessons.start("00.2")
    lessons.check("00.2", 90)
    assert lessons.status("00").head != before
    assert len(lessons.status("00").head.split(": ")[1].split()) == 2


@pytest.mark.parametrize("typed", ["lr", "Learning rate", "gradients", "grad_norm"])
def test_a_word_is_found_by_its_other_names(typed):
    assert lessons.glossary(typed).paragraphs[0].endswith(".")


def test_a_word_that_is_not_there_gets_the_nearest():
    with pytest.raises(AitrainError, match="Did you mean 'gradient'"):
        lessons.glossary("gradiant")


@pytest.mark.parametrize(
    "call", [lessons.guess, lessons.check, lessons.hint, lessons.solution, lessons.outcome, lessons.start]
)
@pytest.mark.parametrize("name", ["77.1", "00.77", "nothing", ""])
def test_a_name_that_is_not_there_gets_a_sentence(call, name):
    with pytest.raises(AitrainError):
        call(name)


def test_only_lines_have_an_order():
    with pytest.raises(AnswerError, match="no lines to order"):
        lessons.order("00.1", "1 2")


@pytest.mark.parametrize("lesson", book.lessons(), ids=lambda lesson: lesson.number)
def test_every_section_begins_from_nothing(lesson):
    for section in lesson.sections:
        assert repr(lessons.start(section.id)).startswith("Ready")


def test_the_card_answers_hints_and_solves_on_the_page():
    card = Card(book.exercise("00.2"), desk(), is_gate=False)
    card.take({"type": "answer", "answer": "many"})
    assert "not a number" in card.state["wrong"]
    card.take({"type": "answer", "answer": "45"})
    assert "one epoch" in card.state["notes"][0]
    assert card.value == 45
    card.take({"type": "hint"})
    assert any("Hint 1 of 3" in note for note in card.state["notes"])
    card.take({"type": "solve"})
    assert "Solution 00.2" in card.state["notes"][0]
    card.take({"type": "nonsense"})
    assert "Solution 00.2" in card.twin()
    assert 'check("00.2", ...)' in card.text()
