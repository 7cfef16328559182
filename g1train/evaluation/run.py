"""A whole evaluation: every player plays what it has not played yet, and the results follow from the files.

    for each player: its tickets ─▶ (here, a node, an endpoint) ─▶ turns ─▶ episodes/<player>.jsonl ─▶ results.json

It can be stopped at any moment and run again: what is in the files is not played again, what is in a journal is not
asked again. Scripted players and nodes play unfinished episodes anew.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from engine.errors import ConfigError
from engine.replay import Episode, Turn, make_episode
from engine.start import make_game
from engine.ticket import Ticket
from g1train.config import Config
from g1train.evaluation import asked, human, lockstep, results, served
from g1train.evaluation.endpoint import Endpoint, Limits
from g1train.evaluation.folder import Folder, Writer
from g1train.evaluation.journal import Journal
from g1train.evaluation.plan import Plan, PlannedPlayer
from g1train.evaluation.players import Keep, model_and_url
from g1train.inference.scripted import PLAYERS
from g1train.run.display import Display


class Means(msgspec.Struct, frozen=True):
    """What players may need beside the plan, and which changes nothing of what they are asked."""

    config: Config
    limits: Limits = Limits()
    prices: dict[str, float] = {}


class Evaluation:
    """A folder with its plan and the results so far; a ticket's index is its number in the plan."""

    def __init__(self, folder: Folder, display: Display, prices: dict[str, float] | None = None) -> None:
        self.folder, self.plan, self.display = folder, folder.plan, display
        self.prices = prices
        self._played: dict[str, results.Played] = {}
        self._protocols = asked.protocols_of(self.plan)

    def wanted(self, player: PlannedPlayer) -> tuple[list[Ticket], Writer]:
        """Tickets that a player has not played yet, and where their episodes go."""
        tickets = asked.tickets(self.plan, player.sampling)
        writer = self.folder.writer(player.name, range(len(tickets)))
        self.display.begin(player.name, len(tickets), len(tickets) - len(writer.missing))
        return [tickets[number] for number in writer.missing], writer

    def keeper(self, writer: Writer, player: PlannedPlayer) -> Keep:
        """Takes what was played, episode by episode, and shows how far it is."""
        total = len(self._protocols)
        done = itertools.count(total - len(writer.missing) + 1)

        def keep(ticket: Ticket, turns: Sequence[Turn], notes: dict[str, Any]) -> None:
            writer.add([self.episode(player, ticket, turns, notes)])
            self.display.step(next(done), {})

        return keep

    def episode(self, player: PlannedPlayer, ticket: Ticket, turns: Sequence[Turn], notes: dict[str, Any]) -> Episode:
        known = {"number": ticket.index, "protocol": self._protocols[ticket.index]}
        if player.temperature is not None:
            known["temperature"] = player.temperature
        return make_episode(player.name, ticket.game, ticket.start, turns, {**known, **notes})

    def play_scripted(self, player: PlannedPlayer) -> None:
        """All of it at once."""
        tickets, writer = self.wanted(player)
        turns = lockstep.play(player.made, tickets)
        writer.add(self.episode(player, *pair, {}) for pair in zip(tickets, turns, strict=True))
        self.display.step(len(self._protocols), {})

    def play_human(self, player: PlannedPlayer) -> None:
        """It has been played; the files are read anew."""
        self.folder.forget(player.name)
        played = human.episodes(self.plan, player.name, player.made)
        self.folder.writer(player.name, range(len(played))).add(played)

    def play_served(self, player: PlannedPlayer, through_node: served.Play) -> None:
        """In the order in which the node answers."""
        tickets, writer = self.wanted(player)
        through_node(tickets, self.keeper(writer, player))

    def play_paid(self, player: PlannedPlayer, endpoint: Endpoint) -> None:
        """Every answer into the journal first."""
        tickets, writer = self.wanted(player)
        with Journal(self.folder.journal_of(player.name)) as journal:
            endpoint.play(player, tickets, self.keeper(writer, player), journal)
            journal.settle()

    def complete(self, player: PlannedPlayer) -> bool:
        """Has it played all that it is asked? What people played is read anew each time."""
        there = {episode.notes["number"] for episode in self.folder.episodes(player.name)}
        return not player.made.startswith("human:") and there.issuperset(range(len(self._protocols)))

    def forget(self, player: PlannedPlayer) -> None:
        """Let a player play all of it again."""
        self.folder.forget(player.name)
        self._played.pop(player.name, None)

    def finish(self) -> dict[str, Any]:
        """Measure those who have played since the last time, and write the results of all so far."""
        self.display.end()
        for player in self.plan.players:
            if player.name not in self._played:
                episodes = self.folder.episodes(player.name)
                self._played[player.name] = results.examine(self.plan, episodes, self.prices)
        found = results.results(self.plan, self._played)
        self.folder.save_results(found)
        return found


def evaluate(folder: Folder, display: Display, means: Means) -> dict[str, Any]:
    """Let every player of the folder's plan play; returns the results. Raises `G1Error` for what a person can mend."""
    check(folder.plan)
    evaluation = Evaluation(folder, display, prices=means.prices)
    with folder.held():
        for made, alike in itertools.groupby(folder.plan.players, lambda player: player.made):
            missing = [player for player in alike if not evaluation.complete(player)]
            if missing:
                with _seated(evaluation, made, means) as play:
                    for player in missing:
                        play(player)
        return evaluation.finish()


@contextmanager
def _seated(evaluation: Evaluation, made: str, means: Means) -> Iterator[Callable[[PlannedPlayer], None]]:
    """A way to have players of one make play; what had to be started for them ends with the context."""
    kind, _, what = made.partition(":")
    if made in PLAYERS:
        yield evaluation.play_scripted
    elif kind == "human":
        yield evaluation.play_human
    elif kind == "openai":
        endpoint = Endpoint(*model_and_url(what), means.limits)
        yield lambda player: evaluation.play_paid(player, endpoint)
    else:
        with served.opened(made, evaluation.folder.path, means.config, evaluation.display.say) as through_node:
            yield lambda player: evaluation.play_served(player, through_node)


def check(plan: Plan) -> None:
    """Raises `ConfigError` for players that cannot play, before anybody has."""
    human.check(plan, [player.made for player in plan.players])
    for player in plan.players:
        for game in plan.games:
            if player.made in PLAYERS:
                try:
                    lockstep.check(player.made, make_game(game.spec))
                except ValueError as error:
                    raise ConfigError(str(error)) from error
