"""The prompt: our expansion, the processor's, and the tokens that may never be sampled."""

from pathlib import Path

import pytest
from transformers import AutoConfig

from engine.net.wire import Frame, Turn
from g1train.inference.prompt import chat_text, prompt_token_ids
from g1train.learn.policy import load_tokenizer
from g1train.learn.tokens import banned_token_ids
from tests.models import IMAGE, frame

TURN = Turn("2048", Frame("pixels", 112, 112, b""))


def test_one_token_for_each_cell_of_the_frame(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    ids = prompt_token_ids(tokenizer, [TURN], [frame(1)], IMAGE)
    assert ids.count(IMAGE) == 16
    assert tokenizer.decode([token for token in ids if token != IMAGE]).count("<|vision_end|>") == 1


def test_turns_alternate(tiny_model: Path) -> None:
    text = chat_text(load_tokenizer(tiny_model), [TURN, Turn("up"), TURN])
    assert text.count("<|image_pad|>") == 2
    assert text.index("assistant") < text.index("up")
    assert text.endswith("assistant\n")


def test_as_many_places_as_images(tiny_model: Path) -> None:
    with pytest.raises(ValueError, match="1 places for images but 0 images"):
        prompt_token_ids(load_tokenizer(tiny_model), [TURN], [], IMAGE)


def test_all_vision_tokens_are_banned(tiny_model: Path) -> None:
    tokenizer = load_tokenizer(tiny_model)
    names = tokenizer.convert_ids_to_tokens(banned_token_ids(AutoConfig.from_pretrained(tiny_model)))
    assert set(names) == {"<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>"}
