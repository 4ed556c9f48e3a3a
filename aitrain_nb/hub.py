"""Whether the Hugging Face hub is in reach, found out within three seconds: its libraries keep trying for a minute."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
import urllib.parse
import urllib.request

_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")
PATIENCE_SECONDS = 3.0
"""How long the hub is given to answer before it counts as out of reach."""
_GOOD_FOR_SECONDS = 30.0
_answers: dict[tuple[str, int], tuple[float, bool]] = {}


def switched_off() -> bool:
    """Whether the person has told the library to stay offline."""
    return any(os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"} for name in _OFFLINE)


def reachable() -> bool:
    """Whether the hub, or the proxy on the way to it, takes a connection within three seconds; good for half a minute."""
    if switched_off():
        return False
    way = _first_hop(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    asked, answer = _answers.get(way, (-math.inf, False))
    if time.monotonic() - asked > _GOOD_FOR_SECONDS:
        answer = _knock(*way)
        _answers[way] = time.monotonic(), answer
    return answer


def _knock(host: str, port: int) -> bool:
    answered = threading.Event()

    def knock() -> None:
        try:
            socket.create_connection((host, port), timeout=PATIENCE_SECONDS).close()
        except (OSError, ValueError):
            return
        answered.set()

    asking = threading.Thread(target=knock, name="aitrain-nb: is the hub there?", daemon=True)
    asking.start()  # looking up a name has no time limit of its own
    asking.join(PATIENCE_SECONDS)
    return answered.is_set()


def _first_hop(endpoint: str) -> tuple[str, int]:
    """Host and port that a request to the hub connects to."""
    address = urllib.parse.urlsplit(endpoint)
    host = address.hostname or "huggingface.co"
    proxy = urllib.request.getproxies().get(address.scheme or "https")
    if proxy and not urllib.request.proxy_bypass(host):
        through = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        return through.hostname or host, through.port or 80
    return host, address.port or (80 if address.scheme == "http" else 443)


def why_not() -> str:
    """Why the hub counts as out of reach, as the beginning of a sentence."""
    if switched_off():
        return f"{' or '.join(_OFFLINE)} is set"
    return f"It gave no connection (waited up to {PATIENCE_SECONDS:.0f} seconds)"
