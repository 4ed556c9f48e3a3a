"""What a run needs of memory and time, found out when the kernel has nothing else to do: a form doesn't wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aitrain_nb.config import TrainConfig
    from aitrain_nb.previewing import Preview, Scout


class Foresight:
    """Looks ahead for a form, once at a time.

    Args:
        scout: that finds it out, and remembers it for the next previews.
        tell: called once something was found out.
    """

    def __init__(self, scout: Scout, tell: Callable[[], None]) -> None:
        self._scout, self._tell = scout, tell
        self._config: TrainConfig | None = None

    def look(self, config: TrainConfig, preview: Preview, in_turn: Callable[[Callable[[], None]], bool]) -> None:
        """Have it found out what this run needs, where its preview doesn't say it.

        Args:
            config: of the run.
            preview: of the run.
            in_turn: has something done on the kernel's main thread, after the cell that may be running there; says whether it will be.
        """
        if (preview.estimate is not None and preview.estimate.is_whole) or not self._scout.can_foresee(config):
            return
        is_waiting, self._config = self._config is not None, config
        if not is_waiting and not in_turn(self._find_out):
            self._config = None

    def _find_out(self) -> None:
        config, self._config = self._config, None
        assert config is not None
        self._scout.foresee(config)
        self._tell()
