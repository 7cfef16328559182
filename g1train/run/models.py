"""What a person means by a model: a Hugging Face folder, a checkpoint, or a run, of which the newest checkpoint."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from g1train import config as configs
from g1train.config import Config, check_model


@dataclass(frozen=True, slots=True)
class Model:
    """`trained` is the configuration of the run that it comes from, if it comes from one."""

    name: str
    folder: Path
    trained: Config | None


def find_model(path: Path) -> Model:
    """Raises `CheckpointError` if there is none."""
    found = _newest(path / "checkpoints") if (path / "config.toml").is_file() else path
    folder = found / "model" if (found / "progress.json").is_file() else found
    check_model(folder)
    run = found.resolve().parent.parent / "config.toml"
    if folder == found or not run.is_file():
        return Model(found.resolve().name, folder, None)
    return Model(f"{run.parent.name}/{found.name}", folder, configs.load(run))


def _newest(checkpoints: Path) -> Path:
    """The last checkpoint that is whole; where there is none, the folder where they would be."""
    return max((found.parent for found in checkpoints.glob("[0-9]*/progress.json")), default=checkpoints)


def dtype_of(folder: Path) -> Literal["float32", "bfloat16"]:
    """bfloat16 where the model was saved so, else float32."""
    saved = msgspec.json.decode((folder / "config.json").read_bytes())
    return "bfloat16" if "bfloat16" in (saved.get("dtype"), saved.get("torch_dtype")) else "float32"
