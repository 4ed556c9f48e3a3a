"""Any valid config, for hypothesis."""

from __future__ import annotations

import typing

from hypothesis import strategies as st

from aitrain_nb.config import TrainConfig

KNOBS = TrainConfig.knobs()


def kinds(name):
    """The types a field takes: {int}, {float}, {int, NoneType}, {str} or the literals."""
    annotation = TrainConfig.model_fields[name].annotation
    return set(typing.get_args(annotation)) or {annotation}


def values(name):
    """Every valid value of one field that is valid whatever the others are."""
    knob = KNOBS[name]
    narrower = {
        "warmup_steps": st.one_of(st.floats(0, 1, exclude_max=True), st.integers(1, 1000).map(float)),
        "max_steps": st.one_of(st.none(), st.integers(1000, 10**9)),
        "test_fraction": st.floats(0, 0.08),
    }
    if name in narrower:
        return narrower[name]
    if knob.kind == "switch":
        return st.booleans()
    if knob.choices:
        return st.sampled_from(knob.choices)
    optional = [st.none()] if type(None) in kinds(name) else []
    if knob.minimum is None:
        return st.one_of(*optional, st.text(max_size=20))
    if float in kinds(name):
        return st.one_of(*optional, st.floats(knob.minimum, knob.maximum))
    return st.one_of(*optional, st.integers(int(knob.minimum), int(knob.maximum)))


def valid(fields):
    """A config of these fields; data that are read a buffer at a time get an end."""
    is_endless = fields.get("buffer_size") is not None and fields.get("max_steps") is None
    return TrainConfig(**fields | ({"max_steps": 1000} if is_endless else {}))


configs = st.fixed_dictionaries({}, optional={name: values(name) for name in KNOBS}).map(valid)
