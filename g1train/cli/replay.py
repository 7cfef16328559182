"""g1 replay: what people, models and players played, played again."""

from pathlib import Path
from typing import Annotated

import typer

from engine.errors import ConfigError
from g1train.cli.app import app

FPS = 2.0


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="A replay (.jsonl), or the rollouts of a run (.msgpack).")],
    episode: Annotated[int, typer.Option(min=1, help="Which one to begin with, or to export.")] = 1,
    export: Annotated[Path | None, typer.Option(help="Write a film (.gif or .mp4) instead; needs no window.")] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=60, help="States a second of the film.")] = FPS,
) -> None:
    """Look at what was played: the frame, and over it what the answer says it sees (wrong cells in red) and does.

    FILE is what g1 play, g1 watch and g1 eval keep, or one of a run's rollouts/*.msgpack.

    It is played again to be shown, and refused if it does not lead where it says.

    Keys: Left, Right, PageUp, PageDown, Home and End move; Space plays, + and - change the speed.

    Up and Down choose the episode, Tab another answer to the same state.

    O shows the oracle's answer, T the truth, W the words as they are; Q quits.
    """
    from engine.play import film, viewer
    from g1train.run.rollouts import read_episodes

    try:
        episodes = read_episodes(file)
        if episode > len(episodes):
            there_are = "there is 1 episode" if len(episodes) == 1 else f"there are {len(episodes)} episodes"
            raise ConfigError(f"{there_are} in {file}; --episode {episode} is none of them")
        if export is None:
            viewer.main(episodes, episode - 1)
            return
        number = film.export(viewer.Viewer(episodes, episode - 1), export, fps)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    print(f"wrote {export}: {number} states, {number / fps:.1f} s")
