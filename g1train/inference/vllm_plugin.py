"""What every vLLM process loads: our weight engine, the ban on vision tokens, and death with the parent.

vLLM calls `register` through the entry point `vllm.general_plugins` in the node, its EngineCore and its workers.
"""

import ctypes
import os
import signal
import sys
from typing import Any

WEIGHT_BACKEND = "g1_shm"
NODE_VARIABLE = "G1_INFERENCE_NODE"  # set by our node: other programs of this environment are left alone
WORKER_EXTENSION = "g1train.inference.vllm_worker.TransferReset"
BAN_PROCESSOR = "g1train.inference.vllm_worker:BanVisionTokens"
PR_SET_PDEATHSIG = 1


def register() -> None:
    """Entry point; idempotent, because vLLM may load its plugins more than once a process."""
    from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory

    if WEIGHT_BACKEND not in WeightTransferEngineFactory._registry:
        WeightTransferEngineFactory.register_engine(
            WEIGHT_BACKEND, "g1train.inference.vllm_worker", "SharedMemoryWeightEngine"
        )
    _guard_llvmlite()
    node = os.environ.get(NODE_VARIABLE)
    if node and int(node) != os.getpid():
        die_with_parent()


def _guard_llvmlite() -> None:
    """Let llvmlite's library proxy deny special names.

    It answers any attribute with a function of the library, `__dict__` too, and vLLM 0.32's search for kernels on CPU
    (`vllm.triton_utils.dispatcher`) reads `__dict__` of every attribute of every module, numba's among them.
    """
    from llvmlite.binding import ffi

    proxy = type(ffi.lib)
    if proxy.__getattr__.__name__ == "_deny_special":
        return
    look_up = proxy.__getattr__

    def _deny_special(self: Any, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return look_up(self, name)

    proxy.__getattr__ = _deny_special


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends, however that happens (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
