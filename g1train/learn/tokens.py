"""Which tokens a policy may never sample, which the node and the trainer mask alike; and which it can have sampled."""

from typing import Any

import numpy as np

from engine.net import wire
from engine.ticket import Ticket
from g1train.learn.batch import CELL


def banned_token_ids(config: Any) -> list[int]:
    """Ids of the vision tokens of a Qwen2.5-VL configuration (`transformers` config object), ascending."""
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return sorted({int(getattr(config, name)) for name in names if getattr(config, name, None) is not None})


class TokenCheck:
    """Says what is wrong with the tokens of a group of answers for this policy: before they are learnt from."""

    def __init__(self, config: Any) -> None:
        """`config` is a Qwen2.5-VL's."""
        self._vocabulary = int(config.get_text_config().vocab_size)
        self._image_token = int(config.image_token_id)
        self._banned = np.array(banned_token_ids(config), np.int32)

    def __call__(self, ticket: Ticket, group: wire.Group) -> str:
        """Empty if nothing is wrong."""
        for one in group.rounds:
            prompt = np.frombuffer(one.prompt, "<i4")
            answers = np.frombuffer(b"".join([sample.tokens for sample in one.samples]), "<i4")
            if (highest := max(prompt.max(), answers.max())) >= self._vocabulary:
                return f"it has the token {highest}, and the vocabulary has {self._vocabulary}"
            if np.isin(answers, self._banned).any():
                return "it has a vision token in an answer"
            found = int((prompt == self._image_token).sum())
            wanted = one.frame.height // CELL * (one.frame.width // CELL)
            if found != wanted:
                return f"a prompt of it holds {found} image tokens, and its frame needs {wanted}"
            if (longest := max(sample.num_tokens for sample in one.samples)) > ticket.sampling.max_tokens:
                return f"an answer of it has {longest} tokens, and {ticket.sampling.max_tokens} were asked for"
        return ""
