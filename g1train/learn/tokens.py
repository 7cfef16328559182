"""Which tokens a policy may never sample; the node and the trainer mask the same ones."""

from typing import Any


def banned_token_ids(config: Any) -> list[int]:
    """Ids of the vision tokens of a Qwen2.5-VL configuration (`transformers` config object), ascending."""
    names = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    return sorted({int(getattr(config, name)) for name in names if getattr(config, name, None) is not None})
