"""How files are damaged at random: their bytes, the values in them, and the files themselves."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import random
    from pathlib import Path

TOKENS = [
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc3\x28",
    b'"',
    b'""',
    b"'",
    b"\r",
    b"\r\n",
    b"\n\n\n",
    b"\t",
    b";",
    b",,,,",
    b"|",
    b"\x1a",
    b"\x0c",
    "\u2028".encode(),
    "\u202e".encode(),
    "\U0001f4a9".encode(),
    b"nan",
    b"-inf",
    b"1e999",
    b"9" * 400,
    b"-0",
    b"true",
    b"null",
    b"{}",
    b"[[[[[",
    b"[" * 3000,
    b'{"a":' * 2000,
    b"&a [*a, *a]",
    b"!!python/object/apply:os.system [echo]",
    b"%s%n",
    b"../../outside/secret.csv",
    b"/etc/passwd",
    b"C:\\data\\x.csv",
    b"~",
    b"<script>alert(1)</script>",
    b"=1+1",
    b"2024-02-31",
    b"99999999999999999999",
    b"0x7f",
    b"1_000",
    b"PAR1",
    b"PK\x03\x04",
    b"\x80\x04\x95",
    b"\x89PNG\r\n\x1a\n",
    b"a" * 70_000,
    b"True",
    b"None",
    b"---\n",
    b"...",
    b"<<: ",
    b": ",
    b"- ",
]
VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    10**30,
    -(10**400),
    0.5,
    float("nan"),
    float("inf"),
    -1e308,
    1e-320,
    "",
    " ",
    "nan",
    "x",
    "a" * 5000,
    "..",
    "/",
    "../../outside/secret.csv",
    "../outside",
    "a\0b",
    "\ud800",
    "\u2028",
    "<b>x</b>",
    "1",
    "digits",
    "mlp",
    [],
    {},
    [[]],
    [1, 2],
    ["a", None],
    {"a": 1},
    {"": {}},
    [{}] * 3,
    {"tensor": "x"},
    {"entries": [[1]]},
    [None] * 40,
]


def damaged(chance: random.Random, folder: Path, outside: Path, least: int = 0) -> None:
    """Damage some files below the folder.

    Args:
        chance: where the dice come from.
        folder: of the case.
        outside: a folder that a link may lead to.
        least: of places; with 0 some cases stay whole.
    """
    for _ in range(max(least, chance.choice((0, 1, 1, 1, 2, 4)))):
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        if not paths:
            return
        path = chance.choice(paths)
        how = chance.choices((_bytes, _values, _file), (5, 5, 1))[0]
        how(chance, path, paths, outside)


def mutated(chance: random.Random, data: bytes) -> bytes:
    """The bytes, damaged at a few places."""
    held = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        place, length = chance.randrange(len(held) + 1), chance.choice((1, 2, 8, 64, 1024))
        match chance.randrange(8):
            case 0 if held:
                held[place % len(held)] ^= 1 << chance.randrange(8)
            case 1:
                held[place : place + length] = b""
            case 2:
                held[place:place] = chance.choice(TOKENS)
            case 3:
                held[place:place] = chance.randbytes(length)
            case 4:
                held[place:place] = held[place // 2 : place // 2 + length]
            case 5:
                del held[place:]
            case 6:
                held[place : place + length] = chance.choice(TOKENS)
            case _:
                other = chance.randrange(len(held) + 1)
                held[place : place + length], held[other : other + length] = (
                    held[other : other + length],
                    held[place : place + length],
                )
    return bytes(held)


def changed(chance: random.Random, value: Any) -> Any:
    """The value with one of its parts of another kind, gone, twice, or under another name."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        name = chance.choice(list(value))
        fresh = dict(value)
        match chance.randrange(6):
            case 0:
                del fresh[name]
            case 1:
                fresh[chance.choice(("", "x", "label", "step", "__class__"))] = fresh.pop(name)
            case 2:
                fresh[name] = chance.choice(VALUES)
            case _:
                fresh[name] = changed(chance, fresh[name])
        return fresh
    if isinstance(value, list) and value and chance.random() < 0.9:
        fresh_list, place = list(value), chance.randrange(len(value))
        match chance.randrange(6):
            case 0:
                del fresh_list[place]
            case 1:
                fresh_list.insert(place, fresh_list[place])
            case 2:
                fresh_list = fresh_list * 3
            case _:
                fresh_list[place] = changed(chance, fresh_list[place])
        return fresh_list
    return chance.choice(VALUES)


def _bytes(chance: random.Random, path: Path, *_: Any) -> None:
    path.write_bytes(mutated(chance, path.read_bytes()))


def _values(chance: random.Random, path: Path, *_: Any) -> None:
    """Other values where the file has a form that we can write; else bytes."""
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix in {".json"}:
            text = json.dumps(changed(chance, json.loads(text)))
        elif path.suffix in {".yaml", ".yml"}:
            text = yaml.safe_dump(changed(chance, yaml.safe_load(text)), sort_keys=False)
        elif path.suffix in {".jsonl", ".ndjson"}:
            lines = text.splitlines()
            place = chance.randrange(len(lines))
            lines[place] = json.dumps(changed(chance, json.loads(lines[place])))
            text = "\n".join(lines) + "\n"
        elif path.suffix in {".csv", ".tsv"}:
            text = _other_cells(chance, text)
        elif path.suffix == ".safetensors":
            raise ValueError  # noqa: TRY301  as bytes, in its header
        else:
            _bytes(chance, path)
            return
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    except (ValueError, RecursionError, IndexError, yaml.YAMLError):
        _header(chance, path)


def _other_cells(chance: random.Random, text: str) -> str:
    separator = max(",;\t|", key=text.count)
    rows = [line.split(separator) for line in text.split("\n")]
    for _ in range(chance.choice((1, 3, 30))):
        row = chance.choice(rows)
        place = chance.randrange(len(row))
        match chance.randrange(5):
            case 0:
                del row[place]
            case 1:
                row.insert(place, row[place])
            case 2:
                rows.insert(chance.randrange(len(rows)), list(row))
            case _:
                row[place] = str(chance.choice(VALUES))
        rows = [row for row in rows if row] or [[""]]
    return "\n".join(separator.join(row) for row in rows)


def _header(chance: random.Random, path: Path) -> None:
    """Damage only the first bytes, where most files say what they are."""
    data = path.read_bytes()
    size = min(len(data), chance.choice((16, 400, 4000)))
    path.write_bytes(mutated(chance, data[:size]) + data[size:])


def _file(chance: random.Random, path: Path, paths: list[Path], outside: Path) -> None:
    """The file is gone, empty, a folder, a link, another one, or under another name."""
    match chance.randrange(8):
        case 0:
            path.unlink()
        case 1:
            path.write_bytes(b"")
        case 2:
            path.unlink()
            path.mkdir()
        case 3:
            path.unlink()
            path.symlink_to(chance.choice((path.name, "..", outside / "secret.csv", outside, "nowhere")))
        case 4:
            shutil.copyfile(chance.choice(paths), path.with_name("copy"))
            path.with_name("copy").replace(path)
        case 5:
            other = chance.choice(("a b.csv", "x" * 200, "\u202egpj.exe", "-rf", "it's.json", "..csv", "n\nl.txt"))
            path.rename(path.with_name(other))
        case 6:
            path.chmod(0)
        case _:
            draft = path.with_name(f".{path.name[:100]}.draft")
            draft.unlink(missing_ok=True)
            draft.symlink_to(outside / "secret.csv")
