"""Every exercise of every lesson: the right answer passes, each wrong one gets its own words, nothing is no answer."""

import json

import pytest

from aitrain_nb.lessons import book
from aitrain_nb.lessons.exercises import AnswerError, Before, Choice, Explain, Fill, Number, Sort, Verdict

ALL = [exercise for lesson in book.lessons() for exercise in lesson.exercises]
every_exercise = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)


@every_exercise
def test_the_right_answer_passes(exercise):
    verdict = exercise.judge(exercise.right_answer)
    if isinstance(exercise, Explain):
        assert verdict.ok is None
        assert exercise.model in verdict.message
        assert all(point in verdict.next_step for point in exercise.points)
    else:
        assert verdict.ok is True, verdict
        assert bool(verdict)


@every_exercise
def test_each_wrong_answer_gets_its_own_words(exercise):
    said = []
    for answer, words in exercise.wrong_answers:
        verdict = exercise.judge(answer)
        assert verdict.ok is False, (answer, verdict)
        assert words in verdict.message
        said.append(words)
    assert said
    assert len(set(said)) == len(said), "two wrong answers share their words"


@every_exercise
def test_nothing_is_no_answer_yet(exercise):
    verdict = exercise.unanswered()
    assert (verdict.ok, verdict.message) == (None, "not yet answered")
    assert exercise.id in verdict.next_step


@every_exercise
def test_there_are_three_hints_and_a_reason(exercise):
    assert len(exercise.hints) == len({*exercise.hints}) == 3
    assert exercise.why.endswith((".", "!", "?"))
    assert exercise.ask.rstrip().endswith(("?", ".", ":"))


@every_exercise
def test_a_plain_answer_can_be_kept(exercise):
    if not isinstance(exercise, Fill):
        plain = exercise.read(exercise.right_answer)
        assert exercise.read(json.loads(json.dumps(plain))) == plain
        assert exercise.said(plain)


@pytest.mark.parametrize("lesson", book.lessons(), ids=lambda lesson: lesson.number)
def test_ids_belong_to_the_lesson_and_are_in_order(lesson):
    for things in (lesson.sections, lesson.exercises):
        ids = [thing.id for thing in things]
        assert ids == [f"{lesson.number}.{place}" for place in range(1, len(ids) + 1)]


@pytest.mark.parametrize("lesson", book.lessons(), ids=lambda lesson: lesson.number)
def test_a_facilitator_has_minutes_that_add_up(lesson):
    one = lesson.facilitator
    assert one.teach + one.do + one.talk == lesson.minutes
    assert one.expect
    assert one.cut


HINTS = ("a", "b", "c")


@pytest.mark.parametrize("typed", ["2,5", "2.5", 2.5, " 2.5 "])
def test_a_number_may_be_typed_in_several_ways(typed):
    one = Number(id="00.9", ask="?", right=2.5, low="low", high="high", hints=HINTS, why="So.")
    assert one.judge(typed).ok


def test_a_number_may_be_off_by_so_much():
    one = Number(id="00.9", ask="?", right=100, within=0.1, low="low", high="high", hints=HINTS, why="So.")
    assert [one.judge(value).message for value in (89, 91, 109, 111)] == ["low", "Right. So.", "Right. So.", "high"]


@pytest.mark.parametrize("typed", ["many", "", None, float("nan"), float("inf"), [1], True])
def test_what_is_no_number_gets_a_sentence(typed):
    one = Number(id="00.9", ask="?", right=1, low="low", high="high", hints=HINTS, why="So.")
    with pytest.raises(AnswerError, match=r"00\.9"):
        one.judge(typed)


@pytest.mark.parametrize("typed", ["1 2", "1 1 2", "one two three", "", "1 2 4", [1, 2]])
def test_what_is_no_order_gets_a_sentence(typed):
    one = Sort(id="00.9", ask="?", lines=("x", "y", "z"), rules=(Before(2, 1, "no"),), hints=HINTS, why="So.")
    with pytest.raises(AnswerError, match="no order of 3 lines"):
        one.judge(typed)


def test_any_order_that_keeps_the_rules_is_right():
    one = Sort(id="00.9", ask="?", lines=("x", "y", "z"), rules=(Before(2, 1, "y first"),), hints=HINTS, why="So.")
    assert one.judge("3 2 1").ok
    assert one.judge("2 1 3").ok
    assert one.judge("1,2,3").message == "y first"


def test_a_choice_takes_its_letter_and_its_text():
    one = next(exercise for exercise in ALL if isinstance(exercise, Choice) and exercise.id == "00.1")
    assert one.judge("c").ok
    assert one.judge("2.3").ok
    assert one.judge(2.3).ok
    assert one.judge(10).message.startswith("10 would")
    with pytest.raises(AnswerError, match=r"00\.1: there is no answer 'z'"):
        one.judge("z")


def test_code_that_ends_with_an_error_is_told_so():
    one = Fill(
        id="00.9",
        ask="?",
        test=lambda value: None if value() else "no",
        right=lambda: 1,
        wrong=(),
        hints=HINTS,
        why="So.",
    )
    assert one.judge(lambda: 1 / 0).message == "Your code ended with ZeroDivisionError: division by zero"


def test_a_verdict_is_true_only_where_the_answer_is_right():
    assert [bool(Verdict("00.1", ok, "")) for ok in (True, False, None)] == [True, False, False]
