"""A replay in a window: `g1 replay FILE`. Step, jump and play through what was answered at each state.

    Right, Left     one step on, back          Up, Down   the episode before, the one behind
    PageDown, Up    ten steps                  Tab        the next answer to this state (training groups)
    Home, End       first and last state       T   the truth in words     O   the oracle's answer
    Space, + and -  play or pause, speed       W   the answer's words as they are     Q   quit

At place p the frame is that of the state before turn p, with what was answered to it; behind the last turn is the end.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from engine.play import judge, loop
from engine.play.answered import Switches, numbers, scene_of, sections
from engine.play.judge import Judged
from engine.play.paint import pygame
from engine.play.panel import Button, Panel, Section
from engine.play.screen import Scene
from engine.replay import Episode, Turn, play_again
from native.state import Records

BUTTONS = (
    Button("back", "Back", "Left"), Button("play", "Play", "Space"), Button("step", "Step", "Right"),
    Button("speed", "Faster", "+ -"), Button("previous", "Episode -", "Up"), Button("next", "Episode +", "Down"),
    Button("oracle", "Oracle", "O"), Button("truth", "Truth", "T"),
)  # fmt: skip
PLAYING = tuple(replace(button, label="Pause") if button.name == "play" else button for button in BUTTONS)
SPEEDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # states a second
FASTER = ("faster", "slower", "speed")
JUMP = 10


class Viewer(loop.Commander):
    """Where in which episode a person looks, and what of it is shown."""

    keys: ClassVar[Mapping[int, str]] = {
        pygame.K_SPACE: "play", pygame.K_PLUS: "faster", pygame.K_KP_PLUS: "faster", pygame.K_EQUALS: "faster",
        pygame.K_MINUS: "slower", pygame.K_KP_MINUS: "slower", pygame.K_RIGHT: "step", pygame.K_LEFT: "back",
        pygame.K_PAGEDOWN: "on", pygame.K_PAGEUP: "off", pygame.K_HOME: "first", pygame.K_END: "last",
        pygame.K_UP: "previous", pygame.K_DOWN: "next", pygame.K_TAB: "other", pygame.K_t: "truth",
        pygame.K_o: "oracle", pygame.K_w: "words",
    }  # fmt: skip

    def __init__(
        self, episodes: Sequence[Episode], number: int = 0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises `ValueError` if the episode chosen is not what it says it is."""
        super().__init__()
        self.episodes, self._clock = episodes, clock
        self.playing, self.speed = False, 2.0
        self.switches = Switches()
        self.trouble = ""
        self._load(number)

    def _load(self, number: int) -> None:
        self.game, self.states = play_again(self.episodes[number])
        self.number, self.episode = number, self.episodes[number]
        self._judged: dict[tuple[int, int], Judged] = {}
        self._go(0)

    def _go(self, place: int) -> None:
        self.place = min(max(place, 0), self.last)
        self.shown = self.turn.taken if self.turn else 0
        self.scroll, self._moved = 0, self._clock()

    @property
    def last(self) -> int:
        """The place of the last state."""
        return len(self.episode.turns)

    @property
    def turn(self) -> Turn | None:
        """What was answered here; None at the end."""
        return self.episode.turns[self.place] if self.place < self.last else None

    @property
    def state(self) -> Records:
        return self.states[self.place : self.place + 1]

    @property
    def judged(self) -> Judged | None:
        """What is said of the answer that is shown."""
        if self.turn is None:
            return None
        key = self.place, self.shown
        if key not in self._judged:
            self._judged[key] = judge.judge(self.game, self.state, self.turn.tries[self.shown])
        return self._judged[key]

    def tick(self) -> None:
        """Play on, where it is time to."""
        self.wait_ms = min(250, int(500 / self.speed)) if self.playing else 250
        if self.playing and self._clock() - self._moved >= 1 / self.speed:
            self._go(self.place + 1)
            self.playing = self.place < self.last

    def seek(self, share: float) -> None:
        self._go(round(share * self.last))

    def command(self, name: str) -> None:
        steps = {"step": 1, "back": -1, "on": JUMP, "off": -JUMP, "first": -self.last, "last": self.last}
        if name in steps:
            self.playing = False
            self._go(self.place + steps[name])
        elif name in ("previous", "next"):
            self._choose(self.number + (1 if name == "next" else -1))
        elif name == "play":
            self._play()
        elif name in FASTER:
            self.speed = other_speed(self.speed, name)
        elif name == "other" and self.turn:
            self.shown = (self.shown + 1) % len(self.turn.tries)
        else:
            self.switches.flip(name)

    def _choose(self, number: int) -> None:
        """Another episode, if there is one and it is what it says."""
        self.playing, self.trouble = False, ""
        try:
            self._load(number % len(self.episodes))
        except ValueError as error:
            self.trouble = f"episode {number % len(self.episodes) + 1}: {error}"

    def _play(self) -> None:
        if self.place == self.last:
            self._go(0)
        self.playing, self._moved = not self.playing and self.last > 0, self._clock()

    def scene(self) -> Scene:
        return scene_of(self.game, self.state, self.judged, self._panel(), self.switches)

    def _panel(self) -> Panel:
        judged, points = self.judged, int(self.state["score"][0]) - int(self.states["score"][0])
        return Panel(
            title=self.game.name,
            under=self._whose(),
            numbers=numbers(self.place, self.last, points, judged),
            message=self.trouble or self._outcome(),
            good=not self.trouble and (judged is None or judged.reward > 0),
            sections=self._sections(),
            scroll=self.scroll,
            bar=(self.place, self.last),
            buttons=PLAYING if self.playing else BUTTONS,
            button_cols=4,
            keys=f"speed {self.speed:g} a second · W the words as they are · Q quits",
        )

    def _outcome(self) -> str:
        if self.judged:
            return judge.outcome(self.game, self.judged)
        return "the game is over" if self.state["ended"][0] else "nothing was answered to this any more"

    def _sections(self) -> list[Section]:
        found = sections(self.game, self.state, self.judged, self.switches)
        if self.turn is None or len(self.turn.tries) == 1:
            return found
        heading = f"Answer {self.shown + 1} of {len(self.turn.tries)} · Tab for the next"
        return [*found, Section(heading, judge.siblings(self.game, self.turn.tries, self.shown))]

    def _whose(self) -> str:
        start = self.episode.start
        place = "from a record" if start.record else f"seed {start.seed}"
        moves = f" after {start.num_moves} moves" if start.num_moves else ""
        number = f"episode {self.number + 1} of {len(self.episodes)}"
        return f"{self.episode.player} · {number}\n{place}{moves}"


def other_speed(speed: float, name: str) -> float:
    """One faster or slower; the button goes round."""
    if name == "slower":
        return max((slower for slower in SPEEDS if slower < speed), default=SPEEDS[0])
    slowest_again = SPEEDS[0] if name == "speed" else SPEEDS[-1]
    return min((faster for faster in SPEEDS if faster > speed), default=slowest_again)


def main(episodes: Sequence[Episode], number: int = 0) -> None:
    """Look at them until the window is closed. Raises ValueError for a damaged episode, ConnectError for no display."""
    loop.run(Viewer(episodes, number))
