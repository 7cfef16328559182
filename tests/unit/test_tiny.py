"""Games of every kind, through Gymnasium and the play window: one with hidden state and one-cell actions, one without
an atlas (tests/tiny). The contract is in tests/games, workers in test_worker.py."""

import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import gymnasium
import numpy as np
import pygame
import pytest
import transformers
from gymnasium.utils.env_checker import check_env

import engine
from engine.answer import compose
from engine.catalog import catalog
from engine.errors import ConfigError
from engine.game import Game
from engine.gym.env import G1Env
from engine.gym.vector import G1VectorEnv
from engine.play.screen import open_screen
from engine.play.session import Session as PlaySession
from engine.play.viewer import Viewer
from engine.play.window import Player
from engine.replay import Try, play_again, read
from engine.rollout.episode import frame_of
from engine.rollout.response import score
from engine.ticket import GameSpec
from g1train.config import GameMix, TeacherConfig, from_dict
from g1train.stages.session import Session
from g1train.stages.teacher import demonstrations
from g1train.tickets.dispatch import Dispatcher
from g1train.tickets.rollout import OneGame, group_tickets
from tests import processes, tiny
from tests.unit.test_env import same
from tests.unit.test_play import cell_places, drag, press

pytestmark = pytest.mark.usefixtures("tiny_games", "unseen_window")
NAMES = sorted(tiny.GAMES)


def player(tmp_path: Path, name: str, seed: int = 3) -> Player:
    session = PlaySession(name, "normal", seed, tiny.SMALL[name], tmp_path)
    made = Player(session)
    made.screen = open_screen(made.scene())
    made.screen.draw(made.scene())
    return made


def small(name: str) -> Game:
    return engine.make(name, **tiny.SMALL[name])


@pytest.mark.parametrize("name", NAMES)
def test_gymnasium(name: str) -> None:
    check_env(G1Env(name, render_mode="rgb_array", action_mask=True, **tiny.SMALL[name]), skip_render_check=True)
    ours = G1VectorEnv(name, num_envs=4, start_moves=1, **tiny.SMALL[name])
    theirs = gymnasium.vector.SyncVectorEnv([lambda: G1Env(name, start_moves=1, **tiny.SMALL[name])] * 4)
    assert np.array_equal(ours.reset(seed=3)[0], theirs.reset(seed=3)[0])
    ours.action_space.seed(1)
    for _ in range(20):
        actions = ours.action_space.sample()
        mine, wanted = ours.step(actions), theirs.step(actions)
        assert all(same(one, other) for one, other in zip(mine[:4], wanted[:4], strict=True))


def test_one_cell_by_mouse_and_by_keyboard(tmp_path: Path) -> None:
    who = player(tmp_path, "mines")
    safe = np.argwhere(who.session.state["mines"][0] == 0)
    places = cell_places(who)
    assert len(places) == 25
    row, col = safe[0].tolist()
    drag(who, places[row, col])
    assert (who.session.actions, who.view.chosen) == ([5 * row + col], None)
    press(who, pygame.K_u, pygame.K_RIGHT)
    press(who, *[pygame.K_DOWN] * row, *[pygame.K_RIGHT] * col, pygame.K_RETURN)
    assert (who.session.actions, "reward +1" in who.view.message) == ([5 * row + col], True)
    press(who, pygame.K_h, pygame.K_t)
    assert (who.session.hints, who.view.message) == (0, "mines has no hints")
    for row, col in np.argwhere(who.session.state["mines"][0]).tolist()[:1]:
        drag(who, places[row, col])
    assert who.session.ended
    assert play_again(next(read(who.session.path)))[1][-1:].tobytes() == who.session.state.tobytes()


def test_a_game_without_cells_is_played_by_arrows_digits_and_drags(tmp_path: Path) -> None:
    who = player(tmp_path, "line", seed=42)  # from 2 to 7
    press(who, pygame.K_h)
    assert who.view.hint == "right: walker 2 goal 7 so right"
    press(who, pygame.K_RIGHT, pygame.K_LEFT, pygame.K_1, pygame.K_UP, pygame.K_7, pygame.K_RETURN, pygame.K_t)
    drag(who, (100, 100), (200, 110))
    drag(who, (100, 100), (110, 200))
    drag(who, (100, 100))
    assert who.session.actions == [1, 0, 1, 1]
    press(who, *[pygame.K_RIGHT] * 4, pygame.K_t)
    assert who.session.ended
    assert play_again(next(read(who.session.path)))[1][-1:].tobytes() == who.session.state.tobytes()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("right", [True, False])
