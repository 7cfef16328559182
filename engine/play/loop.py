"""A window from its opening to its end: what is shown, what events do.

    run(Actor) ─▶ actor.tick() ─▶ draw(actor.scene()) ─▶ wait for events, `wait_ms` at most ─▶ actor.handle(each) ─▶ ...

`Commander` is an actor of which all that can be done has a name: keys and buttons say it, a bar and the wheel move.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol

from engine.play.paint import pygame
from engine.play.screen import Scene, Screen, open_screen


class Actor(Protocol):
    """`running` is false once the person wants to leave. `tick` does what time brings."""

    running: bool
    wait_ms: int
    screen: Screen

    def tick(self) -> None: ...

    def scene(self) -> Scene: ...

    def handle(self, event: pygame.event.Event) -> None: ...


def run(actor: Actor) -> None:
    """Until the window is closed, or Ctrl-C, which is as good a way to leave. Raises ConnectError without a display."""
    try:
        actor.screen = open_screen(actor.scene())
        while actor.running:
            actor.tick()
            actor.screen.draw(actor.scene())
            for event in [pygame.event.wait(actor.wait_ms), *pygame.event.get()]:
                actor.handle(event)
    except KeyboardInterrupt:
        pass
    finally:
        pygame.display.quit()


class Commander:
    """Subclasses say which keys mean what, and do it."""

    keys: ClassVar[Mapping[int, str]] = {}

    def __init__(self) -> None:
        self.running, self.wait_ms = True, 250
        self.screen = Screen()
        self.scroll = 0
        self._bar_held = False

    def tick(self) -> None:
        """Do what time brings."""

    def command(self, name: str) -> None:
        """Do what a key or a button stands for."""
        raise NotImplementedError

    def seek(self, share: float) -> None:
        """Move to a place along the bar, 0 to 1."""

    def handle(self, event: pygame.event.Event) -> None:
        """One event of the window."""
        if event.type == pygame.QUIT:
            self.running = False
        elif event.type == pygame.KEYDOWN:
            self._key(event.key)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._press(event.pos)
        elif event.type == pygame.MOUSEMOTION and self._bar_held:
            self._drag(event.pos)
        elif event.type == pygame.MOUSEBUTTONUP:
            self._bar_held = False
        elif event.type == pygame.MOUSEWHEEL:
            self.scroll = max(0, self.scroll - event.y)

    def _key(self, key: int) -> None:
        if key in (pygame.K_q, pygame.K_ESCAPE):
            self.running = False
        elif key in self.keys:
            self.command(self.keys[key])

    def _press(self, place: tuple[int, int]) -> None:
        if button := self.screen.button_at(place):
            self.command(button)
        elif self.screen.bar_at(place) is not None:
            self._bar_held = True
            self._drag(place)

    def _drag(self, place: tuple[int, int]) -> None:
        share = self.screen.bar_at(place, held=True)
        if share is not None:
            self.seek(share)
