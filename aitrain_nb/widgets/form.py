"""The form of a run: every field of its config, and what the run will be, before it is trained."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import traitlets
from ipywidgets import ValueWidget  # type: ignore[import-untyped]

from aitrain_nb import html
from aitrain_nb.config import TrainConfig
from aitrain_nb.errors import AitrainError
from aitrain_nb.previewing import Preview, Scout
from aitrain_nb.run import describe, prepare
from aitrain_nb.tuning import find_learning_rate
from aitrain_nb.widgets import fields as form_fields
from aitrain_nb.widgets.advice import Advice
from aitrain_nb.widgets.foresight import Foresight
from aitrain_nb.widgets.front_end import source
from aitrain_nb.widgets.live import PanelDisplay
from aitrain_nb.widgets.placed import Placed, spoken
from aitrain_nb.widgets.rate_test import AT_REST, RateTest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from aitrain_nb.diagnosis import Findings
    from aitrain_nb.history import History
    from aitrain_nb.trainer import Trainer
    from aitrain_nb.tuning import RateFinding
    from aitrain_nb.widgets.advice import Advising

_BUSY = {"waiting", "training"}
_NOT_HERE = "Nothing here can start it. In a cell: history = form.train()"


class ConfigForm(Placed, ValueWidget):
    """A run, described by sliders and fields, with what it will be shown beside them; its button trains it.

    It is an ipywidgets widget: `.value` is the config, and `.observe(..., "value")` follows it. Everything in it can be done in code as
    well: `to_code()` is the run as code, `to_yaml()` its config as a file.

    Args:
        data: as `prepare` takes it: a name, a file, a folder, a DataFrame, a `Dataset`, `Splits`.
        config: where to begin: a TrainConfig, a YAML file, or the folder of a run.
        findings: of `ai.diagnose`: shown with a button for each fix, until a run of the form has findings of its own.
        fields: fields of the config to set or change.

    Attributes:
        value: the config as it is entered: the last one that could be trained.
        preview: what its run will be.
        trainer: of the run that was begun here last, or None.

    Raises:
        ConfigError: a name or value isn't valid.
        DataError: the examples can't be used.

    Example:
        form = ai.ConfigForm("digits", model="mlp")
        form
    """

    _esm = source("placed.js", "slider.js", "chart.js", "fields.js", "advice.js", "form.js")
    _css = source("slider.css", "panel.css", "form.css", "advice.css")
    value = traitlets.Instance(TrainConfig)
    fields: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    shown = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    data = traitlets.Unicode().tag(sync=True)
    run = traitlets.Unicode().tag(sync=True)
    advised = traitlets.Dict().tag(sync=True)
    testing = traitlets.Dict(AT_REST).tag(sync=True)

    def __init__(
        self, data: Any = None, config: TrainConfig | str | Path | None = None, *, findings: Findings | None = None, **fields: Any
    ) -> None:  # fmt: skip
        begun = config if config is None or isinstance(config, TrainConfig) else form_fields.read_config(config)
        begun, self._source = describe(begun, fields if data is None else fields | {"data": data})
        self._scout = Scout(self._source)
        self.trainer: Trainer | None = None
        self._wishes: dict[str, Any] = {}
        self._wrong: dict[str, str] = {}
        self._settling = threading.Lock()
        self._ahead = Foresight(self._scout, self._preview_again)
        self._result = {"text/html": "", "text/plain": ""}
        self._advice = Advice(findings)
        self._test = RateTest(self.prepare, lambda told: setattr(self, "testing", told), self._take_rates)
        super().__init__(value=begun, fields=form_fields.described(type(begun), has_source=self._source is not None))
        self._say("ready")
        self._preview(begun)
        self._advise()
        self._ahead.look(self.value, self.preview, self.in_turn)

    # what it holds

    @property
    def config(self) -> TrainConfig:
        """The config as it is entered. Setting it fills the form in; raises ConfigError or DataError where that run can't be."""
        return self.value

    @config.setter
    def config(self, config: TrainConfig) -> None:
        self._hold(config)

    @property
    def history(self) -> History | None:
        """Of the run that was begun here last, or None."""
        return None if self.trainer is None else self.trainer.history

    def load(self, place: str | Path) -> None:
        """Fill the form in from a YAML file or the folder of a run; raises ConfigError or DataError where that can't be."""
        self.config = form_fields.read_config(place)

    @property
    def findings(self) -> Findings | None:
        """What the diagnosis of the run that was begun here last says; before it those the form was given, or None."""
        return self._advice.findings

    @property
    def rates(self) -> RateFinding | None:
        """What the range test that was run here last has seen, or None."""
        return self._advice.rates

    def apply(self, findings: Advising) -> None:
        """Enter what a diagnosis, a range test or a sweep suggests; raises ConfigError or DataError where that run can't be.

        Args:
            findings: of `ai.diagnose`, or one of them, of `ai.find_learning_rate` or `ai.sweep`: the fields of its `fix` are changed.
        """
        self._hold(self.value.replace(**findings.fix), findings)

    def undo(self, findings: Advising | None = None) -> None:
        """Take back what was applied last, or what was applied of this: its fields are what they were before."""
        self.config = self.value.replace(**self._advice.take_back(findings))

    def find_learning_rate(self) -> RateFinding:
        """What the button beside the learning rate does, in a cell: `ai.find_learning_rate` of a new trainer of the config."""
        self._take_rates(found := find_learning_rate(self.prepare()))
        return found

    def to_yaml(self) -> str:
        """The config as YAML: `TrainConfig.from_yaml` and `aitrain-nb train` read it."""
        return self.value.to_yaml()

    def to_code(self) -> str:
        """The run as code that runs as it is."""
        return form_fields.written(self.value, self._source)

    def prepare(self) -> Trainer:
        """The trainer of the config, as `prepare` makes it."""
        trainer = prepare(self.value, **({} if self._source is None else {"data": self._source}))
        trainer.foreseen = self.preview.estimate
        return trainer

    def train(self, display: str | Callable[..., Any] = "auto") -> History:
        """What the button does, in a cell: a new trainer, and its run to the end.

        Args:
            display: as for `Trainer.fit`.
        """
        self.trainer = trainer = self.prepare()
        history = trainer.fit(display)
        self._advice.judge(trainer)
        self._advise()
        self.refresh()
        return history

    # changes

    def take(self, message: dict[str, Any]) -> None:
        """A message of the page, on whatever thread it comes; one that isn't understood is left alone."""
        kind, name, value = (message.get(part) for part in ("type", "name", "value"))
        if kind == "set" and isinstance(name, str) and name in type(self.value).model_fields:
            self._wishes[name] = value
            if self._is_arithmetic(self._wishes):
                self._settle()
            else:
                self.shown = self.shown | {"busy": True}
                self.in_turn_or_now(self._settle)
        elif kind == "load" and isinstance(value, str):
            self.in_turn_or_now(lambda: self._load_for_the_page(value))
        elif kind == "train" and self.state["word"] not in _BUSY:
            self._say("waiting")
            if not self.in_turn(self._train_for_the_page):
                self._say("ready", _NOT_HERE)
        elif kind in {"apply", "undo"}:
            self._advice_for_the_page(kind, value)
        elif kind == "test":
            self._test.begin(self.in_turn)
        elif kind == "stop_test":
            self._test.stop()

    def _is_arithmetic(self, wishes: Mapping[str, Any]) -> bool:
        """Whether it takes no time to enter them, and nothing else is being entered: else the main thread alone does that."""
        return not self._settling.locked() and form_fields.are_arithmetic(wishes, self.value, self._scout)

    def _settle(self) -> None:
        """Take what is wished, one after the other: what can't be keeps the last good value and says so under its field."""
        with self._settling:
            while self._wishes:
                name = next(iter(self._wishes))
                self._try(name, self._wishes.pop(name))
        self._ahead.look(self.value, self.preview, self.in_turn)

    def _try(self, name: str, value: Any) -> None:
        try:
            config = self.value.replace(**{name: value})
            self._wrong.pop(name, None)
            try:
                self._adopt(config)
            except AitrainError:
                if name not in {"data", "task"}:
                    raise
                self._adopt(form_fields.without_data(config, name))
        except AitrainError as error:
            self._refuse(name, error)

    def _refuse(self, name: str, error: AitrainError) -> None:
        self._wrong[name] = " ".join(filter(None, (error.what, error.why, error.fix)))
        self._show(self.value, self.preview)

    def _hold(self, config: TrainConfig, because: Advising | None = None) -> None:
        """Hold a config that code gives, or a suggestion."""
        before = self.value
        with self._settling:
            self._wrong.clear()
            self._adopt(config)
            if because is not None:
                self._advice.enter(because, before)
                self._advise()
        self.refresh()
        self._ahead.look(self.value, self.preview, self.in_turn)

    def _adopt(self, config: TrainConfig) -> None:
        """Hold another config; raises, and holds the old one, where its run can't be."""
        if not (self._scout.knows(config) and self._scout.knows_weights(config)):
            self._show(config, self._scout.preview(config, with_weights=False), busy=True)  # what is known at once
        self._preview(config)
        self.value = config
        self._advise()

    def _preview(self, config: TrainConfig) -> None:
        self.preview: Preview = self._scout.preview(config)
        self._show(config, self.preview)

    def _preview_again(self) -> None:
        with self._settling:
            self._preview(self.value)
        self.refresh()
        self._ahead.look(self.value, self.preview, self.in_turn)  # something else may have been chosen meanwhile

    def _load_for_the_page(self, place: str) -> None:
        try:
            self._hold(form_fields.read_config(place.strip()))
        except AitrainError as error:
            self._refuse("", error)

    def _show(self, config: TrainConfig, preview: Preview, *, busy: bool = False) -> None:
        """Send the page what it shows: the values that hold, and what their run will be.

        Args:
            config: what holds.
            preview: of its run.
            busy: whether it is still to be found out whether that run can be: its code and what it would find out aren't shown yet.
        """
        held = {name: self.shown[name] for name in ("automatic", "code")} if busy else {}
        wrong = {"wrong": dict(self._wrong), "busy": busy}
        with self.hold_sync():
            self.shown = form_fields.page(config, preview, self._source) | wrong | held
            self.data = str(preview.data.page)

    # what is advised

    def _advise(self) -> None:
        """Send the page what is suggested for what holds."""
        self._advice.follow(self.value)
        self.advised = self._advice.page(self.value)

    def _advice_for_the_page(self, kind: str, key: Any) -> None:
        """Enter a suggestion or take it back: at once where that is arithmetic, else in turn."""
        what = self._advice.find(key)
        if what is None:
            return

        def act() -> None:
            try:
                (self.apply if kind == "apply" else self.undo)(what)
            except AitrainError as error:
                self._advice.refuse(key, str(error))
                self._advise()

        if self._is_arithmetic(what.fix):
            act()
        else:
            self.in_turn_or_now(act)

    def _take_rates(self, found: RateFinding) -> None:
        self._advice.rates = found
        self._advise()
        self.refresh()

    # the run

    def _train_for_the_page(self) -> None:
        """On the main thread."""
        self._say("training")
        place = SimpleNamespace(update=self.show_run)  # in the form's output: it is there in boxes of ipywidgets, too
        try:
            with spoken(self._say):
                self.trainer = trainer = self.prepare()
                trainer.fit(lambda trainer, plots: PanelDisplay(trainer, plots, place))
                self._advice.judge(trainer)
                self._advise()
                assert trainer.ending is not None
                self._say(trainer.ending.state, trainer.ending.kept)
        finally:
            self.refresh()

    def _say(self, word: str, said: str = "") -> None:
        self.state = {"word": word, "said": said}

    def show_run(self, bundle: dict[str, str], **_: Any) -> None:
        """Show a run below the fields, as a monitor's place does: its panel, and what stays of it."""
        self._result = bundle
        self.run = str(bundle["text/html"])

    # what stays

    def refresh(self) -> None:
        """Put the twin as it is now into the file; a picture is drawn for it, which only the main thread does."""
        is_main = threading.current_thread() is threading.main_thread()
        if is_main or not self.in_turn(super().refresh):
            super().refresh()

    def twin(self) -> html.Markup:
        """What was changed, what the run will be, the code, and the run if there was one."""
        code = html.details("The same as code", html.element("pre", self.to_code()))
        parts = [self.preview.page(), html.details("What was chosen", form_fields.chosen(self.value)), code]
        if self.state["word"] not in _BUSY and self._result["text/html"]:
            parts.append(html.Markup(self._result["text/html"]))
        parts.append(self._advice.twin())
        return html.section("A run", "what it will be", *parts)

    def text(self) -> str:
        """The same for a terminal."""
        run = self._result["text/plain"] if self.state["word"] not in _BUSY else ""
        return "\n\n".join(filter(None, (self.preview.text(), self.to_code(), run, self._advice.text())))
