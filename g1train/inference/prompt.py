"""From the turns of an ask to the text that a chat model sees; the one place that does it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.net.wire import Turn

CELL_PIXELS = 28  # side of one image token of Qwen2.5-VL: 14-pixel patches merged 2 x 2


def chat_text(tokenizer: Any, turns: Sequence[Turn]) -> str:
    """The chat template over user and assistant turns, ending where the answer begins.

    `turns` alternate, beginning with the user's; a frame stands before the text of its turn.
    """
    messages = []
    for number, turn in enumerate(turns):
        content = ([{"type": "image"}] if turn.frame is not None else []) + [{"type": "text", "text": turn.text}]
        messages.append({"role": "assistant" if number % 2 else "user", "content": content})
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))


def check_images(images: Sequence[np.ndarray]) -> None:
    """Raises `ValueError` for a frame that is not made of whole image tokens: a model would scale it, or die of it."""
    for image in images:
        height, width = image.shape[:2]
        if height % CELL_PIXELS or width % CELL_PIXELS:
            raise ValueError(f"a frame of {height} x {width} pixels; a model takes multiples of {CELL_PIXELS}")


def prompt_token_ids(
    tokenizer: Any, turns: Sequence[Turn], images: Sequence[np.ndarray], image_token: int
) -> list[int]:
    """The prompt's ids with each image placeholder expanded to one token per cell of 28 x 28 pixels of its frame.

    Equal to what vLLM's processor makes of the same prompt. Raises `ValueError` if placeholders and images differ in
    number.
    """
    ids = tokenizer(chat_text(tokenizer, turns), add_special_tokens=False)["input_ids"]
    if ids.count(image_token) != len(images):
        raise ValueError(f"a prompt has {ids.count(image_token)} places for images but {len(images)} images came")
    counts = iter(image.shape[0] // CELL_PIXELS * (image.shape[1] // CELL_PIXELS) for image in images)
    expanded: list[int] = []
    for token in ids:
        expanded += [token] * (next(counts) if token == image_token else 1)
    return expanded
