"""A replay as a film, without a window: `g1 replay FILE --export FILE.gif` or .mp4; each state is one picture.

Pillow writes GIF, imageio MP4 (H.264), with the ffmpeg of imageio-ffmpeg: `pip install 'g1-vlm[video]'`.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.play.paint import pygame
from engine.play.screen import Scene, Screen, size_for
from engine.play.viewer import Viewer

Picture = npt.NDArray[np.uint8]


def export(viewer: Viewer, path: Path, fps: float) -> int:
    """Write the episode that `viewer` stands at, all or nothing; the number of pictures.

    Raises `ConfigError` for another ending than .gif and .mp4, where a library is missing, and where it cannot be.
    """
    ending = path.suffix.lower()
    if ending not in WRITERS:
        raise ConfigError(f"{path} ends neither in .gif nor in .mp4")
    unfinished = path.with_name(f".{path.stem}.tmp{ending}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        WRITERS[ending](unfinished, pictures(viewer), fps)
        os.replace(unfinished, path)
    except ImportError as error:
        raise ConfigError(f"films need {error.name}: pip install 'g1-vlm[video]'") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return viewer.last + 1


def _write_gif(path: Path, shown: Iterable[Picture], fps: float) -> None:
    """256 colours a picture, the nearest to its own: dots would make up for others, but make files large."""
    from PIL import Image

    few = (
        Image.fromarray(one).quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for one in shown
    )
    next(few).save(path, save_all=True, append_images=few, duration=1000 / fps, loop=0)


def _write_mp4(path: Path, shown: Iterable[Picture], fps: float) -> None:
    import imageio.v2 as imageio
    import imageio_ffmpeg  # noqa: F401 - imageio finds it by itself, or says nothing that helps

    film: Any = imageio.get_writer(path, fps=fps, macro_block_size=2, quality=8, ffmpeg_log_level="error")
    with film:
        for one in shown:
            film.append_data(one)


WRITERS: dict[str, Callable[[Path, Iterable[Picture], float], None]] = {".gif": _write_gif, ".mp4": _write_mp4}


def pictures(viewer: Viewer) -> Iterator[Picture]:
    """uint8[height, width, 3] of each state, as the window would show it, less what is there to be clicked on."""
    width, height = size_for(viewer.scene())
    surface = pygame.Surface((width // 2 * 2, height // 2 * 2))  # H.264 wants even sides
    screen = Screen(surface)
    for place in range(viewer.last + 1):
        viewer.seek(place / max(viewer.last, 1))
        screen.draw(_still(viewer.scene()))
        yield pygame.surfarray.array3d(surface).swapaxes(0, 1)


def _still(scene: Scene) -> Scene:
    return replace(scene, panel=replace(scene.panel, buttons=(), keys=""))
