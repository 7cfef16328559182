"""Levels compose, errors name what is near, and what a level adds to a picture follows from the board alone."""

import itertools
from typing import Any

import numpy as np
import pytest

import engine
from engine import levels
from engine.catalog import catalog, print_catalog
from engine.levels import chosen_levels, settings_of
from engine.render.perception import Perception

LEVELS: levels.Levels = {
    "perception": {"easy": {"noise": 0}, "hard": {"noise": 9}},
    "reasoning": {"hard": {"rows": 8}, "extreme": {"rows": 9}},
}


@pytest.mark.parametrize(
    ("level", "settings"),
    [
        ("normal", {}),
        ("easy", {"noise": 0}),
        ("hard", {"noise": 9, "rows": 8}),
        ("extreme", {"rows": 9}),
        ("perception:hard", {"noise": 9}),
        ("reasoning:extreme, perception:easy", {"rows": 9, "noise": 0}),
        ("perception:normal,reasoning:normal", {}),
    ],
)
def test_levels_compose(level: str, settings: dict[str, Any]) -> None:
    assert settings_of(level, LEVELS) == settings


@pytest.mark.parametrize(
    ("level", "message"),
    [
        ("hrad", "unknown level 'hrad'; did you mean 'hard'"),
        ("perception:hrad", "unknown level of perception 'hrad'; did you mean 'hard'"),
        ("percepton:hard", "unknown axis of difficulty 'percepton'; did you mean 'perception'"),
        ("perception:extreme", "unknown level of perception 'extreme'; known: easy, normal, hard"),
        ("perception:hard,perception:easy", "names perception twice"),
        ("", "unknown level ''"),
    ],
)
def test_errors_name_the_nearest(level: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings_of(level, LEVELS)


def test_a_game_without_levels_has_only_normal() -> None:
    assert chosen_levels("normal", {}) == {"perception": "normal", "reasoning": "normal"}
    with pytest.raises(ValueError, match="unknown level 'hard'"):
        settings_of("hard", {})


@pytest.mark.parametrize("entry", catalog(), ids=lambda entry: entry.name)
def test_every_level_of_every_game(entry: Any) -> None:
    axes = [{name for level in entry.levels[axis].values() for name in level} for axis in levels.AXES]
    assert not axes[0] & axes[1]
    for names in itertools.product(*(entry.levels[axis] for axis in levels.AXES)):
        game = engine.make(entry.name, level=",".join(map(":".join, zip(levels.AXES, names, strict=True))))
        if "normal" in names or names[0] == names[1]:
            draws = game.sprites(game.reset([3]))
            assert (draws.dtype, len(draws)) == (game.draw_dtype, 1)
        assert game.draw_dtype.itemsize < 1024
    overridden = engine.make(entry.name, level="hard", noise=3, tile_px=28)
    assert (overridden.settings["noise"], overridden.settings["tile_px"]) == (3, 28)


@pytest.mark.parametrize("name", engine.game_names())
def test_pictures_of_a_hard_level_follow_from_the_board(name: str) -> None:
    game = engine.make(name, level="perception:extreme", tile_px=28)
    state = engine.start_states(game, [1, 2], 5)
    siblings = engine.branch(state, 2, rng="split")
    frames = game.render(siblings)
    assert np.array_equal(frames[::2], frames[1::2])
    assert not np.array_equal(frames[0], frames[2])
    assert np.array_equal(frames[2:3], game.render(state[1:]))
    assert game.sprites(state).tobytes() == game.sprites(siblings[::2]).tobytes()
    noises = game.sprites(state)["noise"]
    assert noises[0] != noises[1]


@pytest.mark.parametrize(
    "bad", [{"nearness": 91}, {"noise": -1}, {"jitter": 21}, {"distractors": 101}, {"tile_px": 30}]
)
def test_perception_out_of_range(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(bad))}="):
        Perception(**bad)  # type: ignore[arg-type]


def test_catalog_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    entries = {entry.name: entry for entry in catalog()}
    assert list(entries) == engine.game_names()
    noise = next(setting for setting in entries["2048"].settings if setting.name == "noise")
    assert (noise.kind, noise.default) == ("int", 0)
    assert noise.doc.startswith("Each byte of the picture")
    for entry in entries.values():
        assert all(setting.doc for setting in entry.settings)
        assert {setting.name for setting in entry.settings} == set(engine.make(entry.name).settings)
    print_catalog()
    assert "nearness=35" in capsys.readouterr().out
