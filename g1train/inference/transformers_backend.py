"""The node's backend where vLLM is not installed: plain transformers, one ask at a time.

Slower than vLLM, but its answers depend on the ask alone (weights, prompt, seed), never on what else is in flight:
whole runs repeat bit for bit on a CPU.
"""

import asyncio
import json
import threading
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from engine.errors import WeightsError
from engine.net.wire import Ask, Sample, WeightCall, pack_ids
from g1train.inference.prompt import check_images, prompt_token_ids
from g1train.learn.batch import cut_patches, prompt_positions
from g1train.learn.policy import load_model, load_tokenizer
from g1train.learn.tokens import banned_token_ids


class TransformersBackend:
    """`Backend` over transformers; see g1train/inference/backend.py for the protocol."""

    name = "transformers"
    needs_state = False

    def __init__(self, model: str, dtype: str = "float32", num_threads: int = 0) -> None:
        self.folder = model
        self.dtype = dtype
        self.num_threads = num_threads
        self._model: Any = None
        self._tokenizer: Any = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Load the model. Raises `CheckpointError`."""
        if self.num_threads:
            torch.set_num_threads(self.num_threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = load_model(self.folder, self.dtype).to(device).eval()
        self._tokenizer = load_tokenizer(self.folder)

    async def generate(self, ask: Ask, images: list[np.ndarray]) -> tuple[bytes, list[Sample]]:
        """Answers of one ask, in a thread so that the node's loop goes on beating. Cancelled, it ends with the token
        that it is at: until then nobody else has the model."""
        check_images(images)
        stop = threading.Event()
        async with self._lock:
            answering = asyncio.ensure_future(asyncio.to_thread(self._generate, ask, images, stop))
            try:
                return await asyncio.shield(answering)
            finally:
                stop.set()
                await asyncio.wait([answering])

    async def weight_call(self, call: WeightCall) -> None:
        """Load a file of tensors in phase `update`; the other phases need nothing here."""
        if call.phase != "update":
            return
        path = json.loads(call.info)["path"]
        async with self._lock:
            try:
                result = self._model.load_state_dict(load_file(path), strict=False)
            except (OSError, RuntimeError) as error:
                raise WeightsError(f"the weights at {path} cannot be loaded: {error}") from error
            if result.unexpected_keys:
                raise WeightsError(f"the node's model has no parameter {result.unexpected_keys[0]!r}")

    async def stop(self) -> None:
        """Let the model go."""
        self._model = None

    @torch.inference_mode()
    def _generate(self, ask: Ask, images: list[np.ndarray], stop: threading.Event) -> tuple[bytes, list[Sample]]:
        config = self._model.config
        prompt_ids = prompt_token_ids(self._tokenizer, ask.turns, images, config.image_token_id)
        ids, logprobs = _Decoder(self._model, ask, prompt_ids, images).run(self._tokenizer.eos_token_id, stop)
        samples = []
        for tokens, values in zip(ids, logprobs, strict=True):
            ended = tokens[-1] == self._tokenizer.eos_token_id
            text = self._tokenizer.decode(tokens, skip_special_tokens=True)
            samples.append(Sample.of(text, tokens, values, "stop" if ended else "length"))
        return pack_ids(prompt_ids), samples


class _Decoder:
    """One ask being answered: n siblings side by side on one key-value cache."""

    def __init__(self, model: Any, ask: Ask, prompt_ids: list[int], images: list[np.ndarray]) -> None:
        self.model, self.ask = model, ask
        self.device = model.device
        self.banned = torch.tensor(banned_token_ids(model.config), device=self.device)
        self.generator = torch.Generator().manual_seed(ask.seed)
        self.prompt_ids, self.images = prompt_ids, images
        self.cache: Any = None

    def run(self, eos: int, stop: threading.Event) -> tuple[list[list[int]], list[list[float]]]:
        """Token ids and log-probabilities of every sibling, each up to its end-of-turn token or as far as it may go."""
        count = self.ask.num_samples
        logits, position = self._prompt()
        ids: list[list[int]] = [[] for _ in range(count)]
        logprobs: list[list[float]] = [[] for _ in range(count)]
        done = [False] * count
        room = self.model.config.get_text_config().max_position_embeddings - position
        for _ in range(min(self.ask.max_tokens, max(room, 1))):
            tokens, values = self._choose(logits)
            for sibling, (token, value) in enumerate(zip(tokens.tolist(), values.tolist(), strict=True)):
                if not done[sibling]:
                    ids[sibling].append(token)
                    logprobs[sibling].append(value)
                    done[sibling] = token == eos
            if all(done) or stop.is_set():
                break
            logits, position = self._next(tokens, position), position + 1
        return ids, logprobs

    def _prompt(self) -> tuple[torch.Tensor, int]:
        patches, grid = cut_patches(self.images)
        image_token = self.model.config.image_token_id
        cells = [(int(rows) // 2, int(columns) // 2) for _, rows, columns in grid.tolist()]
        positions = prompt_positions(self.prompt_ids, cells, image_token)[:, None].to(self.device)
        ids = torch.tensor([self.prompt_ids], device=self.device)
        output = self.model(
            input_ids=ids,
            position_ids=positions,
            mm_token_type_ids=(ids == image_token).int(),
            pixel_values=patches.to(self.device) if self.images else None,
            image_grid_thw=grid.to(self.device) if self.images else None,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache = output.past_key_values
        self.cache.batch_repeat_interleave(self.ask.num_samples)
        logits = output.logits[:, -1].expand(self.ask.num_samples, -1)
        return logits, int(positions.max()) + 1

    def _next(self, tokens: torch.Tensor, position: int) -> torch.Tensor:
        count = self.ask.num_samples
        output = self.model(
            input_ids=tokens[:, None].to(self.device),
            position_ids=torch.full((3, count, 1), position, device=self.device),
            past_key_values=self.cache,
            use_cache=True,
        )
        return torch.as_tensor(output.logits[:, -1])

    def _choose(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        scale = self.ask.temperature or 1.0
        logp = (logits.float() / scale).index_fill(1, self.banned, float("-inf")).log_softmax(-1).cpu()
        if self.ask.temperature == 0.0:
            tokens = logp.argmax(-1)
        else:
            tokens = torch.multinomial(logp.exp(), 1, generator=self.generator)[:, 0]
        return tokens, logp.gather(1, tokens[:, None])[:, 0]
