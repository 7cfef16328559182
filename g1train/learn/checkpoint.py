"""Checkpoints: written whole or not at all, found again by number.

    checkpoints/000123-rl/   progress.json (stage, step, policy version, results so far)
                             learner/      (DeepSpeed's state: policy, optimiser, reference)
                             model/        (the policy as an ordinary Hugging Face folder)

A folder is written under a temporary name and renamed; what a crash leaves behind is ignored and removed. Tickets,
random numbers and data order all follow from the run's seed and the step, so nothing else has to be kept: between two
steps no ticket is outstanding.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import CheckpointError
from g1train.learn.learner import Learner

KEEP = 3  # besides the last of each stage
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "video_preprocessor_config.json",
    "processor_config.json",
    "generation_config.json",
)


class Progress(msgspec.Struct, frozen=True):
    """Where a run stands: `step` optimiser steps of `stage` are done, of `num_steps`; `results` by player so far;
    `logs` are the bytes of each of the run's logs."""

    number: int
    stage: str
    step: int
    finished: bool
    version: int
    results: dict[str, Any]
    logs: dict[str, int] = {}


def save(folder: Path, progress: Progress, learner: Learner, source_model: Path) -> Path:
    """Write a checkpoint below `folder`; tokenizer and processor are copied from `source_model`."""
    target = folder / f"{progress.number:06d}-{progress.stage}"
    temporary = folder / f".{target.name}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    learner.save(temporary / "learner")
    export(learner, temporary / "model", source_model)
    (temporary / "progress.json").write_bytes(msgspec.json.format(msgspec.json.encode(progress)))
    shutil.rmtree(target, ignore_errors=True)
    os.replace(temporary, target)
    _prune(folder, progress.stage)
    return target


def export(learner: Learner, folder: Path, source_model: Path) -> None:
    """The policy as a Hugging Face folder that transformers and vLLM load."""
    learner.policy.model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (source_model / name).is_file() and not (folder / name).exists():
            shutil.copy2(source_model / name, folder / name)


def latest(folder: Path) -> Path | None:
    """The newest whole checkpoint, or None; half-written ones are removed."""
    if not folder.is_dir():
        return None
    for rest in folder.glob(".*.tmp"):
        shutil.rmtree(rest, ignore_errors=True)
    found = sorted(path for path in folder.iterdir() if (path / "progress.json").is_file())
    return found[-1] if found else None


def read(path: Path) -> Progress:
    """Raises `CheckpointError` if the folder holds no progress that can be read."""
    try:
        return msgspec.json.decode((path / "progress.json").read_bytes(), type=Progress)
    except (OSError, msgspec.DecodeError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint: {error}; remove it to fall back to the one before"
        ) from error


def _prune(folder: Path, stage: str) -> None:
    """Of the stage under way the newest `KEEP` stay, of stages before it the last."""
    by_stage: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        by_stage.setdefault(path.name.partition("-")[2], []).append(path)
    for name, paths in by_stage.items():
        for path in paths[: -(KEEP if name == stage else 1)]:
            shutil.rmtree(path)
