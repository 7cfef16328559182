"""Who can play, as it is written on the command line, and how each is had to play.

    random legal greedy oracle planner   here, without a model      openai:MODEL@URL   any OpenAI-compatible endpoint
    checkpoint:FOLDER                    through a node of our own  node:ADDRESS       a node that runs already
    human:FILE[,FILE...]                 what people played, kept by `g1 play`

`other=checkpoint:FOLDER` calls a player `other`. A player is had by its `made`; those made alike share node and pool.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.replay import Turn
from engine.ticket import Ticket
from g1train.config import check_model
from g1train.evaluation.plan import PlannedPlayer
from g1train.inference.scripted import PLAYERS

Keep = Callable[[Ticket, Sequence[Turn], dict[str, Any]], None]
"""Takes what was played of a ticket, and what else is to be noted of it."""
KINDS = ("checkpoint", "node", "openai", "human")
_NAMED = re.compile(r"([\w.-]+)=(.+)")


def planned(text: str, temperatures: Sequence[float], max_tokens: int, options: dict[str, Any]) -> list[PlannedPlayer]:
    """The players that one --player means: a model at each temperature. Raises `ConfigError` for what none means."""
    named = _NAMED.fullmatch(text)
    name, made = (named[1], named[2]) if named else ("", text)
    kind, _, what = made.partition(":")
    if made in PLAYERS or kind == "human":
        return [PlannedPlayer(name or kind, made)]
    if kind not in KINDS or not what:
        known = ", ".join([*PLAYERS, *(f"{kind}:…" for kind in KINDS)])
        raise ConfigError(f"unknown player {text!r}; known: {known}; see `g1 eval --help`")
    if kind == "checkpoint":
        made = f"checkpoint:{model_folder(Path(what))}"
    name = name or _name(kind, what)
    extra = options if kind == "openai" else {}
    several = len(temperatures) > 1
    return [
        PlannedPlayer(f"{name}@{temperature:g}" if several else name, made, temperature, max_tokens, extra)
        for temperature in temperatures
    ]


def _name(kind: str, what: str) -> str:
    """A name that a file can have."""
    if kind == "node":
        return "node"
    if kind == "openai":
        return re.sub(r"[^\w.-]+", "-", model_and_url(what)[0]).strip("-")
    path = Path(what).resolve()
    return re.sub(r"[^\w.-]+", "-", path.parent.name if path.name == "model" else path.name)


def model_and_url(what: str) -> tuple[str, str]:
    """MODEL@URL; the model's name may hold an @ itself."""
    model, _, url = what.rpartition("@")
    if not model or not url.startswith(("http://", "https://")):
        raise ConfigError(f"openai:{what} is not of the form openai:MODEL@http://HOST:PORT/v1")
    return model, url


def model_folder(path: Path) -> Path:
    """The Hugging Face folder that is meant: itself, that of a checkpoint, or of a run's newest one."""
    if (path / "checkpoints").is_dir():
        found = sorted(one for one in (path / "checkpoints").iterdir() if (one / "model").is_dir())
        path = found[-1] if found else path / "checkpoints"
    return check_model(path / "model" if (path / "model" / "config.json").is_file() else path)
