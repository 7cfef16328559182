"""What of a verified group is still no answer of this policy is seen by its tokens."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from transformers import AutoConfig

from engine.net import wire
from engine.ticket import GameSpec, Sampling
from g1train.learn.tokens import TokenCheck, banned_token_ids
from g1train.tickets.rollout import OneGame, group_tickets
from tests import groups
from tests.models import IMAGE, PROMPT

GAME = OneGame(GameSpec("2048", {"tile_px": 28, "strip": False}), num_moves=20)  # a frame of 4 x 4 image tokens


@pytest.fixture(scope="module")
def config(tiny_model: Path) -> Any:
    return AutoConfig.from_pretrained(tiny_model)


def test_tokens_that_this_policy_cannot_have_sampled(config: Any) -> None:
    check, (ticket,) = TokenCheck(config), group_tickets(1, "tokens", 0, 1, [GAME], 2, sampling=Sampling(1.0, 5))
    (played,) = groups.played([ticket])

    def flaw(prompt: list[int], *answers: list[int]) -> str:
        samples = [wire.Sample.of("", ids, [0.0] * len(ids)) for ids in answers]
        one = msgspec.structs.replace(played.rounds[0], prompt=wire.pack_ids(prompt), samples=samples)
        return check(ticket, msgspec.structs.replace(played, rounds=[one]))

    size = config.get_text_config().vocab_size
    assert flaw(PROMPT, [40, 2], [size - 1]) == ""
    assert flaw(PROMPT, [40, 2], [size]) == f"it has the token {size}, and the vocabulary has {size}"
    assert flaw([*PROMPT, size + 7], [40], [41]) == f"it has the token {size + 7}, and the vocabulary has {size}"
    for banned in banned_token_ids(config):
        assert flaw(PROMPT, [40, banned], [41]) == "it has a vision token in an answer"
    assert flaw([*PROMPT, IMAGE], [40], [41]) == "a prompt of it holds 17 image tokens, and its frame needs 16"
    assert flaw(PROMPT, [40] * 6, [41]) == "an answer of it has 6 tokens, and 5 were asked for"
