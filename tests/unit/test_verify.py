"""Nothing forged counts: groups that differ from what ticket and answers say are refused, whatever field it is."""

import functools
import random
from typing import Any

import msgspec
import numpy as np
import pytest

from engine.net import codec, wire
from engine.start import make_game, start_records
from engine.ticket import GameSpec, Sampling, Ticket, ticket_hash
from g1train.tickets.entries import Claim, Entry, Hand
from g1train.tickets.rollout import OneGame, episode_tickets, group_tickets
from g1train.tickets.verify import believed, verified
from tests import groups

SMALL = GameSpec("2048", {"tile_px": 28, "strip": False})
OTHERS = [GameSpec("shisen", {"tile_px": 28}), GameSpec("swap", {"tile_px": 28, "level": "perception:hard"})]
NUM_FORGED = 10_000
AT_ONCE = 500
Group = wire.Group
change = msgspec.structs.replace


@functools.cache
def honest() -> list[tuple[Ticket, Group]]:
    """Tickets of every kind, and their groups: right, wrong and unreadable answers among them."""
    tickets = group_tickets(1, "verify", 0, 6, [OneGame(SMALL, 20)], 4, version=3)
    for number, spec in enumerate(OTHERS):
        tickets += group_tickets(1, spec.name, 0, 2, [OneGame(spec, 5)], 3, first_index=10 + 10 * number)
    tickets += [
        change(ticket, num_samples=2, num_turns=5)
        for ticket in episode_tickets(1, "verify", 2, SMALL, 5, Sampling(), first_index=50)
    ]
    return list(zip(tickets, groups.played(tickets), strict=True))


def claim(ticket: Ticket, group: Group, worker: str = "foreign") -> Claim:
    return Claim(Entry(ticket, ticket_hash(ticket), set()), Hand(worker), group, held=True)


def verdict(ticket: Ticket, group: Group) -> Group | str:
    return verified([claim(ticket, group)])[0]


def why(ticket: Ticket, group: Group) -> str:
    """Why it is refused."""
    found = verdict(ticket, group)
    assert isinstance(found, str)
    return found


def with_round(group: Group, number: int, **changes: Any) -> Group:
    rounds = list(group.rounds)
    rounds[number] = change(rounds[number], **changes)
    return change(group, rounds=rounds)


def with_item(group: Group, number: int, place: int, name: str, **changes: Any) -> Group:
    """Sample or score `place` of a round changed."""
    items = list(getattr(group.rounds[number], name))
    items[place] = change(items[place], **changes)
    return with_round(group, number, **{name: items})


def test_honest_groups_of_every_kind_count_in_any_company() -> None:
    pairs = honest()
    for some in (pairs, *([pair] for pair in pairs)):
        assert verified([claim(*pair) for pair in some]) == [group for _, group in some]
    assert {one.turn for _, group in pairs for one in group.rounds} == set(range(5))


def test_what_a_worker_cannot_know_better_is_computed_here() -> None:
    ticket, group = honest()[0]
    text = "<perception>?</perception><think></think><answer>sideways</answer>"
    for sent, action in ((text, -1), ("", -1), ("no tags, \x00 < <answer>", -1)):
        answer = wire.Sample.of(sent, [7], [-0.5], "length")
        unpaid = wire.Score(
            action, -1.0, float("</answer>" in sent), 0.0, 0, False, group.rounds[0].scores[0].terminated
        )
        samples, scores = [answer, *group.rounds[0].samples[1:]], [unpaid, *group.rounds[0].scores[1:]]
        told = with_round(group, 0, samples=samples, scores=scores)
        assert verdict(ticket, told) == told
        assert "scores" in why(ticket, with_round(told, 0, scores=group.rounds[0].scores))


