"""What the report and `g1 analyze` say of runs and evaluations, and what they say of folders that are neither."""

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from engine import levels, replay
from engine.catalog import catalog
from engine.errors import ConfigError
from engine.game import make, start_states
from engine.games.grid import GridGame
from engine.rollout import response
from engine.start import make_game
from engine.ticket import GameSpec
from g1train.cli.main import main
from g1train.config import RewardConfig
from g1train.learn.advantage import advantages
from g1train.report import analysis, charts, differences, difficulty, patterns, reels, replays, sources, tables
from g1train.report.book import Book
from g1train.report.levels import level_of
from native.state import Records
from tests import folders

GAMES = {"2048": GameSpec("2048", {"tile_px": 28}), "swap": GameSpec("swap", {"rows": 4, "cols": 4})}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.write_run(tmp_path_factory.mktemp("runs") / "small", GAMES)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    games = {"2048": ("2048", make("2048").settings), "2048 hard": ("2048", make("2048", level="hard").settings)}
    folder = tmp_path_factory.mktemp("evaluations") / "both"
    return folders.write_evaluation(
        folder, games, {"oracle": 1.0, "half": 0.5}, num_episodes=3, num_turns=6, num_groups=2
    )


def grid_game(spec: GameSpec) -> GridGame:
    game = make_game(spec)
    assert isinstance(game, GridGame)
    return game


# ---- patterns


def answer(think: str) -> str:
    return f"<perception>- 2</perception><think>{think}</think><answer>up</answer>"


@pytest.mark.parametrize(
    ("think", "localises", "enumerates"),
    [
        ("the tiles in the corner merge", False, False),
        ("the star at (2, 3) is free", True, False),
        ("look at row 1, column 4", True, False),
        ("Row 1 and col 4", True, False),
        ("rows 4 columns 0 sideways 8 upright 16 so up", False, False),
        ("up gives 4, Left gives 8", False, True),
        ("up, and once more Up", False, False),
        ("(0, 1) (2, 3) or (4, 4) and (4, 5)", True, True),
        ("(0, 1) (2, 3), that is (2, 3) with (0, 1)", True, False),
        ("upright is not a direction, nor is leftover", False, False),
    ],
)
def test_patterns(think: str, localises: bool, enumerates: bool) -> None:
    assert (patterns.localises(answer(think)), patterns.enumerates(answer(think))) == (localises, enumerates)


def test_patterns_are_of_the_reasoning_alone() -> None:
    text = "(0, 1) up <perception>(0, 1)</perception><think>hm</think><answer>(0, 1) (2, 3) down</answer>"
    assert not patterns.localises(text)
    assert not patterns.enumerates(text)
    assert not patterns.localises("<think>(0, 1)")


# ---- analysis


def test_analysis_counts_rollouts_and_falls_back_on_the_log(run: Path) -> None:
    rows = {(row.stage, row.step, row.game): row for row in analysis.analyse(sources.read_run(run))}
    assert set(rows) == {("rl", step, game) for step in (1, 2, 3) for game in GAMES} | {
        ("evaluation-rl", None, game) for game in GAMES
    }
    played = [one for one in sources.played(run / "rollouts" / "rl-000002.msgpack") if one.ticket.game.name == "swap"]
    texts = [sample.text for one in played for sample in one.group.rounds[0].samples]
    row = rows["rl", 2, "swap"]
    assert row.answers == len(texts) == 4 * len(played)
    assert row.localisation == np.mean([patterns.localises(text) for text in texts]) > 0
    assert row.enumeration == np.mean([patterns.enumerates(text) for text in texts])
    assert row.game_reward == np.mean([score.game_reward for one in played for score in one.group.rounds[0].scores])
    assert row.p_acc == 1.0, "scripted players say the truth"
    assert rows["rl", 3, "swap"].localisation is None, "of step 3 only the log is left"
    assert rows["rl", 3, "2048"].p_acc == 1.0


