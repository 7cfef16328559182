"""An agent at play: what the window asks, shows, plays and keeps, and what is understood by a model."""

import subprocess
import sys
import threading
from pathlib import Path

import pygame
import pytest

from engine.answer import compose
from engine.errors import CheckpointError, ConnectError
from engine.net import wire
from engine.play.judge import words_of
from engine.play.paint import CHOSEN, HINTED
from engine.play.screen import Screen
from engine.play.session import Session
from engine.render.atlas import Atlas
from engine.replay import play_again, read
from engine.start import make_game, restore
from engine.ticket import Sampling
from g1train import config as configs
from g1train.config import Config, GameMix, ModelConfig
from g1train.run.models import dtype_of, find_model
from g1train.watch.agents import ScriptedAgent
from g1train.watch.window import Watch
from tests.processes import eventually

pytestmark = pytest.mark.usefixtures("unseen_window")
now = [0.0]


class Puppet:
    """An agent that answers when it is told to, with what it is told to."""

    name = "puppet"

    def __init__(self) -> None:
        self.asks: list[wire.Ask] = []
        self.text, self.loading, self.trouble = "", "", ""
        self.may_answer = threading.Event()
        self.may_answer.set()

    def status(self) -> str:
        return self.loading

    def answer(self, ask: wire.Ask, atlas: Atlas | None) -> wire.Sample:
        self.asks.append(ask)
        assert self.may_answer.wait(60)
        if self.trouble:
            raise ConnectError(self.trouble)
        assert ask.game is not None
        game = make_game(ask.game)
        state = restore(game, ask.state)
        best = game.action_text(int(game.oracle(state)[0]))
        text = self.text or compose(game.describe(state)[0], "it merges", best)
        return wire.Sample.of(text, [1, 2, 3], [0.0, 0.0, 0.0], "length")

    def stop(self) -> None:
        pass


def opened(agent: Puppet | ScriptedAgent, folder: Path, game: str = "2048", num_turns: int = 5) -> Watch:
    session = Session(game, "normal", 3, {"tile_px": 28}, folder, player=agent.name, notes={"temperature": 0.5})
    return Watch(agent, session, Sampling(0.5, 40), num_turns, clock=lambda: now[0])


def until_answered(who: Watch) -> None:
    def answered() -> bool:
        who.tick()
        return who.judged is not None

    eventually(answered)


def press(who: Watch, key: int) -> None:
    who.handle(pygame.event.Event(pygame.KEYDOWN, key=key))


def test_it_asks_shows_and_plays_when_it_is_time(tmp_path: Path) -> None:
    agent = Puppet()
    who = opened(agent, tmp_path)
    until_answered(who)
    scene, start = who.scene(), who.session.state.tobytes()
    assert scene.seen is not None
    assert scene.seen.words == words_of(who.session.game.describe(who.session.state)[0], 4)
    assert [colour for _, colour in scene.moves] == [CHOSEN, HINTED]
    assert [section.heading for section in scene.panel.sections] == ["It sees", "It thinks", "It answers", "The oracle"]
    assert ("tokens", "3, cut") in scene.panel.numbers
    assert scene.panel.under == "puppet\nseed 3 · temperature 0.5"
    now[0] += 0.9
    who.tick()
    assert who.session.state.tobytes() == start
    now[0] += 0.2
    who.tick()
    assert len(who.session.tries) == 1
    assert who.session.state.tobytes() != start
    until_answered(who)
    asked = agent.asks[0]
    assert (asked.temperature, asked.max_tokens, asked.state) == (0.5, 40, start)
    assert asked.turns[0].text == who.session.game.prompt
    assert agent.asks[1].seed != asked.seed


def test_it_pauses_steps_and_begins_anew(tmp_path: Path) -> None:
    who = opened(Puppet(), tmp_path)
    until_answered(who)
    press(who, pygame.K_SPACE)
    now[0] += 100
    who.tick()
    assert len(who.session.tries) == 0
    for num in (1, 2):
        press(who, pygame.K_RIGHT)
        until_answered(who)
        now[0] += 100
        who.tick()
        assert len(who.session.tries) == num
    press(who, pygame.K_RIGHT)
    press(who, pygame.K_RIGHT)  # nothing has been answered yet: there is nothing to play
    assert len(who.session.tries) == 3
    first = who.session.path
    press(who, pygame.K_n)
    assert (who.session.seed, who.session.tries) == (4, [])
    until_answered(who)
    press(who, pygame.K_SPACE)
    now[0] += 100
    who.tick()
    assert len(who.session.tries) == 1
    assert [len(next(read(path)).turns) for path in (first, who.session.path)] == [3, 1]
    press(who, pygame.K_q)
    assert not who.running


def test_what_is_played_is_kept_as_a_replay(tmp_path: Path) -> None:
    who = opened(Puppet(), tmp_path, num_turns=4)
    for _ in range(4):
        until_answered(who)
        now[0] += 2
        who.tick()
    assert who.over
    assert who.scene().panel.message == "the end: N for a new game"
    for _ in range(3):
        who.tick()
    (episode,) = read(who.session.path)
    _, states = play_again(episode)
    assert states[-1:].tobytes() == who.session.state.tobytes()
    assert (episode.player, len(episode.turns)) == ("puppet", 4)
    assert {"level": "normal", "temperature": 0.5}.items() <= episode.notes.items()
    tried = episode.turns[0].tries[0]
    assert ("<think> it merges</think>" in (tried.text or ""), tried.num_tokens, tried.cut) == (True, 3, True)


