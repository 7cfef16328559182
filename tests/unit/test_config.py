"""Configuration: shipped files load, mistakes are named, what is written is read back."""

from pathlib import Path

import pytest

from engine.errors import ConfigError
from g1train import config as configs

SHIPPED = sorted(Path("configs").rglob("*.toml"))


@pytest.mark.parametrize("path", SHIPPED, ids=str)
def test_every_shipped_file_loads(path: Path) -> None:
    assert configs.load(path).name


def test_there_are_shipped_files() -> None:
    assert Path("configs/nano/2048.toml") in SHIPPED


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    config = configs.load("configs/nano/2048.toml", ["rl.steps=7", "games.0.num_moves=3"])
    configs.save(config, tmp_path / "config.toml")
    assert configs.load(tmp_path / "config.toml") == config
    assert (config.rl.steps, config.games[0].num_moves) == (7, 3)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("rl.step=3", "unknown key 'rl.step'; did you mean 'rl.steps'?"),
        ("trainer.zero_stage=5", "trainer.zero_stage"),
        ("rl.steps=many", "rl.steps"),
        ('games.0.name="2084"', "did you mean '2048'?"),
        ("games.0.settings.tile_pix=28", "did you mean 'tile_px'?"),
        ("games.4.name=2048", "not a position in a list of 1"),
        ("name.first=3", "no section"),
        ("rl.steps", "key=value"),
        ("model.path=somewhere", "exactly one of model.path"),
        ("rl.num_minibatches=3", "rl.num_minibatches"),
    ],
)
def test_a_mistake_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configs.load("configs/nano/2048.toml", [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration"):
        configs.load(tmp_path / "none.toml")
    (tmp_path / "broken.toml").write_text("name = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        configs.load(tmp_path / "broken.toml")
