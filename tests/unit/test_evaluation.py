"""What is asked, who is asked, what is kept, and what comes out of it."""

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

import engine
from engine import replay
from engine.errors import ConfigError, ConnectError
from engine.game import split_of, state_hash
from engine.play.session import Session
from engine.replay import Episode
from engine.start import start_records
from g1train.config import Config, GameMix, ModelConfig
from g1train.evaluation import asked, human, players, results, run
from g1train.evaluation import plan as plans
from g1train.evaluation.endpoint import Limits, png
from g1train.evaluation.folder import Folder, Writer, drop_torn_line
from g1train.evaluation.journal import Journal, Reply, key_of
from g1train.evaluation.plan import Plan, PlannedGame, PlannedPlayer
from g1train.run.display import Display, results_tables
from tests import tiny
from tests.endpoint import Server

SMALL: dict[str, Any] = {"tile_px": 28, "strip": False, "prompt": "short"}
GAME = PlannedGame("2048", "2048", SMALL)
MOODS = ("fine", "fine", "fine", "put off", "fine", "fails", "refuses", "sleeps")
CONFIG = Config("t", [GameMix("2048")], model=ModelConfig(nano="1m"))


def a_plan(*made: PlannedPlayer, protocol: str = "paper", games: Sequence[PlannedGame] = (GAME,), **more: Any) -> Plan:
    sizes = {"episodes": 3, "num_turns": 5, "states": 6, "samples": 2, **more}
    labelled = plans.labelled(games)
    return asked.finished(Plan(protocol, labelled, results.references(made, labelled), **sizes), {})


def evaluated(path: Path, plan: Plan, **means: Any) -> dict[str, Any]:
    return run.evaluate(Folder.open(path, plan), Display(), run.Means(CONFIG, **means))


# what is asked


def test_every_player_is_asked_the_same_and_numbers_follow_on() -> None:
    plan = a_plan(protocol="paper+states", games=(GAME, PlannedGame("", "swap", {})))
    tickets = asked.tickets(plan)
    assert [ticket.index for ticket in tickets] == list(range(6 + 2 * 3))
    assert asked.protocols_of(plan) == ["states"] * 6 + ["paper"] * 6
    assert [ticket.num_turns for ticket in tickets] == [1] * 6 + [5] * 6
    assert [ticket.game.name for ticket in tickets[6:]] == ["2048"] * 3 + ["swap"] * 3
    assert {ticket.start.split for ticket in tickets[:6]} == {"eval"}


def test_strict_suites_are_the_same_for_everybody_for_ever() -> None:
    suites = {suite: a_plan(protocol="strict", suite=suite, seed=seed) for suite, seed in [("dev", 1), ("test", 2)]}
    assert suites["dev"].starts_hash == "02233f1991105bef"
    assert suites["test"].starts_hash == "b97671e37f39ce09"
    assert a_plan(protocol="strict", suite="dev", seed=9).starts_hash == suites["dev"].starts_hash
    with pytest.raises(ConfigError, match="suites dev and test"):
        a_plan(protocol="strict")


def test_states_begin_at_depths_as_asked() -> None:
    starts = {kind: [one.start for one in asked.tickets(a_plan(protocol="states", starts=kind, states=50))]
              for kind in ("training", "random", "legal")}  # fmt: skip
    assert {start.num_moves for start in starts["training"]} == {100}
    assert all(start.record for start in starts["legal"])
    boards = {kind: start_records(engine.make("2048", **SMALL), some) for kind, some in starts.items()}
    assert all((split_of(state_hash(records)) == "eval").all() for records in boards.values())
    depths = {start.num_moves for start in starts["random"]}
    assert len(depths) > 30
    assert depths <= set(range(101))