def forgeries(ticket: Ticket, group: Group, chance: random.Random) -> list[Group]:
    """One of every kind, each in a place of its own."""
    number = chance.randrange(len(group.rounds))
    one = group.rounds[number]
    place = chance.randrange(len(one.samples))
    sample, score = one.samples[place], one.scores[place]
    other_score = chance.choice([0.5, 2.0, 1e30, float("nan"), float("inf"), -float("inf"), -3.0])
    bit = 1 << chance.randrange(63)
    damaged = bytearray(one.frame.data)
    damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    ids, logps = sample.token_ids, sample.logprobs
    at = chance.randrange(len(ids))
    bad_logps = [*logps[:at], chance.choice([float("nan"), float("inf"), -float("inf"), 0.5]), *logps[at + 1 :]]
    grey = codec.encode(np.full((one.frame.height, one.frame.width, 3), chance.randrange(256), np.uint8), "pixels")
    scored: dict[str, Any] = {
        "game_reward": other_score, "format_reward": other_score, "perception_reward": other_score,
        "action": score.action + chance.choice([1, -2, 100]), "score": score.score + bit, "legal": not score.legal,
        "terminated": not score.terminated,
    }  # fmt: skip
    return [
        *(with_item(group, number, place, "scores", **{name: value}) for name, value in scored.items()),
        with_item(group, number, place, "scores", game_reward=-score.game_reward or 1.0),
        with_item(group, number, place, "samples", tokens=b"", logps=b""),
        with_item(group, number, place, "samples", tokens=wire.pack_ids([*ids[:at], -1 - at, *ids[at + 1 :]])),
        with_item(group, number, place, "samples", logps=wire.pack_logprobs(bad_logps)),
        with_round(group, number, samples=one.samples[1:], scores=one.scores[1:]),
        with_round(group, number, samples=one.samples * 2, scores=one.scores * 2),
        with_round(group, number, sibling=one.sibling + chance.choice([1, -1, 7])),
        with_round(group, number, turn=one.turn + chance.choice([1, -1, 7])),
        with_round(group, number, state_hash=one.state_hash ^ bit),
        with_round(group, number, truth=one.truth[1:] + " "),
        with_round(group, number, prompt=b""),
        with_round(group, number, prompt=wire.pack_ids([1, -chance.randrange(1, 99)])),
        with_round(group, number, frame=change(one.frame, data=bytes(damaged))),
        with_round(group, number, frame=change(one.frame, data=one.frame.data[:-1])),
        with_round(group, number, frame=change(one.frame, atlas=chance.randbytes(16))),
        with_round(group, number, frame=change(one.frame, height=one.frame.height + 28)),
        with_round(group, number, frame=change(one.frame, codec=chance.choice(["lz4", "pixels"]))),
        with_round(group, number, frame=grey),
        change(group, start_hash=group.start_hash ^ bit),
        change(group, index=group.index + chance.choice([1, -1, 1 << 40])),
        change(group, rounds=group.rounds[:-1]),
        change(group, rounds=[*group.rounds, one]),
        change(group, rounds=[*group.rounds[1:], group.rounds[0], group.rounds[0]]),
        *([with_round(group, number, version=one.version + 1)] if ticket.version != -1 else []),
    ]  # fmt: skip


def elsewhere(ticket: Ticket) -> Group:
    """An honest group that begins at another state, under this ticket's name."""
    (group,) = groups.played([change(ticket, start=change(ticket.start, seed=ticket.start.seed + 1))])
    return change(group, ticket=ticket_hash(ticket))


def test_ten_thousand_forged_groups_and_none_counts() -> None:
    chance, pairs = random.Random(1), honest()
    forged = [(ticket, elsewhere(ticket)) for ticket, _ in pairs]
    while len(forged) < NUM_FORGED:
        ticket, group = chance.choice(pairs)
        forged += [(ticket, one) for one in forgeries(ticket, group, chance)]
        (wanted, _), (_, other) = chance.sample(pairs, 2)
        forged.append((wanted, other))  # an honest group of another ticket
        forged.append((wanted, change(other, index=wanted.index, ticket=ticket_hash(wanted))))
    for start in range(0, len(forged), AT_ONCE):
        claims = [claim(*pair) for pair in forged[start : start + AT_ONCE]]
        among = chance.choice(pairs)
        verdicts = verified([*claims, claim(*among)])
        assert [one for one in verdicts if not isinstance(one, str)] == [among[1]]


def test_who_brought_it_is_known_here() -> None:
    ticket, group = honest()[0]
    assert verdict(ticket, change(group, worker="somebody else")) == group


@pytest.mark.parametrize("how", ["pixels", "lz4", "shared"])
def test_a_frame_that_travelled_otherwise_is_replaced_by_ours(how: wire.Codec) -> None:
    ticket, group = honest()[0]
    game = make_game(ticket.game)
    pixels = game.render(start_records(game, [ticket.start]))[0]
    memory = codec.Memory()
    travelled = with_round(group, 0, frame=codec.encode(pixels, how, memory))
    memory.close()  # the worker is gone
    assert verdict(ticket, travelled) == group
    if how != "shared":
        wrong = with_round(group, 0, frame=codec.encode(255 - pixels, how, memory))
        assert "the frame is not what the game draws" in why(ticket, wrong)


def test_a_check_of_the_learner_has_the_last_word() -> None:
    ticket, group = honest()[0]

    def check(asked: Ticket, brought: Group) -> str:
        assert (asked, brought) == (ticket, group)
        return "" if brought.rounds[0].prompt == b"no" else "the token 99 is not of this vocabulary"

    assert verified([claim(ticket, group)], check) == ["the token 99 is not of this vocabulary"]
    assert verified([claim(ticket, group)], lambda *_: str(1 // 0)) == [
        "it cannot be checked: ZeroDivisionError('integer division or modulo by zero')"
    ]


def test_who_believes_still_wants_the_form() -> None:
    ticket, group = honest()[0]
    paid = with_item(group, 0, 0, "scores", game_reward=7.0)
    assert believed([claim(ticket, paid), claim(ticket, change(group, index=77))]) == [
        paid,
        f"its index is 77, where {ticket.index} is right",
    ]
