"""The parts of ours that run inside vLLM's workers: receiving weights, and banning vision tokens.

    trainer: safetensors file in shared memory ──update_weights({"path": ...})──▶ SharedMemoryWeightEngine ──▶ model

Written against vLLM 0.32; `tests/e2e/test_vllm_node.py` holds every name used here to account.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from safetensors import safe_open
from vllm.config import set_current_vllm_config
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.model_executor.layers.vocab_parallel_embedding import VocabParallelEmbedding
from vllm.model_executor.model_loader.reload import finalize_layerwise_reload, initialize_layerwise_reload
from vllm.v1.sample.logits_processor import BatchUpdate, LogitsProcessor

from g1train.learn.tokens import banned_token_ids


@dataclass
class InitInfo(WeightTransferInitInfo):  # type: ignore[misc, unused-ignore]
    """Nothing to agree on: the file says all."""


@dataclass
class UpdateInfo(WeightTransferUpdateInfo):  # type: ignore[misc, unused-ignore]
    """`path` of a safetensors file on this host; whole vLLM layers only (q, k and v of a layer together)."""

    path: str


class SharedMemoryWeightEngine(WeightTransferEngine[InitInfo, UpdateInfo]):  # type: ignore[misc, unused-ignore]
    """Loads weights from files in shared memory, on CPU and GPU, for trainers on the same host."""

    init_info_cls = InitInfo
    update_info_cls = UpdateInfo

    def init_transfer_engine(self, init_info: InitInfo) -> None:
        """No rendezvous is needed."""

    def start_weight_update(self) -> None:
        """Put the model's layers back to the checkpoint's layout, so that packed ones can be loaded again."""
        initialize_layerwise_reload(self.model)

    def update_weights(self, update_info: dict[str, Any]) -> None:
        """As the base class, without its device synchronisation, which a CPU build does not have."""
        self.receive_weights(self.parse_update_info(update_info))
        if self.device.type != "cpu":
            torch.accelerator.synchronize()

    def receive_weights(self, update_info: UpdateInfo) -> None:
        """Load one file; the model's own mapper renames and fuses."""
        self.model.load_weights(_tensors(update_info.path))

    def finish_weight_update(self) -> None:
        """Pack the layers again. A tied output head keeps a packed copy of its own, which nobody else refreshes."""
        finalize_layerwise_reload(self.model, self.model_config)
        for module in self.model.modules():
            if isinstance(module, VocabParallelEmbedding):
                module.quant_method.process_weights_after_loading(module)

    def shutdown(self) -> None:
        """Nothing is held between updates."""


class TransferReset:
    """Mixed into vLLM's worker, which has no way back from a transfer that was not finished."""

    def reset_weight_update(self: Any) -> None:
        """Give up the transfer under way, if there is one. Layers that were loaded in part become some of both, so
        nothing may be served before a whole transfer."""
        engine = self.weight_transfer_engine
        with set_current_vllm_config(self.vllm_config):
            finalize_layerwise_reload(engine.model, engine.model_config)
        engine.reset_weight_update_target()
        self._weight_update_active = False


def _tensors(path: str) -> Iterator[tuple[str, torch.Tensor]]:
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - the handle is no mapping
            yield name, file.get_tensor(name)


class BanVisionTokens(LogitsProcessor):  # type: ignore[misc, unused-ignore]
    """Vision tokens can never be sampled: one in an answer breaks the next forward pass of the trainer.

    An engine-wide processor costs one masked write a step; a list of banned words would cost one a request.
    """

    def __init__(self, vllm_config: Any, device: torch.device, is_pin_memory: bool) -> None:
        ids = banned_token_ids(vllm_config.model_config.hf_config)
        self.banned = torch.tensor(ids, device=device, dtype=torch.long)

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """In place, logits[num_requests, vocabulary]."""
        return logits.index_fill_(1, self.banned, float("-inf"))

    def is_argmax_invariant(self) -> bool:
        """Greedy answers must not contain them either."""
        return False

    def update_state(self, batch_update: BatchUpdate | None) -> None:
        """No state a request."""