def test_the_same_game_at_two_levels_has_two_labels() -> None:
    hard = PlannedGame("", "shisen", dict(engine.make("shisen", level="reasoning:hard").settings))
    plan = a_plan(games=(PlannedGame("", "shisen", {}), hard))
    assert [game.label for game in plan.games] == ["shisen", "shisen#2"]
    assert plan.games[0].spec.settings != plan.games[1].spec.settings


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("oracle", ["oracle"]),
        ("best=oracle", ["best"]),
        ("openai:org/m-1@http://h:1/v1", ["org-m-1@1", "org-m-1@0"]),
        ("node:tcp://127.0.0.1:5756", ["node@1", "node@0"]),
        ("human:a.json,b.json", ["human"]),
    ],
)
def test_players_by_name(text: str, names: list[str]) -> None:
    assert [one.name for one in players.planned(text, [1.0, 0.0], 64, {})] == names


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("oracel", "unknown player 'oracel'; known: random, legal, greedy, oracle, planner, checkpoint:…"),
        ("openai:model", "not of the form openai:MODEL@http"),
        ("checkpoint:/nowhere", "no model at /nowhere"),
        ("node:", "unknown player 'node:'"),
    ],
)
def test_players_that_are_none(text: str, reason: str) -> None:
    with pytest.raises(Exception, match=reason):
        players.planned(text, [1.0], 64, {})


def test_a_runs_newest_checkpoint_is_meant(tmp_path: Path) -> None:
    for name in ("model", "checkpoints/000001-base/model", "checkpoints/000002-rl/model"):
        (tmp_path / "run" / name).mkdir(parents=True)
        (tmp_path / "run" / name / "config.json").write_text("{}")
    (found,) = players.planned(f"checkpoint:{tmp_path}/run", [1.0], 64, {})
    assert (found.name, found.made) == ("run", f"checkpoint:{tmp_path}/run/checkpoints/000002-rl/model")


# what is kept


def test_another_evaluation_is_refused_with_the_difference(tmp_path: Path) -> None:
    Folder.open(tmp_path, a_plan())
    assert Folder.open(tmp_path, asked.finished(a_plan(), {"commit": "another"})).plan == a_plan()
    with pytest.raises(ConfigError, match="episodes: 3 there, 4 now"):
        Folder.open(tmp_path, a_plan(episodes=4))
    with pytest.raises(ConfigError, match="planner"):
        Folder.open(tmp_path, a_plan(PlannedPlayer("planner", "planner")))


def test_two_may_not_evaluate_in_one_folder(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path, a_plan())
    with folder.held(), pytest.raises(ConfigError, match="another process evaluates"), folder.held():
        pass


def an_episode(number: int) -> Episode:
    return Episode("p", "2048", {}, asked.tickets(a_plan())[0].start, [], 0, 0, notes={"number": number})


def test_episodes_are_kept_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    writer = Writer(file, [0, 1, 2, 4])
    for number in (2, 0, 4):
        writer.add([an_episode(number)])
    assert [one.notes["number"] for one in replay.read(file)] == [0]
    writer.close()  # 1 was set aside
    assert [one.notes["number"] for one in replay.read(file)] == [0, 2, 4]


def test_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    drop_torn_line(file)
    for data, left in [(b"a\nb\n", b"a\nb\n"), (b"a\nb", b"a\n"), (b"ab", b""), (b"", b"")]:
        file.write_bytes(data)
        drop_torn_line(file)
        assert file.read_bytes() == left


def test_a_journal_survives_a_torn_line(tmp_path: Path) -> None:
    file = tmp_path / "j.jsonl"
    with Journal(file) as journal:
        journal.add(Reply("k1", "one"))
        journal.add(Reply("k2", error="gone"))
    file.write_bytes(file.read_bytes() + b'{"key":"k3"')
    with Journal(file) as journal:
        assert journal.get("k1") == Reply("k1", "one")
        assert journal.get("k3") is None
        journal.add(Reply("k3", "three"))
    with Journal(file) as journal:
        assert [journal.get(key) is not None for key in ("k1", "k2", "k3")] == [True] * 3
    assert key_of("a", "t", 1, 0) != key_of("a", "t", 0, 1)


# what comes out


