"""Which backend a configuration means."""

import importlib.util

from engine.errors import CheckpointError
from g1train.config import Config, check_model
from g1train.inference.backend import Backend
from g1train.inference.scripted import PLAYERS, Scripted


def make(config: Config, model: str) -> Backend:
    """The backend of `config.node`, not yet started. `auto` is vLLM where it is installed, else transformers."""
    name = config.node.backend
    if name in PLAYERS:
        return Scripted(name)
    if not model:
        raise CheckpointError("no model to serve: give --model FOLDER or set model.path")
    check_model(model)
    if name == "auto":
        name = "vllm" if importlib.util.find_spec("vllm") else "transformers"
    if name == "vllm":
        from g1train.inference.vllm_backend import VllmBackend, VllmOptions

        node = config.node
        options = VllmOptions(
            dtype=config.model.dtype,
            max_model_len=node.max_model_len,
            max_num_seqs=node.max_num_seqs,
            gpu_memory_utilization=node.gpu_memory_utilization,
            tensor_parallel_size=node.tensor_parallel_size,
            num_threads=node.num_threads,
        )
        return VllmBackend(model, options)
    from g1train.inference.transformers_backend import TransformersBackend

    return TransformersBackend(model, config.model.dtype, config.node.num_threads)