def test_analyze_prints_json(run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["g1", "analyze", str(run), "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    found = json.loads(capsys.readouterr().out)
    assert found["run"] == "small"
    assert {"stage", "step", "game", "p_acc", "r_acc", "localisation", "enumeration", "answer_tokens"} <= set(
        found["rows"][0]
    )


# ---- folders that are none, files that are damaged


def refused(folder: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that the command line says."""
    monkeypatch.setattr("sys.argv", ["g1", "report", str(folder), *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    told = capsys.readouterr().err.strip()
    assert len(told.splitlines()) == 1
    return told


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("results.json", "results.json cannot be read"),
        ("evaluation.json", "evaluation.json cannot be read"),
        ("episodes/half.jsonl", "half.jsonl, line 1, is no episode"),
    ],
)
def test_a_damaged_evaluation_is_named(
    evaluated: Path, damage: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    shutil.copytree(evaluated, tmp_path / "copy")
    file = tmp_path / "copy" / damage
    file.write_bytes(b"{broken" + file.read_bytes())
    out = tmp_path / "page.html"
    told = refused(tmp_path / "copy", "--out", str(out), monkeypatch=monkeypatch, capsys=capsys)
    assert said in told
    assert "again" in told
    assert not out.exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [("metrics.jsonl", "metrics.jsonl, line 1, is damaged"), ("rollouts/rl-000001.msgpack", "rl-000001")],
)
def test_a_damaged_run_is_named(
    run: Path,
    damage: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(run, tmp_path / "copy")
    file = tmp_path / "copy" / damage
    file.write_bytes(b"{broken" + file.read_bytes())
    assert said in refused(tmp_path / "copy", monkeypatch=monkeypatch, capsys=capsys)


def test_a_folder_that_is_neither_is_refused(
    evaluated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "neither a config.toml nor an evaluation.json" in refused(tmp_path, monkeypatch=monkeypatch, capsys=capsys)
    assert "is not a folder" in refused(tmp_path / "none", monkeypatch=monkeypatch, capsys=capsys)
    shutil.copytree(evaluated, tmp_path / "begun")
    (tmp_path / "begun" / "results.json").unlink()
    assert "no results.json yet" in refused(tmp_path / "begun", monkeypatch=monkeypatch, capsys=capsys)


def test_episodes_of_other_rules_are_refused(evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(evaluated, tmp_path / "copy")
    file = tmp_path / "copy" / "episodes" / "half.jsonl"
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    lines[0]["end_hash"] += 1
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(
        ConfigError, match=r"copy: the replay of 2048 by half does not reach the end.*evaluate half again"
    ):
        list(reels.shelves(sources.read_all([tmp_path / "copy"]), 100))


# ---- results


def test_results_of_a_run_and_an_evaluation_stand_beside_the_published(run: Path, evaluated: Path) -> None:
    both = sources.read_all([run, evaluated])
    first, hard = tables.comparisons(both)
    assert (first.title, hard.title) == ("2048", "2048, perception hard")
    ours = {row[:2]: row[3] for row in first.rows if not row[2]}
    assert set(ours) == {("rl", "small"), ("oracle", "both"), ("half", "both")}
    assert first.columns == ["Score", "GR"], "what nobody has is left out"
    reward = ours["rl", "small"][1]
    assert reward is not None
    assert (reward.value, reward.interval) == ("0.500", "0.304 to 0.696")
    theirs = {row[0]: row[3][0] for row in first.rows if row[2]}
    assert theirs["G1-7B"] == tables.Cell("1,070", place=100.0), "the best of all lies at the right end"
    assert "arXiv 2505.13426" in first.note
    scores = [cells[0].place for *_, cells in first.rows if cells[0]]
    assert min(place for place in scores if place is not None) >= 0
    assert not [row for row in hard.rows if row[2]], "six steps are not the paper's hundred"


def test_published_rows_are_the_papers() -> None:
    found = {one["name"]: one["scores"] for one in tables.published()["players"]}
    assert len(found) == 8
    assert found["G1-7B"] == {"2048": 1070, "shisen": 17.5, "shisen-cifar10": 14.1, "swap": 78}
    assert found["random"] == {"2048": 701, "shisen": 0.4, "shisen-cifar10": 0.4, "swap": 1}


def test_differences_have_their_verdict_and_zero_on_the_scale(evaluated: Path) -> None:
    (found,) = differences.differences(sources.read_all([evaluated]))["2048"]
    assert (found.source, found.main, found.beside) == ("both", "Score", []), "r_acc is known of nobody"
    (one,) = found.rows
    assert (one.a, one.b, one.verdict, one.episodes_needed) == ("oracle", "half", "better", "12")
    assert one.main is not None
    assert one.main.low is not None
    assert one.main.place is not None
    assert 0 <= one.main.low <= one.main.place <= 100
    assert 0 <= found.zero <= 100


@pytest.mark.parametrize("game", ["2048", "shisen", "swap"])
def test_settings_are_known_as_the_level_they_came_from(game: str) -> None:
    by_axis = next(entry for entry in catalog() if entry.name == game).levels
    for perception in by_axis["perception"]:
        for reasoning in by_axis["reasoning"]:
            made = make(game, level=f"perception:{perception},reasoning:{reasoning}", prompt="short")
            assert level_of(game, made.settings) == {"perception": perception, "reasoning": reasoning}
    assert level_of(game, {"noise": 5}) is None
    assert set(by_axis) == set(levels.AXES)


def test_evaluations_of_several_levels_make_heat_maps(evaluated: Path) -> None:
    maps = {(one.title, one.measure): one for one in difficulty.heat_maps(sources.read_all([evaluated]))}
    assert set(maps) == {("2048 · oracle", "Score"), ("2048 · half", "Score")}
    found = maps["2048 · oracle", "Score"]
    assert (found.perception, found.reasoning) == (["normal", "hard"], ["normal"])
    assert max(cell[1] for row in found.cells for cell in row if cell) == 100


def test_the_same_name_twice_is_told_apart(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "small")
    names = [one.name for one in sources.read_all([run, tmp_path / "small"])]
    assert names == [str(run), str(tmp_path / "small")]


# ---- charts


def test_ticks_are_round_and_hold_the_range() -> None:
    assert charts.ticks(0, 1, 4) == [0, 0.25, 0.5, 0.75, 1]
    assert charts.ticks(-0.94, 0.87, 4) == [-1, -0.5, 0, 0.5, 1]
    assert charts.ticks(3, 3, 4)[0] <= 3 <= charts.ticks(3, 3, 4)[-1]
    assert charts.ticks(0, 0, 4) == [0, 0.25, 0.5, 0.75, 1]
    assert charts.ticks(-5, -5, 4)[0] <= -5


def test_a_smoothed_curve_keeps_its_ends_and_its_mean() -> None:
    ys = [float(number % 2) for number in range(40)]
    smooth = charts.smoothed(ys)
    assert len(smooth) == 40
    assert (smooth[0], smooth[-1]) == (ys[0], ys[-1])
    assert np.ptp(smooth[5:-5]) < 0.3
    assert charts.chart("nothing", "", [charts.Line("a", 0, [], [])]) is None


# ---- replays


def test_turns_say_what_the_engine_says(evaluated: Path) -> None:
    shelf = next(one for one in reels.shelves(sources.read_all([evaluated]), 2) if "groups" in one.title)
    reel = shelf.reels[0]
    game = grid_game(reel.spec)
    book = Book(game)
    book.use(reel.states)
    (turn,) = replays.turns_of(reel, shelf, book)
    paid = response.score(game, reel.states, [one.text or "" for one in reel.turns[0].tries])
    for place, one in enumerate(turn["tries"]):
        assert (one["reward"]["GR"], one["reward"]["FR"], one["reward"]["PR"]) == (
            paid.game_reward[place], paid.format_reward[place], paid.perception_reward[place],
        )  # fmt: skip
        assert (one["legal"], one["points"]) == (paid.legal[place], paid.gained[place])
        assert one["reward"]["R"] == one["reward"]["GR"] + one["reward"]["FR"], "alpha 1, beta 0"
        assert 0 <= one["regret"] <= 1
    assert turn["tries"][0]["regret"] == 0, "the first plays as the oracle does"
    assert turn["tries"][-1]["regret"] == 1, "the last cannot be read"
    rewards = np.array([one["reward"]["R"] for one in turn["tries"]])
    wanted = (rewards - rewards.mean()) / (rewards.std(ddof=1) + 1e-6)
    np.testing.assert_allclose([one["advantage"] for one in turn["tries"]], wanted, atol=1e-3)
    assert turn["cells"] == game.board(reel.states)[0].ravel().tolist()
    assert turn["oracle"] == game.action_text(int(game.oracle(reel.states)[0]))


def test_wrong_cells_are_told_with_what_was_read() -> None:
    game = grid_game(GameSpec("2048", {"rows": 2, "cols": 2}))
    board = np.array([[0, 1], [2, 3]], np.uint8)
    assert replays.wrong_cells(game, "- 2\n4 8", board) == []
    assert replays.wrong_cells(game, "- 4\n4 cow", board) == [(1, "4"), (3, "?")]
    assert replays.wrong_cells(game, "- 2 4 8", board) == "shape"


def test_rollouts_are_played_again_turn_by_turn(run: Path) -> None:
    found = {shelf.title: shelf for shelf in reels.shelves([sources.read_run(run)], 100)}
    assert set(found) == {
        "small · evaluation-rl · 2048 · groups", "small · evaluation-rl · swap, rows 4, cols 4 · groups",
        "small · evaluation-rl · 2048 · episodes", "small · rl · 2048 · groups",
        "small · rl · swap, rows 4, cols 4 · groups",
    }  # fmt: skip
    assert found["small · rl · swap, rows 4, cols 4 · groups"].reward == RewardConfig()
    episodes = found["small · evaluation-rl · 2048 · episodes"].reels
    assert [reel.title for reel in episodes] == ["1", "2", "3, sibling 0", "3, sibling 1"]
    truths = {
        (one.sibling, one.turn): one.truth
        for one in sources.played(run / "rollouts" / "evaluation-rl.msgpack")[-1].group.rounds
    }
    game = make_game(GAMES["2048"])
    for sibling in (0, 1):
        told = game.describe(episodes[2 + sibling].states)
        assert told == [truths[sibling, turn] for turn in range(5)], "each sibling has a future of its own"


def test_a_few_replays_are_spread_over_all(run: Path) -> None:
    assert reels.spread(list(range(10)), 4) == [0, 2, 5, 7]
    assert reels.spread([1, 2], 4) == [1, 2]
    shelves = list(reels.shelves([sources.read_run(run)], 2))
    assert max(len(shelf.reels) for shelf in shelves) == 2
    titles = [reel.title for shelf in shelves if "· rl ·" in shelf.title for reel in shelf.reels]
    assert {title.partition(",")[0] for title in titles} == {"step 1", "step 2"}
    assert list(reels.shelves([sources.read_run(run)], 0)) == []


@pytest.mark.parametrize("level", levels.NAMES)
@pytest.mark.parametrize("name", ["2048", "shisen", "swap"])
def test_a_frame_takes_less_than_200_bytes(name: str, level: str) -> None:
    """Those of boards that have nothing in common, and those of an episode, where one resembles the next."""
    game = grid_game(GameSpec(name, make(name, level=f"perception:{level}").settings))
    assert bytes_a_frame(game, start_states(game, range(100), {"2048": 40, "shisen": 50}.get(name, 0))) < 200
    played = folders.episode("half", name, make(name, level=level).settings, 1, 60, 0.5)
    assert bytes_a_frame(grid_game(played.spec), replay.play_again(played)[1]) < 200


def bytes_a_frame(game: GridGame, states: Records) -> float:
    book = Book(game)
    book.use(states)
    return len(replays.packed(book.frames(states))) / len(states)


def test_only_sprites_that_are_shown_are_kept() -> None:
    game = grid_game(GameSpec("shisen", {"tiles": "icons", "rows": 4, "cols": 4}))
    states = game.reset([1, 2])
    book = Book(game)
    book.use(states)
    sheet = book.as_data()["sheets"]["board"]
    assert len(book._used["board"]) <= 1 + 32 < game.layout.grids[0].num_sprites
    assert sheet["across"] ** 2 >= len(book._used["board"])


def test_a_page_of_a_run_alone_has_all_its_sections(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["g1", "report", str(run), "--out", str(tmp_path / "page.html"), "--replays", "3"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    text = (tmp_path / "page.html").read_text()
    for section in ("results", "training", "analysis", "replays"):
        assert f'<section id="{section}">' in text
    assert '<section id="difficulty">' not in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_episodes_without_words_are_shown_as_well(tmp_path: Path) -> None:
    """As `g1 play` and players without a model leave them."""
    folder = folders.write_evaluation(tmp_path / "mute", {"2048": ("2048", {})}, {"half": 0.5}, 1, 3)
    file = folder / "episodes" / "half.jsonl"
    (one,) = replay.read(file)
    turns = [replay.Turn([replay.Try(turn.tries[0].action)]) for turn in one.turns]
    file.unlink()
    replay.append(file, msgspec.structs.replace(one, turns=turns))
    data = replays.viewer(reels.shelves(sources.read_all([folder]), 5))
    assert len(data["packets"]) == 1
    (shelf,) = reels.shelves(sources.read_all([folder]), 5)
    book = Book(grid_game(GameSpec("2048")))
    book.use(shelf.reels[0].states)
    said = replays.turns_of(shelf.reels[0], shelf, book)[0]["tries"][0]
    assert (said["text"], said["wrong"], list(said["reward"])) == (None, None, ["GR"])


def test_a_run_that_has_an_evaluation_shows_it(run: Path, evaluated: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "both")
    shutil.copytree(evaluated, tmp_path / "both" / "evaluation")
    found = sources.read_run(tmp_path / "both")
    table, _ = tables.comparisons([found])
    assert {row[:2] for row in table.rows if not row[2]} == {("oracle", "both"), ("half", "both")}
    titles = [shelf.title for shelf in reels.shelves([found], 1)]
    assert "both · rl · 2048 · groups" in titles
    assert "both · half · 2048 · groups" in titles


@pytest.mark.parametrize("kind", ["grpo", "dr_grpo", "rloo", "reinforce++"])
def test_advantages_are_those_that_the_run_learns_from(kind: str) -> None:
    """Those that take a whole batch cannot be known from one group, and are left out."""
    game = grid_game(GameSpec("2048", {"rows": 2, "cols": 2}))
    state = game.from_board([[[1, 1], [2, 3]]], [1])
    tries = [replay.Try(action, "<perception></perception><think></think><answer></answer>") for action in (0, 1, 2, 3)]
    reel = reels.Reel("1", GameSpec("2048", game.settings), state, [replay.Turn(tries)])
    book = Book(game)
    book.use(state)
    (turn,) = replays.turns_of(reel, reels.Shelf("shelf", [reel], RewardConfig(alpha=0.5), kind), book)
    assert [one["reward"]["R"] for one in turn["tries"]] == [-0.5, 1.5, -0.5, 1.5]
    found = [one.get("advantage") for one in turn["tries"]]
    wanted = advantages(np.array([[-0.5, 1.5, -0.5, 1.5]]), kind)[0].round(3).tolist()
    assert found == ([None] * 4 if kind == "reinforce++" else wanted)


@pytest.mark.usefixtures("tiny_games")
def test_games_from_outside_are_shown_as_far_as_they_go(tmp_path: Path) -> None:
    """Mines has no oracle and is answered by one cell; the frames of line are not sprites, so it has no replays."""
    games = {"mines": GameSpec("mines", {"tile_px": 28}), "line": GameSpec("line")}
    run = sources.read_run(folders.write_run(tmp_path / "tiny", games))
    assert {row.game for row in analysis.analyse(run)} == set(games)
    found = {shelf.title: shelf for shelf in reels.shelves([run], 100)}
    assert {"tiny · rl · mines · groups", "tiny · rl · line · groups"} <= set(found)
    data = replays.viewer(found.values())
    assert [book["name"] for book in data["books"]] == ["mines"]
    assert all("mines" in shelf["title"] for shelf in data["shelves"])
    reel = found["tiny · rl · mines · groups"].reels[0]
    book = Book(grid_game(reel.spec))
    book.use(reel.states)
    (turn,) = replays.turns_of(reel, found["tiny · rl · mines · groups"], book)
    assert (turn["oracle"], turn["tries"][0]["regret"]) == ("", None)
    assert turn["tries"][0]["action"].startswith("(")