def test_an_evaluation_and_again(tmp_path: Path) -> None:
    plan = a_plan(PlannedPlayer("greedy", "greedy"), protocol="states+paper", episodes=20, num_turns=30)
    found = evaluated(tmp_path / "a", plan)
    assert list(found["players"]) == ["greedy", "oracle", "random"]
    assert found["players"]["random"]["score"]["n"] == 20
    assert found["players"]["random"]["game_reward"]["n"] == 6  # of the states alone
    assert found["players"]["oracle"]["normalised"]["mean"] == 1.0
    assert found["players"]["random"]["normalised"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "n": 20}
    assert [(one["a"], one["b"]) for one in found["differences"]] == [
        ("greedy", "oracle"), ("greedy", "random"), ("oracle", "random"),
    ]  # fmt: skip
    assert found["differences"][2]["verdict"] == "better"
    assert found["differences"][2]["paired"] is True
    before = contents(tmp_path / "a")
    assert evaluated(tmp_path / "a", plan) == found
    assert contents(tmp_path / "a") == before
    for episode in Folder.open(tmp_path / "a", plan).episodes("greedy"):
        replay.play_again(episode)
    assert len(results_tables(found)) == 2


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_results_follow_from_the_files(tmp_path: Path) -> None:
    plan = a_plan()
    found = evaluated(tmp_path, plan)
    folder = Folder.open(tmp_path, plan)
    again = {name: results.examine(plan, folder.episodes(name)) for name in ("oracle", "random")}
    assert results.results(plan, again) == found == json.loads((tmp_path / "results.json").read_text())


def test_what_people_played_is_compared_without_pairing(tmp_path: Path) -> None:
    session = Session("2048", seed=5, settings=SMALL, folder=tmp_path / "plays")
    for _ in range(8):
        session.act(int(session.game.oracle(session.state)[0]))
    plan = a_plan(*players.planned(f"human:{session.path}", [1.0], 64, {}))
    found = evaluated(tmp_path / "e", plan)
    (one,) = Folder.open(tmp_path / "e", plan).episodes("human")
    assert len(one.turns) == 5  # of eight: everybody has five
    assert one.notes["seconds"] >= 0
    replay.play_again(one)
    assert found["players"]["human"]["score"]["n"] == 1
    assert found["differences"][0]["paired"] is False
    as_replay = tmp_path / "plays.jsonl"
    replay.append(as_replay, one)
    (again,) = human.episodes(plan, "human", f"human:{as_replay}")
    assert again == one
    with pytest.raises(ConfigError, match="not evaluated; add --game 2048"):
        human.episodes(a_plan(games=(PlannedGame("", "swap", {}),)), "human", f"human:{session.path}")
    session.path.write_text(session.path.read_text().replace('"score":', '"score":9'))
    with pytest.raises(ConfigError, match="is no game that a person played: the replay of 2048 by human"):
        human.episodes(plan, "human", f"human:{session.path}")


def test_the_planner_is_refused_before_anything_is_played(tmp_path: Path) -> None:
    plan = a_plan(PlannedPlayer("planner", "planner"), games=(PlannedGame("", "swap", {}),))
    with pytest.raises(ConfigError, match="'planner' needs a game with strive"):
        evaluated(tmp_path, plan)
    assert not (tmp_path / "episodes").exists()


@pytest.mark.usefixtures("tiny_games")
@pytest.mark.parametrize("name", sorted(tiny.GAMES))
def test_games_of_other_kinds(tmp_path: Path, name: str) -> None:
    """With hidden state, without an oracle, an atlas or values: what there is to measure is measured."""
    with serving(tmp_path) as server:
        plan = a_plan(a_toy(server), protocol="states+paper", games=[PlannedGame("", name, {}, num_moves=2)])
        found = evaluated(tmp_path / "e", plan)
    has_oracle = engine.make(name).offers("oracle")
    assert ("oracle" in found["players"]) == has_oracle
    assert (found["players"]["toy"]["normalised"] is not None) <= has_oracle
    assert found["players"]["toy"]["cell_accuracy"]["n"] == 6
    assert found["usage"]["toy"]["errors"] == 0


# endpoints


