"""An agent plays in a window: `g1 watch CHECKPOINT --game 2048`.

    Space   pause, go on       N   new game, the next seed     T   the truth in words
    Right   one step           + and -   speed                 O   the oracle's answer
    Q       quit                                               W   the answer's words as they are

    wait for the agent ─▶ ask, in a thread ─▶ show the answer ─▶ play it, when it is time or a person says so ─▶ ask …

What is played is kept as a replay (engine/play/session.py).
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from engine.answer import action_of, parse
from engine.errors import G1Error
from engine.net import wire
from engine.play import judge, loop
from engine.play.answered import Switches, numbers, scene_of, sections
from engine.play.judge import Judged
from engine.play.paint import pygame
from engine.play.panel import Button, Panel
from engine.play.screen import Scene
from engine.play.session import Session
from engine.play.viewer import FASTER, other_speed
from engine.replay import Try
from engine.rollout.episode import frame_of
from engine.ticket import GameSpec, Sampling, derive_seed
from g1train.watch.agents import Agent, in_background

BUTTONS = (
    Button("pause", "Pause", "Space"), Button("step", "Step", "Right"), Button("speed", "Faster", "+ -"),
    Button("new", "New", "N"), Button("oracle", "Oracle", "O"), Button("truth", "Truth", "T"),
    Button("words", "Words", "W"),
)  # fmt: skip
PAUSED = tuple(replace(button, label="Go on") if button.name == "pause" else button for button in BUTTONS)
WAIT_MS = 50


class Watch(loop.Commander):
    """The game, the agent, and what it said of the state that is shown."""

    keys: ClassVar[Mapping[int, str]] = {
        pygame.K_SPACE: "pause", pygame.K_RIGHT: "step", pygame.K_n: "new", pygame.K_t: "truth",
        pygame.K_o: "oracle", pygame.K_w: "words", pygame.K_PLUS: "faster", pygame.K_KP_PLUS: "faster",
        pygame.K_EQUALS: "faster", pygame.K_MINUS: "slower", pygame.K_KP_MINUS: "slower",
    }  # fmt: skip

    def __init__(
        self, agent: Agent, session: Session, sampling: Sampling, num_turns: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        super().__init__()
        self.agent, self.session, self.sampling, self.num_turns = agent, session, sampling, num_turns
        self.switches, self.speed, self.paused, self.trouble = Switches(), 1.0, False, ""
        self.waiting, self.wait_ms = "", WAIT_MS
        self._clock = clock
        self._asked: Future[wire.Sample] | None = None
        self.judged: Judged | None = None
        self._since = clock()

    @property
    def over(self) -> bool:
        """Is there nothing more to ask."""
        return self.session.ended or len(self.session.tries) >= self.num_turns

    def tick(self) -> None:
        """Ask, take the answer, play it: whatever it is time for. Raises `G1Error` if the agent is no more."""
        self.waiting = self.agent.status()
        if self.judged is not None:
            if not self.paused and self._clock() - self._since >= 1 / self.speed:
                self._play()
        elif self._asked is not None:
            self._take(self._asked)
        elif not (self.waiting or self.over or self.trouble):
            self._ask()

    def _ask(self) -> None:
        game, ask = self.session.game, self._question()
        atlas = game.atlas if game.offers("atlas") else None
        self._since = self._clock()
        self._asked = in_background(lambda: self.agent.answer(ask, atlas))

    def _question(self) -> wire.Ask:
        """What a worker would ask about the state (engine/rollout/episode.py), by the seed of the game and the turn."""
        session, game = self.session, self.session.game
        return wire.Ask(
            id=0,
            turns=[wire.Turn(game.prompt, frame_of(game, session.state))],
            num_samples=1,
            seed=derive_seed(session.seed, "watch", len(session.tries)),
            temperature=self.sampling.temperature,
            max_tokens=self.sampling.max_tokens,
            game=GameSpec(game.name, game.settings),
            state=session.state.tobytes(),
        )

    def _take(self, asked: Future[wire.Sample]) -> None:
        """The answer, if it is there; why there is none stops the play until a person goes on."""
        if not asked.done():
            return
        self._asked = None
        try:
            said = asked.result()
        except (ValueError, G1Error) as error:
            self.trouble, self.paused = str(error), True
            return
        game = self.session.game
        tried = Try(action_of(game, parse(said.text)), said.text, said.num_tokens, said.finish == "length")
        self.judged, self._since, self.scroll = judge.judge(game, self.session.state, tried), self._clock(), 0

    def _play(self) -> None:
        if self.judged is not None:
            self.session.act(self.judged.tried.action, self.judged.tried)
        self.judged, self.trouble = None, ""

    def command(self, name: str) -> None:
        if name == "pause":
            self.paused = not self.paused
            self.trouble = "" if not self.paused else self.trouble
        elif name == "step":
            self.paused = True
            self._play()
        elif name == "new":
            self._asked = self.judged = None
            self.trouble = ""
            self.session.new_game(self.session.seed + 1)
        elif name in FASTER:
            self.speed = other_speed(self.speed, name)
        else:
            self.switches.flip(name)

    def scene(self) -> Scene:
        return scene_of(self.session.game, self.session.state, self.judged, self._panel(), self.switches)

    def _panel(self) -> Panel:
        session, judged = self.session, self.judged
        return Panel(
            title=session.game.name,
            under=f"{self.agent.name}\nseed {session.seed} · temperature {self.sampling.temperature:g}",
            numbers=numbers(len(session.tries), self.num_turns, session.score, judged),
            message=self._message(),
            good=not self.trouble and (judged is None or judged.reward > 0),
            sections=sections(session.game, session.state, judged, self.switches),
            scroll=self.scroll,
            buttons=PAUSED if self.paused else BUTTONS,
            button_cols=4,
            keys=f"speed {self.speed:g} a second · Q quits",
        )

    def _message(self) -> str:
        if self.trouble:
            return self.trouble
        if self.judged:
            return judge.outcome(self.session.game, self.judged)
        if self.over:
            return f"{'game over' if self.session.ended else 'the end'}: N for a new game"
        return self.waiting or f"it looks and thinks, {self._clock() - self._since:.1f} s"


def main(agent: Agent, session: Session, sampling: Sampling, num_turns: int) -> Path | None:
    """Watch until the window is closed; the file of the last game, or None if nothing was played.

    Raises `ConnectError` where there is no display, `WorkerError` if the model cannot be served.
    """
    loop.run(Watch(agent, session, sampling, num_turns))
    return session.path if session.path.exists() else None
