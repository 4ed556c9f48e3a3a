"""Form, code or command line: three questions, one advice. All three write the same config."""

from __future__ import annotations

from aitrain_nb import html
from aitrain_nb.widgets.explorable import Explorable, Pick, Switch

_WHO = ("I look and try", "I write code", "nobody: it runs at night")
_ADVICE = {
    _WHO[0]: ("the form", 'ai.ConfigForm(data="digits", model="small-cnn")'),
    _WHO[1]: ("code", 'trainer = ai.prepare(data="digits", model="small-cnn")'),
    _WHO[2]: ("the command line", "aitrain-nb train run.yaml --to runs/mine"),
}


class InterfacePicker(Explorable):
    """Which of the three ways to a run fits, and the line that begins it.

    Example:
        InterfacePicker().set(who="I write code")
    """

    def __init__(self) -> None:
        super().__init__(
            _draw, "Which way in?", who=Pick(_WHO[0], "Who starts the run?", _WHO),
            many=Switch(False, "Many runs, to be compared"), own=Switch(False, "A model or a loop of my own"),
        )  # fmt: skip


def _draw(who: str, many: bool, own: bool) -> html.Markup:
    way, line = _ADVICE[who]
    reasons = {
        _WHO[0]: "you see every field, and what the run will be before it starts",
        _WHO[1]: "you can open each of the 5 phases, and ask it",
        _WHO[2]: "it needs no page, leaves a folder, and goes on after a crash",
    }
    if own:
        way, line = "code", 'trainer = ai.Trainer(model, "image-classification", data, config)'
    said = f"Take {way}: {reasons[_WHO[1] if own else who]}. The other 2 ways give the same run from the same config."
    rows = [("it begins with", html.element("code", line))]
    if many:
        more = "ai.sweep(config, learning_rate=[...])" if way == "code" else "aitrain-nb compare runs/first runs/second"
        rows.append(("several runs", html.element("code", more)))
    return html.join([html.element("div", said, style="margin-bottom:6px"), html.table(["", ""], rows)])