@contextmanager
def serving(tmp_path: Path, **options: Any) -> Iterator[Server]:
    with Server(tmp_path / "log", **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def a_toy(server: Server) -> PlannedPlayer:
    return PlannedPlayer("toy", f"openai:toy@{server.url}", 1.0, 64)


def test_failures_refusals_and_time_outs_are_data(tmp_path: Path) -> None:
    with serving(tmp_path, moods=MOODS) as server:
        plan = a_plan(a_toy(server), episodes=4, num_turns=8)
        limits, prices = Limits(16, timeout_s=1.0, retries=1), {"prompt": 2.0, "completion": 10.0}
        found = evaluated(tmp_path / "e", plan, limits=limits, prices=prices)
        usage, failed = found["usage"]["toy"], found["players"]["toy"]["failed"]["mean"]
        num_new = len(set(server.seen))
        assert usage["requests"] == num_new
        assert usage["errors"] > 0
        assert usage["refusals"] > 0
        assert failed == pytest.approx(usage["errors"] / num_new, abs=1e-6)
        answered = num_new - usage["errors"]
        assert usage["cost"] == pytest.approx(answered * (700 * 2.0 + 20 * 10.0) / 1e6)
        kinds = {one[2].split(":")[0] for episode in Folder.open(tmp_path / "e", plan).episodes("toy")
                 for one in episode.notes["errors"]}  # fmt: skip
        assert kinds == {"BadRequestError", "APITimeoutError"}
        assert max(map(server.seen.count, server.seen)) == 2  # put off once, or slept through twice
        assert server.sizes == {(112, 112)}
        num_asked, files = len(server.seen), contents(tmp_path / "e")
        assert evaluated(tmp_path / "e", plan, prices=prices) == found
        assert len(server.seen) == num_asked
        assert contents(tmp_path / "e") == files


def test_the_journal_alone_gives_the_same_files(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        plan = a_plan(a_toy(server), protocol="states+paper")
        evaluated(tmp_path / "e", plan)
        files, num_asked = contents(tmp_path / "e"), len(server.seen)
        assert num_asked == len(set(server.seen)) == 6 * 2 + 3 * 5
        (tmp_path / "e" / "episodes" / "toy.jsonl").unlink()
        evaluated(tmp_path / "e", plan)
        assert contents(tmp_path / "e") == files
        assert len(server.seen) == num_asked


def test_the_rate_is_kept(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        began = time.monotonic()
        evaluated(tmp_path / "e", a_plan(a_toy(server)), limits=Limits(16, requests_per_minute=600))
        assert time.monotonic() - began > 0.1 * (15 - 1)


def test_nobody_there_a_wrong_model_a_wrong_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = PlannedPlayer("toy", "openai:toy@http://127.0.0.1:9/v1", 1.0, 64)
    with pytest.raises(ConnectError, match=r"nobody answers at http://127\.0\.0\.1:9/v1"):
        evaluated(tmp_path / "a", a_plan(gone))
    with serving(tmp_path) as server:
        other = PlannedPlayer("toy", f"openai:other@{server.url}", 1.0, 64)
        with pytest.raises(ConnectError, match="has no model 'other'; it has toy"):
            evaluated(tmp_path / "b", a_plan(other))
        monkeypatch.setenv("SOME_KEY", "wrong")
        with pytest.raises(ConnectError, match=r"does not take the key: .*set SOME_KEY"):
            evaluated(tmp_path / "c", a_plan(a_toy(server)), limits=Limits(key_variable="SOME_KEY"))
        assert server.seen == []


def test_a_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with serving(tmp_path) as server, pytest.raises(ConfigError, match=r"pip install 'g1-vlm\[eval\]'"):
        evaluated(tmp_path / "e", a_plan(a_toy(server)))


def test_a_picture_is_the_frame(tmp_path: Path) -> None:
    game = engine.make("shisen")
    pixels = game.render(game.reset([3]))[0]
    (tmp_path / "frame.png").write_bytes(png(pixels))
    with Image.open(tmp_path / "frame.png") as image:
        assert np.array_equal(np.asarray(image), pixels)


def test_a_plan_is_read_back(tmp_path: Path) -> None:
    plan = a_plan(PlannedPlayer("m", "node:ipc://x", 0.0, 9, {"seed": 1}), protocol="strict", suite="dev")
    plans.write(plan, tmp_path / "evaluation.json")
    assert plans.read(tmp_path / "evaluation.json") == plan
    assert msgspec.json.decode((tmp_path / "evaluation.json").read_bytes())["format"] == 1
