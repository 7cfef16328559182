"""A run's rollouts as replays (engine/replay.py), to be looked at: who answered what, at which states.

group of k answers to one state    ─▶ one episode of one turn with k tries
k siblings that play many turns    ─▶ k episodes; where k is above 1 each starts at its sibling's own record
"""

from pathlib import Path

from engine.errors import ConfigError
from engine.game import state_hash
from engine.net import wire
from engine.replay import Episode, Try, Turn, make_episode, play_again, read
from engine.rollout.episode import Chain, open_play
from engine.ticket import Start, Ticket
from g1train.run.folder import Played, load_rollouts


def read_episodes(path: Path) -> list[Episode]:
    """The episodes of a replay or of a run's rollouts. Raises `ConfigError` for what is neither, and `ValueError` as
    `read` and `read_rollouts` do."""
    try:
        episodes = read_rollouts(path) if path.suffix == ".msgpack" else list(read(path))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; {_what_there_is(path)}") from error
    if not episodes:
        raise ConfigError(f"there is no episode in {path}: it is no replay, or was cut off in its first line")
    return episodes


def _what_there_is(path: Path) -> str:
    """What to give instead of a path that is no file."""
    found = sorted(file.name for file in path.glob("*") if file.suffix in (".jsonl", ".msgpack"))
    if not found:
        return "give a replay (.jsonl) or a file of a run's rollouts (.msgpack)"
    return f"it has {', '.join(found[:5])}{' and more' if len(found) > 5 else ''}"


def read_rollouts(path: Path) -> list[Episode]:
    """The episodes of a rollout file, whose name is the player's. Raises `CheckpointError` for any other file, and
    `ValueError` for one that was played by other rules."""
    played = load_rollouts(path)
    try:
        return [episode for one in played for episode in episodes_of(path.stem, one)]
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path} cannot be played again: {error}") from error


def episodes_of(player: str, played: Played) -> list[Episode]:
    """Of one ticket. Raises `ValueError` if it leads through other states now than it did."""
    ticket, group = played.ticket, played.group
    chains = open_play(ticket).chains
    episodes = []
    for chain in chains:
        rounds = [one for one in group.rounds if one.sibling == chain.sibling]
        start = ticket.start if len(chains) == 1 else Start(record=chain.record.tobytes())
        episodes.append(_episode(player, ticket, start, chain, rounds))
    return episodes


def _episode(player: str, ticket: Ticket, start: Start, chain: Chain, rounds: list[wire.Round]) -> Episode:
    notes = {"ticket": ticket.index, "temperature": ticket.sampling.temperature}
    notes |= {"sibling": chain.sibling} if chain.num_samples < ticket.num_samples else {}
    notes |= {"version": rounds[0].version} if rounds else {}
    episode = make_episode(player, ticket.game, start, [turn_of(one) for one in rounds], notes)
    _, states = play_again(episode)
    if state_hash(states[:-1]).tolist() != [one.state_hash for one in rounds]:
        raise ValueError(f"ticket {ticket.index} of {player} leads through other states now: the rules were changed")
    return episode


def turns_of(group: wire.Group) -> list[Turn]:
    """The turns of a group with one line of play: an episode, or one state with several answers."""
    return [turn_of(one) for one in group.rounds]


def turn_of(one: wire.Round) -> Turn:
    """All answers to a state; play goes on with the first."""
    pairs = zip(one.samples, one.scores, strict=True)
    return Turn([Try(score.action, said.text, said.num_tokens, said.finish == "length") for said, score in pairs])
