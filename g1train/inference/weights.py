"""From the trainer to the node: weights through shared memory, then a proof that they arrived.

    policy ──▶ safetensors files in /dev/shm, whole layers each ──▶ init · start · update... · finish ──▶ node
    probe prompt ──▶ node answers greedily ──▶ its log-probabilities against the trainer's own

The node's side is g1train/inference/vllm_worker.py (vLLM) or transformers_backend.py. Every phase has a deadline,
kept by the client; a file is removed as soon as the node has read it. A transfer that broke off is begun again with
`start`, which every node takes at any time.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.errors import WeightsError
from engine.net.wire import Answer, Ask, Turn
from engine.ticket import Sampling
from g1train.inference.client import NodeClient
from g1train.learn.batch import Row
from g1train.learn.learner import Learner
from g1train.run import scratch

CHUNK_BYTES = 1 << 30
TOLERANCE = {"float32": 1e-4, "bfloat16": 0.5}
REMEDY = "free some memory there (`df -h /dev/shm` shows it, docker: --shm-size), or make it writable"
PROBE = Sampling(temperature=0.0, max_tokens=16)


def send_weights(learner: Learner, client: NodeClient, version: int) -> None:
    """Make the node serve the learner's policy as `version`. Raises `TransferError` when a phase fails or times out,
    and `WeightsError` if there is no room for the weights."""
    client.init_weight_transfer_engine({})
    client.start_weight_update()
    with _room() as folder:
        for tensors in _chunks(learner.policy.model):
            path = _write(tensors, folder)
            client.update_weights({"path": str(path)})
            path.unlink()
    client.finish_weight_update(str(version))


def probe(learner: Learner, client: NodeClient, turn: Turn, image: np.ndarray, version: int) -> float:
    """Largest difference between the node's and the trainer's log-probabilities on one greedy answer.

    The same frame is asked about after every transfer, so a stale cache of its embedding shows, too. Raises
    `WeightsError` if the difference says that the node runs other weights, and `ConnectError` if it gives no answer.
    """
    ask = Ask(0, [turn], 1, 0, PROBE.temperature, PROBE.max_tokens, version)
    answer = client.ask_once(ask)
    gap = mismatch(learner, answer, image)
    limit = TOLERANCE[learner.dtype]
    if not gap <= limit:  # also when it is not a number
        raise WeightsError(
            f"after the transfer of policy version {version} the node's log-probabilities differ from the trainer's by "
            f"{gap:.2g} (limit {limit:.0e}): it does not run the weights that were sent; restart the node"
        )
    return gap


def mismatch(learner: Learner, answer: Answer, image: np.ndarray) -> float:
    """Largest absolute difference over the answer's tokens."""
    sample = answer.samples[0]
    row = Row(answer.prompt_token_ids, [image], [sample.token_ids], [1.0])
    ours = learner.logprobs([row]).cpu()
    return float((ours - torch.tensor(sample.logprobs)).abs().max())


def _chunks(model: torch.nn.Module) -> Iterator[dict[str, Any]]:
    """Parameters by name, cut into parts of about `CHUNK_BYTES` at borders of layers only.

    vLLM fuses the matrices of a layer, and a layer that gets part of its tensors is silently wrong.
    """
    chunk: dict[str, torch.Tensor] = {}
    size, last_layer = 0, ""
    for name, parameter in model.named_parameters():
        found = re.match(r".*?\.(?:layers|blocks)\.\d+\.", name)
        layer = found.group() if found else name
        if size > CHUNK_BYTES and layer != last_layer:
            yield chunk
            chunk, size = {}, 0
        chunk[name] = parameter.detach().cpu().contiguous()
        size += parameter.numel() * parameter.element_size()
        last_layer = layer
    yield chunk


@contextmanager
def _room() -> Iterator[Path]:
    """A folder in shared memory, for as long as a transfer takes."""
    where = scratch.shared_memory()
    try:
        room = scratch.Scratch(f"g1-weights-{os.getpid()}-", where)
    except OSError as error:
        raise WeightsError(f"cannot write weights to {where}: {error.strerror}; {REMEDY}") from error
    try:
        yield room.path
    finally:
        room.remove()


def _write(tensors: dict[str, torch.Tensor], folder: Path) -> Path:
    path = folder / "weights.safetensors"
    needed, free = sum(tensor.nbytes for tensor in tensors.values()), shutil.disk_usage(folder).free
    try:
        if needed > free:
            raise OSError(f"they have {needed >> 20} MB and {free >> 20} MB are free")
        save_file(tensors, path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot write weights to {folder.parent}: {error}; {REMEDY}") from error
    return path
