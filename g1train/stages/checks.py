"""What can be known before a run starts and would stop it later, as one line each."""

import json
import os
from pathlib import Path

from engine.errors import ConfigError
from engine.game import start_states
from engine.net.wire import Turn
from engine.rollout.episode import frame_of
from engine.start import make_game
from g1train.config import Config, GameMix
from g1train.inference.prompt import prompt_token_ids
from g1train.learn.policy import load_tokenizer


def check_ranks() -> None:
    """Raises `ConfigError` where a launcher has started several of us."""
    size = os.environ.get("WORLD_SIZE", "1")
    if size != "1":
        raise ConfigError(
            f"WORLD_SIZE is {size}, but training on several ranks is not built yet: start one process, without a "
            "launcher such as torchrun or deepspeed"
        )


def check_length(config: Config, model: Path) -> None:
    """Raises `ConfigError` if the longest prompt and its answer do not fit into what the node takes."""
    limit = config.node.max_model_len
    if limit is None:
        return
    for number, game in enumerate(config.games):
        length = prompt_length(game, model)
        needed = length + config.rl.max_tokens
        if needed > limit:
            raise ConfigError(
                f"games.{number} ({game.name}): a prompt of {length} tokens and rl.max_tokens {config.rl.max_tokens} "
                f"make {needed}, but node.max_model_len is {limit}: set it to {needed} or more, or ask for shorter "
                "answers or smaller frames"
            )


def prompt_length(game: GameMix, model: Path) -> int:
    """Tokens of a prompt, which is as long for every state of a game."""
    made = make_game(game.spec)
    record = start_states(made, [0], 0)
    turn = Turn(made.prompt, frame_of(made, record))
    image_token = json.loads((model / "config.json").read_text())["image_token_id"]
    return len(prompt_token_ids(load_tokenizer(model), [turn], [made.render(record)[0]], image_token))
