"""Does it train: a short run learns, at a bearable pace, and comes out the same again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aitrain_nb.doctor.finding import AGAIN, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aitrain_nb.doctor.finding import Room


def training(room: Room) -> Iterator[Finding]:
    """A small network on the bundled digits, for as long as `room.seconds`."""
    from aitrain_nb.errors import StopTraining
    from aitrain_nb.run import prepare

    def watch(_: Any) -> None:
        if time.perf_counter() - began >= room.seconds:
            raise StopTraining("time is up")

    trainer = prepare(data="digits", model="small-cnn", epochs=1000)
    trainer.watchers.append(watch)
    began = time.perf_counter()
    trainer.fit(display="none")
    seconds, accuracy = time.perf_counter() - began, trainer.evaluate().accuracy
    pace = trainer.step / seconds
    what = f"{pace:.0f} steps/s for {seconds:.1f} s, validation accuracy {accuracy:.3f}"
    if trainer.step >= 100 and accuracy < 0.3:
        yield Finding("training", "bad", f"{what}: it doesn't learn", AGAIN)
    elif pace < 30:
        yield Finding("training", "warn", f"{what}: slow", "Close other programs; a lesson's cells expect 100 steps/s.")
    else:
        yield Finding("training", "good", what)


def same_again(_: Room) -> Iterator[Finding]:
    """Two short runs with one seed."""
    from aitrain_nb.run import prepare

    prints = []
    for _run in range(2):
        trainer = prepare(data="digits", model="small-cnn", max_steps=10, evaluate_every=0, seed=1)
        trainer.fit(display="none")
        prints.append(trainer.fingerprint())
    if prints[0] == prints[1]:
        yield Finding("same again", "good", f"two runs with one seed end in the same weights, {prints[0]}")
    else:
        what = f"two runs with one seed end in other weights, {prints[0]} and {prints[1]}"
        yield Finding("same again", "warn", what, "Use device='cpu' where numbers must come out the same.")
