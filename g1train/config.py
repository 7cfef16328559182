"""One frozen, typed configuration: defaults < file < `--set key=value`.

    configs/nano/2048.toml ──load──▶ Config ──▶ every process; as resolved it is written to <run>/config.toml

An unknown key, a wrong type or a value out of range is a `ConfigError` that names the key and the nearest known one.
"""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import msgspec
import tomli_w

from engine.errors import CheckpointError, ConfigError
from engine.start import make_game
from engine.ticket import MAX_TEMPERATURE, MIN_TEMPERATURE, GameSpec, Sampling, Setting

Positive = Annotated[int, msgspec.Meta(ge=1)]
NonNegative = Annotated[int, msgspec.Meta(ge=0)]
Rate = Annotated[float, msgspec.Meta(gt=0)]
Temperature = Annotated[float, msgspec.Meta(ge=MIN_TEMPERATURE, le=MAX_TEMPERATURE)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all sections."""


class GameMix(Section, frozen=True):
    """One game of the mixture; tickets choose among the games by weight."""

    name: str
    settings: dict[str, Setting] = {}
    num_moves: NonNegative = 100  # random moves before a start state (paper: 100 for 2048, 250 Shisen-Sho, 0 Swap)
    weight: Rate = 1.0

    @property
    def spec(self) -> GameSpec:
        return GameSpec(self.name, self.settings)


class ModelConfig(Section, frozen=True):
    """Where the policy comes from: a Hugging Face folder, or a tiny model made on the spot."""

    path: str = ""
    nano: str = ""  # size of the model to build where `path` is empty: "1m" or "100k"
    dtype: Literal["float32", "bfloat16"] = "float32"


class OptimConfig(Section, frozen=True):
    """AdamW and its schedule. The learning rate rises over `warmup` steps, then stays or falls along a cosine."""

    lr: Rate = 1e-6
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    max_grad_norm: Rate = 1.0
    warmup: NonNegative = 0
    schedule: Literal["constant", "cosine"] = "constant"


class TeacherConfig(Section, frozen=True):
    """What a demonstration holds: the oracle's action except for a share `error_rate` of random ones, the true board as
    perception, and a rationale or none."""

    error_rate: Share = 0.0
    rationale: bool = True


class StageConfig(Section, frozen=True):
    """Supervised fine-tuning on demonstrations: the base stage of a nano model, and the cold start."""

    steps: NonNegative = 0
    batch_size: Positive = 32
    num_demonstrations: Positive = 1000
    optim: OptimConfig = OptimConfig(lr=2e-5)
    teacher: TeacherConfig = TeacherConfig()


class LossConfig(Section, frozen=True):
    """The objective of RL, each choice by itself; see g1train/learn/loss.py."""

    advantage: Literal["grpo", "dr_grpo", "rloo", "reinforce++"] = "grpo"
    ratio: Literal["token", "sequence"] = "token"
    clip: Literal["symmetric", "higher", "cispo"] = "symmetric"
    clip_low: Share = 0.2
    clip_high: Rate = 0.2
    aggregation: Literal["token", "sequence", "micro_batch"] = "token"
    kl: Literal["k1", "k2", "k3"] = "k3"
    kl_weight: float = 0.01
    correction: Literal["off", "truncate", "mask"] = "off"
    correction_cap: Rate = 2.0


class RewardConfig(Section, frozen=True):
    """R = GR + alpha FR + beta PR (the paper: alpha 1, beta 0)."""

    alpha: float = 1.0
    beta: float = 0.0


class RlConfig(Section, frozen=True):
    """GRPO: every step plays `num_groups` states with `num_samples` answers each and updates the policy once."""

    steps: NonNegative = 0
    num_groups: Positive = 128
    num_samples: Annotated[int, msgspec.Meta(ge=2)] = 5
    num_minibatches: Positive = 1
    temperature: Temperature = 1.0
    max_tokens: Positive = 2048
    optim: OptimConfig = OptimConfig()
    loss: LossConfig = LossConfig()
    reward: RewardConfig = RewardConfig()

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.temperature, self.max_tokens)


class EvaluationConfig(Section, frozen=True):
    """States from the evaluation split with several answers each, and the paper's score protocol."""

    num_states: Positive = 512
    num_samples: Positive = 8
    temperature: Annotated[float, msgspec.Meta(ge=0, le=MAX_TEMPERATURE)] = 1.0  # 0 is greedy
    num_episodes: NonNegative = 100  # of each game; the paper reports ten
    num_turns: Positive = 100


class NodeConfig(Section, frozen=True):
    """The inference node. `auto` takes vLLM where it can be imported and `transformers` elsewhere."""

    backend: Literal["auto", "vllm", "transformers", "random", "legal", "greedy", "oracle"] = "auto"
    address: str = "tcp://127.0.0.1:5756"
    max_model_len: Positive | None = None
    max_num_seqs: Positive = 256
    gpu_memory_utilization: Share = 0.85
    tensor_parallel_size: Positive = 1
    num_threads: NonNegative = 0  # 0: as many as there are cores


class PoolConfig(Section, frozen=True):
    """The pool of workers on this host."""

    num_workers: Positive = 2
    capacity: Positive = 64  # tickets in flight a worker


class TrainerConfig(Section, frozen=True):
    """The DeepSpeed learner."""

    address: str = "tcp://127.0.0.1:5755"
    # The trainer's secret key file (`g1 keys`), for --external: needed where address or node.address is not loopback,
    # and wise on a machine with other users. Node and pool of our own talk where only this user can.
    keys: str = ""
    zero_stage: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0  # 1 shards the optimiser; more needs more ranks than one
    rows_per_micro_batch: Positive = 8  # prompts (each with all its answers) a forward pass
    logit_chunk: Positive = 4096  # answer tokens whose logits over the vocabulary are held at once
    freeze_vision: bool = False
    checkpoint_every: NonNegative = 50  # steps; 0 writes one at the end of each stage only
    num_threads: NonNegative = 0
    transfer_timeout_s: Rate = 120.0


class Config(Section, frozen=True):
    """A whole run."""

    name: str
    games: list[GameMix]
    seed: NonNegative = 0
    model: ModelConfig = ModelConfig()
    base: StageConfig = StageConfig()
    coldstart: StageConfig = StageConfig()
    rl: RlConfig = RlConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    node: NodeConfig = NodeConfig()
    pool: PoolConfig = PoolConfig()
    trainer: TrainerConfig = TrainerConfig()


def load(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a TOML file and apply overrides such as `rl.steps=10`. Raises `ConfigError`."""
    file = Path(path)
    try:
        data = tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration at {file}; shipped ones are under configs/") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from error
    for override in overrides:
        _apply(data, override)
    return from_dict(data, source=str(file))


def from_dict(data: dict[str, Any], source: str = "the configuration") -> Config:
    """Check and convert. Raises `ConfigError` naming the key, and the nearest known one where it is unknown."""
    _check_keys(data, Config, source, "")
    try:
        config = msgspec.convert(data, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_named(str(error))}") from error
    _check_meaning(config, source)
    return config


def check_model(path: str | Path) -> Path:
    """The folder of a model, looked at before anything heavy is loaded. Raises `CheckpointError` if it is none."""
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise CheckpointError(
            f"there is no model at {folder} (no config.json); give model.path or --model a Hugging Face folder of a "
            'Qwen2.5-VL, or train with model.nano = "1m" and no path'
        )
    return folder


def save(config: Config, path: Path) -> None:
    """Write `config` as TOML that `load` reads back to an equal value; all of it or nothing."""
    unfinished = path.with_name(f".{path.name}.tmp")
    unfinished.write_text(tomli_w.dumps(_without_none(msgspec.to_builtins(config))))
    unfinished.replace(path)


def parse_settings(overrides: Sequence[str]) -> dict[str, Any]:
    """`rows=8` and the like as a dict. Raises `ConfigError`."""
    return dict(map(_pair, overrides))


def _pair(override: str) -> tuple[str, Any]:
    """Key and value; the value is TOML, or else a bare word."""
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"--set {override!r} is not of the form key=value, such as rl.steps=10")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text


def _apply(data: dict[str, Any], override: str) -> None:
    key, value = _pair(override)
    *path, last = key.split(".")
    section: Any = data
    for part in path:
        section = _child(section, part, override)
    _child(section, last, override)
    section[int(last) if isinstance(section, list) else last] = value


def _child(section: Any, part: str, override: str) -> Any:
    if isinstance(section, list):
        if not part.isdigit() or int(part) >= len(section):
            raise ConfigError(f"--set {override!r}: {part!r} is not a position in a list of {len(section)}")
        return section[int(part)]
    if not isinstance(section, dict):
        raise ConfigError(f"--set {override!r}: {part!r} lies below a value that is no section")
    return section.setdefault(part, {})


def _check_keys(data: Any, struct: type, source: str, prefix: str) -> None:
    if not isinstance(data, dict):
        return  # a wrong type is msgspec's to report
    hints = get_type_hints(struct)
    for key, value in data.items():
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.0)[0]
            raise ConfigError(f"{source}: unknown key '{prefix}{key}'; did you mean '{prefix}{near}'?")
        if isinstance(hints[key], type) and issubclass(hints[key], Section):
            _check_keys(value, hints[key], source, f"{prefix}{key}.")
        elif key == "games" and isinstance(value, list):
            for number, game in enumerate(value):
                _check_keys(game, GameMix, source, f"games.{number}.")


def _named(message: str) -> str:
    """msgspec's "... - at `$.rl.steps`" as "rl.steps: ..."."""
    text, separator, path = message.partition(" - at `$")
    return f"{path.strip('.`')}: {text}" if separator else text


def _check_meaning(config: Config, source: str) -> None:
    if not config.games:
        raise ConfigError(f'{source}: games is empty; name at least one, such as [[games]] name = "2048"')
    for number, game in enumerate(config.games):
        try:
            made = make_game(game.spec)
        except ValueError as error:
            raise ConfigError(f"{source}: games.{number}: {error}") from error
        if (config.model.nano or config.base.steps or config.coldstart.steps) and not made.offers("oracle"):
            raise ConfigError(
                f"{source}: games.{number}: {game.name} offers no oracle to demonstrate anything; "
                "give a model.path, and set base.steps and coldstart.steps to 0"
            )
    if bool(config.model.path) == bool(config.model.nano):
        raise ConfigError(f"{source}: set exactly one of model.path (a folder) and model.nano (a size such as '1m')")
    if 0 < config.evaluation.temperature < MIN_TEMPERATURE:
        raise ConfigError(f"{source}: evaluation.temperature is 0 (greedy) or at least {MIN_TEMPERATURE}")
    if config.rl.num_groups % config.rl.num_minibatches:
        raise ConfigError(
            f"{source}: rl.num_groups {config.rl.num_groups} does not divide into rl.num_minibatches "
            f"{config.rl.num_minibatches} equal parts"
        )


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