def test_the_window_goes_on_while_the_agent_loads_and_thinks(tmp_path: Path) -> None:
    agent = Puppet()
    agent.loading = "loading the model, 7 s"
    agent.may_answer.clear()
    who = opened(agent, tmp_path)
    who.tick()
    assert who.scene().panel.message == "loading the model, 7 s"
    assert not agent.asks
    agent.loading = ""
    who.tick()
    eventually(lambda: bool(agent.asks))
    now[0] += 2.5
    who.tick()
    assert who.scene().panel.message == "it looks and thinks, 2.5 s"
    Screen(pygame.Surface((1080, 700))).draw(who.scene())
    press(who, pygame.K_n)  # the old question is forgotten
    agent.may_answer.set()
    until_answered(who)
    assert len(agent.asks) == 2
    assert agent.asks[1].state == who.session.state.tobytes()


def test_why_there_is_no_answer_is_shown_until_a_person_goes_on(tmp_path: Path) -> None:
    agent = Puppet()
    agent.trouble = "the node gave no answer"
    who = opened(agent, tmp_path)

    def troubled() -> bool:
        who.tick()
        return bool(who.trouble)

    eventually(troubled)
    assert (who.scene().panel.message, who.paused) == ("the node gave no answer", True)
    who.tick()
    assert len(agent.asks) == 1
    agent.trouble = ""
    press(who, pygame.K_RIGHT)
    until_answered(who)
    assert (len(agent.asks), who.trouble) == (2, "")


def test_unreadable_answers_change_nothing_and_count(tmp_path: Path) -> None:
    agent = Puppet()
    agent.text = "what a fine day"
    who = opened(agent, tmp_path)
    until_answered(who)
    assert who.scene().panel.message == "no readable action: reward -1"
    before = who.session.state.tobytes()
    press(who, pygame.K_RIGHT)
    assert (who.session.actions, who.session.state.tobytes()) == ([-1], before)
    play_again(next(read(who.session.path)))


@pytest.mark.parametrize("name", ["random", "greedy", "oracle"])
@pytest.mark.parametrize("game", ["2048", "shisen", "swap"])
def test_players_that_need_no_model(tmp_path: Path, name: str, game: str) -> None:
    who = opened(ScriptedAgent(name), tmp_path, game)
    until_answered(who)
    assert who.judged is not None
    assert who.judged.wrong is not None
    assert not who.judged.wrong.any()
    assert name != "oracle" or who.judged.tried.action == who.judged.best


def test_what_is_understood_by_a_model(tmp_path: Path) -> None:
    config = Config("small", [GameMix("2048", {"tile_px": 28})], model=ModelConfig(nano="1m"))
    run = tmp_path / "small-2"
    for number in ("000002-base", "000010-rl", "000011-rl"):
        model = run / "checkpoints" / number / "model"
        model.mkdir(parents=True)
        (model / "config.json").write_text('{"dtype": "bfloat16"}')
        if number != "000011-rl":  # which is not whole
            (model.parent / "progress.json").touch()
    configs.save(config, run / "config.toml")
    newest = run / "checkpoints" / "000010-rl"
    for path in (run, newest):
        found = find_model(path)
        assert (found.name, found.folder, found.trained) == ("small-2/000010-rl", newest / "model", config)
    plain = find_model(newest / "model")
    assert (plain.name, plain.folder, plain.trained) == ("model", newest / "model", None)
    assert dtype_of(plain.folder) == "bfloat16"
    (tmp_path / "config.json").write_text("{}")
    assert dtype_of(tmp_path) == "float32"
    for path in (tmp_path / "absent", run / "checkpoints"):
        with pytest.raises(CheckpointError, match="there is no model at"):
            find_model(path)


CASES = [
    (("watch",), "give either a model (a checkpoint, a run or a Hugging Face folder) or --player NAME"),
    (("watch", "--player", "oracle"), "which game? `g1 games` says what there is"),
    (
        ("watch", "--player", "nobody", "--game", "2048"),
        "unknown player 'nobody'; known: random, legal, greedy, oracle, planner",
    ),
    (("watch", "--player", "oracle", "--game", "2049"), "unknown game '2049'; did you mean '2048'?"),
    (("watch", "--player", "oracle", "--game", "2048", "--set", "rowz=3"), "unknown setting 'rowz'"),
    (("watch", "/nowhere"), "there is no model at /nowhere"),
    (("watch", "--player", "oracle", "--game", "2048"), "no window can be opened: there is no display here"),
]


def test_the_command_line_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("SDL_VIDEODRIVER")
    pipe = subprocess.PIPE
    running = [
        subprocess.Popen([sys.executable, "-m", "g1train.cli", *words], stdout=pipe, stderr=pipe, text=True)
        for words, _ in CASES
    ]
    for process, (_, said) in zip(running, CASES, strict=True):
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (2, "")
        assert err.startswith(f"g1: {said}")
        assert len(err.splitlines()) == 1
