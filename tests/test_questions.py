"""Questions in the stepper: what is offered when, what a form's values become, and that asking is the call that is shown."""

import pytest

import aitrain_nb as ai
from aitrain_nb.questions import OF_A_RUN, OF_A_STEP, Field, tree
from aitrain_nb.records.answers import Blame, BlameTest, Forgetting, NudgeTest, OneWeight
from aitrain_nb.stepping import Walk
from aitrain_nb.widgets.stepper import Stepper


@pytest.fixture
def stepper(make, monkeypatch):
    made = Stepper(make(epochs=1, max_steps=None, batch_size=200))
    monkeypatch.setattr(made, "in_turn", lambda act: act() or True)
    return made


def ask(stepper, name, /, **values):
    stepper._hear(None, {"type": "ask", "name": name, "values": values}, [])


def click(stepper, kind, **more):
    stepper._hear(None, {"type": kind, **more}, [])


def offered(stepper):
    return [one["name"] for one in stepper.asking["questions"] if not one["whyNot"]]


def test_a_question_is_offered_once_its_phase_is_done(stepper):
    assert offered(stepper) == []
    assert {one["whyNot"] for one in stepper.asking["questions"]} == {"after forward", "after backward", "after update"}
    for _ in range(4):
        click(stepper, "next_phase")
    assert offered(stepper) == ["unit_off", "gradient", "blame", "nudge_these", "agreement"]
    click(stepper, "next_phase")
    assert offered(stepper) == [question.name for question in OF_A_STEP]
    with pytest.raises(ai.PhaseError, match="after backward"):
        Walk(ai.prepare(data="digits", model="mlp")).ask("blame")


def test_at_the_end_of_a_run_the_way_back_is_named(make):
    trainer = make(epochs=1, max_steps=2, batch_size=200, snapshot_every=1)
    trainer.fit(display="none")
    with pytest.raises(ai.PhaseError, match=r"at its end: with snapshot_every=1 trainer.undo\(\)"):
        Walk(trainer).ask("blame")
    trainer.undo()
    walk = Walk(trainer)
    walk.next_step()
    assert isinstance(walk.ask("blame"), Blame)


@pytest.mark.parametrize("question", [question.name for question in (*OF_A_STEP, *OF_A_RUN)])
def test_every_question_has_an_answer_whose_code_is_the_call(make, question):
    walk = Walk(make(epochs=1, batch_size=200))
    walk.next_step()
    before = walk.trainer.fingerprint()
    if question == "compare":
        with pytest.raises(ai.PhaseError, match="after branching off"):
            walk.ask("compare")
        walk.ask("fork")
    answer = walk.ask(question)
    again = Walk(make(epochs=1, batch_size=200))
    space = {"trainer": again.trainer, "ai": ai}
    exec(walk.code.replace(walk.calls[0], f"found = {walk.calls[0]}"), space)
    shown = walk.asked[-1].question.show
    assert type(space["found"] or answer) is type(answer)
    assert shown(answer).startswith("<div")
    assert walk.code.endswith(walk.calls[0])
    if question != "rewind":
        assert walk.trainer.fingerprint() == before == again.trainer.fingerprint()
    if question not in {"rewind", "fork", "compare", "profile"}:  # two of them have times
        assert shown(answer) == shown(space["found"])


def test_what_a_person_typed_is_read(stepper):
    click(stepper, "next_step")
    ask(stepper, "gradient", tensor="hidden.weight", place="[3, 20]")
    assert stepper.told["click"] == "gradients.nudge('hidden.weight', 3, 20)"
    answer = stepper.walk.asked[-1].answer
    assert isinstance(answer, NudgeTest)
    assert answer.is_right
    ask(stepper, "rates", rates="0.001; 0.01")
    assert stepper.told["click"] == "update.try_rates([0.001, 0.01])"
    ask(stepper, "unit_off", layer="hidden", unit=" ")
    assert stepper.told["click"] == "forward.ablate('hidden')"
    for name, values, words in (
        ("blame", {"example": "three"}, "It takes a whole number."),
        ("blame", {"example": "999"}, "no example 999"),
        ("blame", {"exampel": "1"}, "example"),
        ("gradient", {"tensor": "hiden.weight"}, "hidden.weight"),
        ("gradient", {"tensor": "hidden.weight", "place": "1, x"}, "with commas"),
        ("rates", {"rates": "nan"}, "numbers with commas"),
        ("blaem", {}, "blame"),
        ("fork", {"learning_rate": "-1"}, "learning_rate"),
        ("fork", {"at": "12"}, "has not been at step 12"),
    ):
        ask(stepper, name, **values)
        assert words in stepper.told["problem"], name
    assert len(stepper.asking["answers"]) == 3


