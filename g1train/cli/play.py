"""g1 play: a game in a window."""

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError
from g1train import config as configs
from g1train.cli.app import app, check_writable
from g1train.cli.games import games


@app.command()
def play(
    game: Annotated[str | None, typer.Argument(help="Game, such as 2048, shisen or swap.")] = None,
    level: Annotated[str, typer.Option(help="Such as hard, or perception:hard,reasoning:easy.")] = "normal",
    seed: Annotated[int, typer.Option(min=0, help="The same seed is the same game.")] = 0,
    overrides: Annotated[
        list[str], typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as rows=8; repeatable.")
    ] = [],  # noqa: B006
    plays: Annotated[Path, typer.Option(help="Where played games are kept.")] = Path("runs/plays"),
    listing: Annotated[bool, typer.Option("--list", help="List games, settings and levels instead.")] = False,
) -> None:
    """Play a game in a window that shows what a model would see. Keys: see the window's right side."""
    if listing:
        games()
        return
    if game is None:
        raise ConfigError("which game? `g1 play --list` says what there is")
    check_writable(plays, "--plays")
    from engine.play import window as playing

    try:
        kept = playing.main(game, level, seed, configs.parse_settings(overrides), plays)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if kept is not None:
        print(f"kept in {kept}; see it again with: g1 replay {kept}")
