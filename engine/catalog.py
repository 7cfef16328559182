"""What there is to play: games, their settings and levels, as data and as tables for `g1 games` and `g1 play --list`.

for entry in catalog(): print(entry.name, entry.title, entry.levels)
print_catalog()
"""

import ast
import importlib
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from engine import levels
from engine.game import REGISTRY, game_names


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set: its type as written, its default, and its line of explanation."""

    name: str
    kind: str
    default: Any
    doc: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One game; `levels` holds what each level sets, by axis and level name, `normal` being the defaults."""

    name: str
    title: str
    settings: tuple[Setting, ...]
    levels: dict[str, dict[str, dict[str, Any]]]


def catalog() -> list[Entry]:
    """All games, by name."""
    return [_entry(name) for name in game_names()]


def _entry(name: str) -> Entry:
    module = importlib.import_module(REGISTRY[name])
    declared: levels.Levels = module.LEVELS
    by_axis = {
        axis: {level: dict(declared.get(axis, {}).get(level, {})) for level in levels.of(declared, axis)}
        for axis in levels.AXES
    }
    title = (module.__doc__ or name).split(":")[0]
    return Entry(name, title, tuple(_settings(module.Settings)), by_axis)


def _settings(struct: type[msgspec.Struct]) -> list[Setting]:
    """The fields of a settings struct, the game's own before those of all games."""
    docs: dict[str, tuple[str, str]] = {}
    for kind in reversed(struct.__mro__[: struct.__mro__.index(msgspec.Struct)]):
        docs |= _docs(kind)
    own = list(struct.__annotations__)
    fields = {field.name: field.default for field in msgspec.structs.fields(struct)}
    names = own + [name for name in fields if name not in own]
    return [Setting(name, docs[name][0], fields[name], docs[name][1]) for name in names]


def _docs(struct: type) -> dict[str, tuple[str, str]]:
    """Type and docstring of each field that a class declares, from its source, where field docstrings stay."""
    found: dict[str, tuple[str, str]] = {}
    body = ast.parse(textwrap.dedent(inspect.getsource(struct))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field, text in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            written = text.value.value if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) else ""
            found[field.target.id] = ast.unparse(field.annotation), " ".join(str(written).split())
    return found


def tables(entry: Entry) -> list[Table]:
    """A table of a game's settings and one of its levels, for rich to print."""
    settings = Table("setting", "default", "meaning", title=f"{entry.name}: {entry.title}", title_justify="left")
    for setting in entry.settings:
        settings.add_row(setting.name, _plain(setting.default), setting.doc)
    named = Table("axis", "level", "what it sets", title=f"{entry.name}: levels", title_justify="left")
    for axis, by_name in entry.levels.items():
        for level, changes in by_name.items():
            said = ", ".join(f"{name}={_plain(value)}" for name, value in changes.items())
            named.add_row(axis, level, said or "the defaults")
        named.add_section()
    return [settings, named]


def print_catalog(console: Console | None = None) -> None:
    """Every game's tables."""
    console = console or Console()
    for entry in catalog():
        for table in tables(entry):
            console.print(table)
    console.print("levels compose: --level hard, --level perception:hard,reasoning:easy; settings override them")


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "-" if value is None else str(value)