def test_answers_to_games_of_every_kind_are_shown(tmp_path: Path, name: str, right: bool) -> None:
    session = player(tmp_path, name, seed=42).session
    game, actions = session.game, np.flatnonzero(session.game.legal(session.state)[0])
    sight = game.describe(session.state)[0] if right else "nothing that it could be"
    action = int(actions[0])
    session.act(action, Try(action, compose(sight, "so", game.action_text(action))))
    who = Viewer(list(read(session.path)))
    for key in (pygame.K_t, pygame.K_w, pygame.K_o, pygame.K_t, pygame.K_RIGHT):
        judged, scene = who.judged, who.scene()
        assert judged is not None
        assert judged.wrong is not None
        assert judged.wrong.any() != right
        assert scene.panel.sections[0].heading == "It sees"
        assert (scene.panel.sections[-1].heading == "The oracle") == (game.offers("oracle") and who.switches.oracle)
        open_screen(scene).draw(scene)
        who.handle(pygame.event.Event(pygame.KEYDOWN, key=key))
    assert who.judged is None
    open_screen(who.scene()).draw(who.scene())


def test_a_hint_where_there_is_no_oracle(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mines offers no oracle; `game.offers\('oracle'\)` tells beforehand"):
        player(tmp_path, "mines").session.hint()


def test_hidden_positions_are_split_though_all_look_alike() -> None:
    game = small("mines")
    fresh = game.reset(range(50))
    assert len(np.unique(engine.state_hash(fresh))) == 1
    assert len(np.unique(game.position_hash(fresh))) == 50
    evaluate = engine.start_states(game, range(10), 0, split="eval")
    assert set(engine.split_of(game.position_hash(evaluate))) == {"eval"}


@pytest.mark.parametrize("name", NAMES)
def test_the_frames_and_the_probe_of_a_training_session(tmp_path: Path, name: str) -> None:
    addresses = {part: {"address": f"ipc://{tmp_path}/{part}"} for part in ("trainer", "node")}
    games = [{"name": name, "num_moves": 1, "settings": tiny.SMALL[name]}]
    config = from_dict({"name": "tiny", "model": {"path": "there"}, "games": games, **addresses})
    learner, game = Mock(), small(name)
    learner.policy.model.config = transformers.Qwen2_5_VLConfig()
    session = Session(config, Mock(), learner, Mock(), None)
    state = game.reset([1])
    assert np.array_equal(session.frames.pixels(frame_of(game, state)), game.render(state)[0])
    turn, image = session._probe
    assert image.shape == (*game.frame_size, 3)
    assert turn.frame is not None
    assert np.array_equal(session.frames.pixels(turn.frame), image)
    session.close()


def test_only_an_oracle_can_teach() -> None:
    games = [{"name": name, "settings": tiny.SMALL[name]} for name in ("line", "mines")]
    common = {"name": "tiny", "model": {"path": "there"}}
    from_dict({**common, "games": games})
    for taught in ({"base": {"steps": 1}}, {"coldstart": {"steps": 1}}, {"model": {"nano": "100k"}}):
        with pytest.raises(ConfigError, match=r"games.1: mines offers no oracle .* set base.steps and coldstart.steps"):
            from_dict({**common, "games": games, **taught})
        from_dict({**common, "games": games[:1], **taught})
    (demos,) = demonstrations([GameMix("line", num_moves=1)], 20, TeacherConfig(), seed=1, purpose="test")
    assert all(game_reward == 1.0 for game_reward in score(demos.game, demos.states, demos.texts).game_reward)


@pytest.mark.parametrize("name", NAMES)
def test_whole_tickets_over_real_processes(tmp_path: Path, name: str) -> None:
    game = OneGame(GameSpec(name, {**tiny.SMALL[name]}), num_moves=1)
    node_address = f"ipc://{tmp_path}/node"
    with (
        Dispatcher(f"ipc://{tmp_path}/trainer") as dispatcher,
        processes.node(node_address, "greedy"),
        processes.pool(dispatcher.address, node_address, num_workers=1),
    ):
        groups = dispatcher.play(group_tickets(1, "tiny", 0, 5, [game], num_samples=2), deadline_s=60.0)
    assert [score.game_reward for group in groups for one in group.rounds for score in one.scores] == [1.0] * 10


def test_a_game_can_be_registered() -> None:
    code = "import gymnasium, engine; engine.register('mines', 'tests.tiny.mines'); engine.register('mines', "
    code += "'tests.tiny.mines'); print(gymnasium.make('g1/mines-v0').reset(seed=1)[0].shape, engine.game_names())"
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path), "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "(728, 560, 3) ['2048', 'mines', 'shisen', 'swap']\n"
    with pytest.raises(ValueError, match="the name '2048' is taken by engine"):
        engine.register("2048", "tests.tiny.mines")
    bad = subprocess.run(
        [sys.executable, "-c", "import engine"],
        capture_output=True,
        text=True,
        env={**environment, "G1_GAMES": "mines"},
    )
    assert bad.stderr.splitlines()[-1] == (
        "ValueError: G1_GAMES has 'mines'; expected name=module, such as mines=my.package.mines"
    )


def test_the_catalog_knows_them() -> None:
    titles = {entry.name: entry.title for entry in catalog()}
    assert (titles["mines"], titles["line"]) == ("Mines", "Line")
