"""The backend without vLLM: what is asked of it that has no end, and what is no longer wanted."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from engine.net import wire
from g1train.inference import transformers_backend as module
from g1train.inference.transformers_backend import TransformersBackend
from g1train.learn.tokens import banned_token_ids
from tests.models import frame

ASK = wire.Ask(1, [wire.Turn("Play.", wire.Frame("pixels", 112, 112, b""))], 2, 7, 1.0, wire.MAX_TOKENS)
Scenario = Callable[[TransformersBackend], Coroutine[Any, Any, None]]


@pytest.fixture
def played(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Scenario, int], None]:
    """Run a scenario with a model that never ends an answer and has room for so many positions."""

    def play(scenario: Scenario, num_positions: int) -> None:
        async def started() -> None:
            backend = TransformersBackend(str(tiny_model))
            await backend.start()
            end = backend._tokenizer.eos_token_id
            monkeypatch.setattr(module, "banned_token_ids", lambda config: [*banned_token_ids(config), end])
            backend._model.config.get_text_config().max_position_embeddings = num_positions
            async with asyncio.timeout(60.0):
                await scenario(backend)

        asyncio.run(started())

    return play


def test_an_answer_ends_where_the_model_does(played: Callable[[Scenario, int], None]) -> None:
    async def scenario(backend: TransformersBackend) -> None:
        prompt, samples = await backend.generate(ASK, [frame(1)])
        lengths.append(len(prompt) // 4)
        assert [sample.finish for sample in samples] == ["length", "length"]
        assert {sample.num_tokens for sample in samples} < set(range(30, 61))

    lengths: list[int] = []
    played(scenario, 60)
    assert lengths[0] < 60


def test_what_is_no_longer_wanted_ends(played: Callable[[Scenario, int], None]) -> None:
    async def scenario(backend: TransformersBackend) -> None:
        unwanted = asyncio.create_task(backend.generate(ASK, [frame(1)]))
        await asyncio.sleep(0.2)
        unwanted.cancel()
        await asyncio.gather(unwanted, return_exceptions=True)
        assert unwanted.cancelled()
        backend._model.config.get_text_config().max_position_embeddings = 40
        assert (await backend.generate(ASK, [frame(1)]))[1]

    played(scenario, 1 << 20)
