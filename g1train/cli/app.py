"""The program `g1`, to which each file of this room adds its subcommand, and the options that several share."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError

app = typer.Typer(
    name="g1",
    help="Reinforcement learning of vision-language models on visual games.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigPath = Annotated[Path, typer.Argument(help="Configuration, such as configs/nano/2048.toml.")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override one key, such as rl.steps=10; repeatable.")
]
Parent = Annotated[int | None, typer.Option(hidden=True, help="Process id to die with.")]


def quiet_threads() -> None:
    """Set the environment that keeps torch and its neighbours from taking each other's cores, before they load."""
    from g1train.run.services import quiet_threads as settings

    os.environ.update(settings())


def check_writable(folder: Path, option: str) -> None:
    """Raises `ConfigError` for a folder in which no game can be kept, before one is played."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = f"no game can be kept in {folder}: {error.strerror}"
        raise ConfigError(f"{reason}; choose another folder with {option}") from error