@pytest.mark.parametrize("given", ["", None, "one"])
def test_a_field_that_may_not_be_empty_says_so(given):
    with pytest.raises(ai.ConfigError, match="whole number"):
        Field("example", "Example", "whole", 3).read(given)
    assert Field("unit", "Unit", "whole", 3, empty="all").read("") is None


def test_blame_leads_to_nudging_only_these(stepper):
    click(stepper, "next_step")
    worst = stepper.asking["questions"][2]["fields"][0]["choices"][0]
    ask(stepper, "blame", example=worst["value"])
    answer = stepper.asking["answers"][0]
    assert answer["question"] == "blame"
    assert "Share" in answer["html"] or "share" in answer["html"]
    assert isinstance(stepper.walk.asked[-1].answer, Blame)
    (follow,) = answer["followUps"]
    ask(stepper, follow["question"], **follow["values"])
    tested = stepper.walk.asked[-1].answer
    assert isinstance(tested, BlameTest)
    assert tested.blame.example == int(worst["value"])
    assert "got worse" in stepper.asking["answers"][0]["html"]
    assert f"gradients.test_blame({worst['value']}, rows=20" in stepper.code
    click(stepper, "next_phase")
    assert stepper.asking["answers"][1]["followUps"] == [], "the step is over"


def test_the_microscope_and_the_forgetting_meter(stepper):
    stepper.next_step()
    found = stepper.ask("weight", tensor="hidden.weight", place=(3, 20))
    assert isinstance(found, OneWeight)
    assert found == dict(stepper.walk.records["update"].weight("hidden.weight", 3, 20))
    assert found.around.rows[found.around.at[0]][found.around.at[1]] == pytest.approx(found["after"])
    assert isinstance(stepper.ask("forgotten", examples=30), Forgetting)
    for words in ("microscope", "hidden.weight[3, 20]", "What did this step forget?"):
        assert words in stepper.twin()


def test_a_branch_is_made_listed_trained_and_compared(stepper):
    trainer = stepper.walk.trainer
    stepper.next_step()
    ask(stepper, "fork", name="faster", learning_rate="0.03")
    assert stepper.told["click"] == "trainer.fork('faster', at=1, learning_rate=0.03)"
    names = [(one["name"], one["depth"], one["isHere"]) for one in stepper.asking["branches"]]
    assert names == [("main", 0, True), ("faster", 1, False)]
    click(stepper, "train_branch", name="faster")
    assert stepper.walk.trainer is trainer.branches["faster"]
    assert (trainer.step, stepper.walk.trainer.step) == (1, trainer.steps_per_epoch)
    assert "trainer = trainer.branches['faster']" in stepper.code
    assert stepper.told["place"].startswith("faster: ")
    ask(stepper, "compare")
    assert (
        "faster leaves main" in stepper.asking["answers"][0]["html"] or "faster" in stepper.asking["answers"][0]["html"]
    )
    click(stepper, "walk_on", name="main")
    assert stepper.walk.trainer is trainer
    ask(stepper, "fork", name="calm", optimizer="sgd", learning_rate="")
    standing = tree(trainer)
    assert [one.origin.split(",")[0] for one in standing] == ["", "from main at step 1", "from main at step 1"]
    assert "The branches of this run" in stepper.twin()
    click(stepper, "walk_on", name="fastre")
    assert "faster" in stepper.told["problem"]


def test_a_run_goes_to_a_step(stepper):
    for _ in range(3):
        stepper.next_step()
    ask(stepper, "rewind", step="1")
    assert stepper.walk.trainer.step == 1
    assert "stands after step 1" in stepper.asking["answers"][0]["html"]


@pytest.mark.parametrize(
    "message", [{"name": "blame"}, {"name": 3, "values": {}}, {"values": {}}, {"name": "blame", "values": "3"}]
)
def test_what_is_no_question_is_left_alone(stepper, message):
    before = stepper.told
    click(stepper, "ask", **message)
    assert stepper.told == before


def test_few_answers_are_kept(stepper):
    stepper.next_step()
    for unit in range(8):
        stepper.ask("unit_off", unit=unit)
    assert len(stepper.asking["answers"]) == 6
    assert stepper.asking["answers"][0]["code"] == "forward.ablate('hidden', 7)"
