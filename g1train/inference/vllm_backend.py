"""The vLLM backend of the inference node: one `AsyncLLM`, fed continuously.

    Ask ──▶ chat template, frame ──▶ AsyncLLM.generate(n = num_samples) ──▶ token ids, log-probabilities
    WeightCall init · start (pause, drop caches) · update · finish (resume) ──▶ the engine in vllm_worker.py

The only file of this process that imports vLLM, and only when it starts.
"""

import json
import os
from typing import Any

import msgspec
import numpy as np

from engine.errors import ConfigError, WeightsError
from engine.net.wire import Ask, Sample, WeightCall, pack_ids
from g1train.inference.backend import BackendError
from g1train.inference.prompt import chat_text, check_images
from g1train.inference.vllm_plugin import BAN_PROCESSOR, NODE_VARIABLE, WEIGHT_BACKEND, WORKER_EXTENSION


class VllmOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the engine; `None` leaves the choice to vLLM or to what the machine has."""

    dtype: str = "auto"
    max_model_len: int | None = None
    max_num_seqs: int = 256
    max_images: int = 1
    gpu_memory_utilization: float = 0.85
    tensor_parallel_size: int = 1
    weight_backend: str = WEIGHT_BACKEND
    cpu_kv_cache_gib: int = 1
    num_threads: int = 0  # of a CPU build; 0: one per core


class VllmBackend:
    """`Backend` over vLLM; see g1train/inference/backend.py for the protocol."""

    name = "vllm"
    needs_state = False

    def __init__(self, model: str, options: VllmOptions | None = None) -> None:
        self.model = model
        self.options = options or VllmOptions()
        self._num_asks = 0
        self._engine: Any = None
        self._tokenizer: Any = None

    async def start(self) -> None:
        """Load the model; tens of seconds. Raises `ConfigError` where vLLM is not installed."""
        _set_environment(self.options)
        try:
            from vllm import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ImportError as error:
            raise ConfigError(
                f"vLLM cannot be imported ({error}); install the extra 'cpu' or 'gpu', "
                "or set node.backend = 'transformers'"
            ) from error
        args = AsyncEngineArgs(**self.engine_options(), disable_log_stats=True)
        self._engine = AsyncLLM.from_engine_args(args)
        self._tokenizer = self._engine.get_tokenizer()

    def engine_options(self) -> dict[str, Any]:
        """vLLM's own words for our options; its offline `LLM` takes the same."""
        from vllm.platforms import current_platform

        options = self.options
        return {
            "model": self.model,
            "dtype": options.dtype,
            "max_model_len": options.max_model_len,
            "max_num_seqs": options.max_num_seqs,
            "gpu_memory_utilization": options.gpu_memory_utilization,
            "tensor_parallel_size": options.tensor_parallel_size,
            "limit_mm_per_prompt": {"image": options.max_images, "video": 0},
            "logits_processors": [BAN_PROCESSOR],
            "logprobs_mode": "processed_logprobs",
            "generation_config": "vllm",
            "weight_transfer_config": {"backend": options.weight_backend},
            "worker_extension_cls": WORKER_EXTENSION,
            "enforce_eager": current_platform.is_cpu(),
            # A seeded request whose prompt is cut in two rewinds its generator, which a CPU generator cannot do.
            "enable_chunked_prefill": False if current_platform.is_cpu() else None,
        }

    async def generate(self, ask: Ask, images: list[np.ndarray]) -> tuple[bytes, list[Sample]]:
        """Answers of one ask; concurrent calls share vLLM's batch. A greedy ask is answered once and repeated."""
        try:
            return await self._generate(ask, images)
        except Exception as error:
            if self._engine.errored:
                raise BackendError(f"vLLM's engine is dead: {error!r}") from error
            raise

    async def _generate(self, ask: Ask, images: list[np.ndarray]) -> tuple[bytes, list[Sample]]:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        check_images(images)
        greedy = ask.temperature == 0.0
        params = SamplingParams(
            n=1 if greedy else ask.num_samples,
            temperature=ask.temperature,
            max_tokens=ask.max_tokens,
            seed=ask.seed,
            logprobs=0,
            stop_token_ids=[self._tokenizer.eos_token_id],
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        prompt: dict[str, Any] = {"prompt": chat_text(self._tokenizer, ask.turns)}
        if images:
            prompt["multi_modal_data"] = {"image": list(images)}
        self._num_asks += 1
        outputs = [one async for one in self._engine.generate(prompt, params, request_id=f"ask-{self._num_asks}")]
        if not outputs:
            raise RuntimeError("vLLM ended a request without an output")
        output = outputs[-1]
        samples = [_as_sample(completion) for completion in sorted(output.outputs, key=lambda o: o.index)]
        return pack_ids(output.prompt_token_ids), samples * ask.num_samples if greedy else samples

    async def weight_call(self, call: WeightCall) -> None:
        """One phase of a transfer. Between `start` and `finish` the engine is paused and its caches are dropped: cached
        vision embeddings are keyed by the picture alone and would outlive the weights that made them."""
        try:
            await self._weight_phase(call)
        except WeightsError:
            raise
        except Exception as error:  # whatever vLLM raises must reach the trainer, by name
            if self._engine.errored:
                raise BackendError(f"vLLM's engine is dead: {error!r}") from error
            raise WeightsError(f"vLLM failed in phase '{call.phase}' of a weight transfer: {error!r}") from error

    async def _weight_phase(self, call: WeightCall) -> None:
        from vllm.distributed.weight_transfer.base import WeightTransferInitRequest, WeightTransferUpdateRequest

        info = json.loads(call.info)
        if call.phase == "init":
            await self._engine.init_weight_transfer_engine(WeightTransferInitRequest(init_info=info))
        elif call.phase == "start":
            await self._engine.pause_generation(mode="wait", clear_cache=True)
            await self._engine.collective_rpc("reset_weight_update")
            await self._engine.start_weight_update()
        elif call.phase == "update":
            await self._engine.update_weights(WeightTransferUpdateRequest(update_info=info))
        elif call.phase == "finish":
            await self._engine.finish_weight_update(weight_version=str(call.version))
            await self._engine.resume_generation()
        elif call.phase == "confirm":
            await self._engine.update_weight_version(str(call.version))

    async def stop(self) -> None:
        """End the EngineCore and its workers."""
        if self._engine is not None:
            self._engine.shutdown()
            self._engine = None


def _set_environment(options: VllmOptions) -> None:
    os.environ[NODE_VARIABLE] = str(os.getpid())
    if options.num_threads:
        os.environ["OMP_NUM_THREADS"] = str(options.num_threads)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", str(options.cpu_kv_cache_gib))
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")


def _as_sample(completion: Any) -> Sample:
    if completion.finish_reason not in ("stop", "length"):
        raise RuntimeError(f"vLLM ended an answer with {completion.finish_reason!r}")
    token_ids = list(completion.token_ids)
    logprobs = [step[token].logprob for step, token in zip(completion.logprobs, token_ids, strict=True)]
    return Sample.of(completion.text, token_ids, logprobs, completion.finish_reason)
