"""Every measure on an episode whose answers are known."""

import numpy as np
import pytest

import engine
from engine.answer import compose, parse
from engine.replay import Episode, Try, Turn, make_episode
from engine.rollout.episode import look, open_plays
from engine.start import make_game
from engine.ticket import GameSpec, Start, Ticket
from g1train.evaluation import lockstep
from g1train.evaluation.measures import NAMES, Sums, measure
from g1train.inference import scripted

SPEC = GameSpec("2048", {"tile_px": 28, "strip": False, "prompt": "short"})
BOARD = [[1, 1, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]  # 2 2 4 - and nothing below
RECORD = make_game(SPEC).from_board([BOARD], [7]).tobytes()
TRUTH = "2 2 4 -\n- - - -\n- - - -\n- - - -"
WRONG = TRUTH.replace("4", "8")  # one cell of sixteen
LEFT = Turn([Try(3)])


def played(*turns: Turn, **notes: object) -> Episode:
    start = Start(record=RECORD)
    return make_episode("p", SPEC, start, turns, {"number": 0, "protocol": "paper", **notes})


def said(perception: str, action: int, num_tokens: int = 9, cut: bool = False) -> Try:
    return Try(action, compose(perception, "so", str(action)), num_tokens, cut)


def means(sums: Sums) -> dict[str, float | None]:
    return {name: sums.num[name].sum() / sums.den[name].sum() if sums.den[name].any() else None for name in NAMES}


def test_actions_alone() -> None:
    found = means(measure([played(LEFT), played(Turn([Try(0)])), played(Turn([Try(-1)])), played(Turn([Try(2)]))]))
    assert found["score"] == 1.0  # 4 points of one merge, over four episodes
    assert found["game_reward"] == -0.5
    assert found["legal"] == 0.5  # left and down; up changes nothing
    assert found["top_action"] == 0.25
    assert found["regret"] is not None
    assert 0.5 <= found["regret"] <= 0.75  # the illegal ones have 1, the best legal one 0
    for silent in ("p_acc", "cell_accuracy", "r_acc", "format_reward", "answer_tokens", "truncated", "failed"):
        assert found[silent] is None


def test_what_was_said() -> None:
    tries = [said(TRUTH, 3), said(TRUTH, 0), said(WRONG, 3, 30, cut=True), Try(-1, "no idea", 3)]
    found = means(measure([played(Turn(tries))]))
    assert found["p_acc"] == 0.5
    assert found["r_acc"] == 0.5
    assert found["cell_accuracy"] == pytest.approx((1 + 1 + 15 / 16 + 0) / 4)
    assert found["format_reward"] == 0.75
    assert found["answer_tokens"] == pytest.approx((9 + 9 + 30 + 3) / 4)
    assert (found["truncated"], found["top_action"]) == (0.25, 0.5)


def test_failures_are_counted_where_there_can_be_any() -> None:
    found = means(measure([played(Turn([said(TRUTH, 3), Try(-1, "")]), errors=[[0, 1, "gone"]])]))
    assert found["failed"] == 0.5


def test_play_goes_on_with_the_answer_taken() -> None:
    one = Turn([Try(0), Try(3)], taken=1)
    found = measure([played(one, LEFT)])
    assert found.num["score"].tolist() == [4.0 + _second(one)]


def _second(one: Turn) -> int:
    game = make_game(SPEC)
    state = np.frombuffer(RECORD, game.dtype).copy()
    game.step(state, [one.tries[one.taken].action])
    return int(game.step(state, [3]).score[0])


def test_a_game_without_values_has_no_regret() -> None:
    ticket = Ticket(0, 0, GameSpec("shisen"), Start(3))
    found = means(
        measure([make_episode("p", ticket.game, ticket.start, [Turn([Try(-1)])], {"number": 0, "protocol": "paper"})])
    )
    assert (found["regret"], found["near_optimal"]) == (None, 0.0)


@pytest.mark.parametrize("player", ["random", "legal", "greedy", "oracle"])
@pytest.mark.parametrize("game", ["2048", "shisen", "swap"])
def test_lockstep_chooses_what_a_node_would(player: str, game: str) -> None:
    tickets = [Ticket(number, 50 + number, GameSpec(game), Start(number, 5), num_samples=3) for number in range(4)]
    alone = [[one.action for one in turns[0].tries] for turns in lockstep.play(player, tickets)]
    asks = look([play.chains[0] for play in open_plays(tickets, ["t"] * 4)])
    meant = make_game(GameSpec(game)).parse
    answers = [[parse(sample.text).answer for sample in some] for some in scripted.play(player, asks)]
    assert alone == [[meant(answer or "") for answer in some] for some in answers]


def test_legal_plays_nothing_illegal_and_the_planner_says_what_it_needs() -> None:
    tickets = [Ticket(number, number, SPEC, Start(number), num_turns=40) for number in range(10)]
    episodes = [
        make_episode("legal", ticket.game, ticket.start, turns, {"number": 0, "protocol": "paper"})
        for ticket, turns in zip(tickets, lockstep.play("legal", tickets), strict=True)
    ]
    assert means(measure(episodes))["legal"] == 1.0
    with pytest.raises(ValueError, match="'planner' needs a game with strive"):
        lockstep.check("planner", engine.make("swap"))
