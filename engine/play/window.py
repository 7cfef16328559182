"""A person plays: `g1 play 2048 --level hard --seed 3`, a window that shows the frame that a model would see.

    arrows, drag       slide (2048)             H   hint: the oracle's action and why
    click two cells    a pair (other games)     U   undo        T   the truth in words
    arrows, Enter      the same by keyboard     N   new game, the next seed        Q   quit

Every move is kept in a file (engine/play/session.py).
"""

from pathlib import Path
from typing import Any

from engine.games.pairs import pair_cells, pair_index
from engine.play.screen import Cell, Screen, View, pygame
from engine.play.session import Session

DIRECTIONS = {pygame.K_UP: 0, pygame.K_RIGHT: 1, pygame.K_DOWN: 2, pygame.K_LEFT: 3}
STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))
LETTERS = {pygame.K_h: "hint", pygame.K_u: "undo", pygame.K_t: "truth", pygame.K_n: "new", pygame.K_q: "quit"}
DRAG_PX = 24
REFRESH_MS = 250  # the clock's seconds, and how long Ctrl-C may take


class Player:
    """Turns events into moves; `view` is what is shown of it. `running` is false once the person wants to leave."""

    def __init__(self, session: Session, screen: Screen) -> None:
        self.session, self.screen = session, screen
        self.view, self.running = View(message="your move"), True
        self._pressed: tuple[int, int] | None = None

    def handle(self, event: pygame.event.Event) -> None:
        """One event of the window."""
        if event.type == pygame.QUIT:
            self.running = False
        elif event.type == pygame.KEYDOWN:
            self._key(event.key)
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._pressed = event.pos
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1 and self._pressed:
            start, self._pressed = self._pressed, None
            self._mouse(start, event.pos)

    def command(self, name: str) -> None:
        """What a button or a letter stands for."""
        if name == "quit":
            self.running = False
        elif name == "truth":
            self.view.truth = not self.view.truth
        elif name == "undo":
            undone = self.session.undo()
            self.view = View(cursor=self.view.cursor, message="taken back" if undone else "nothing to take back")
        elif name == "new":
            self.session.new_game(self.session.seed + 1)
            self.view = View(message="a new game")
        elif name == "hint":
            self._hint()

    def _key(self, key: int) -> None:
        if key in LETTERS or key == pygame.K_ESCAPE:
            self.command(LETTERS.get(key, "quit"))
        elif key in DIRECTIONS and not self.session.game.cells_per_action:
            self._act(DIRECTIONS[key])
        elif key in DIRECTIONS:
            self._move_cursor(*STEPS[DIRECTIONS[key]])
        elif key in (pygame.K_RETURN, pygame.K_KP_ENTER, pygame.K_SPACE) and self.view.cursor:
            self._choose(self.view.cursor)

    def _mouse(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """A click on a button or a cell, or a drag across the board."""
        button = self.screen.button_at(start)
        across, down = end[0] - start[0], end[1] - start[1]
        if button:
            if button == self.screen.button_at(end):
                self.command(button)
        elif self.session.game.cells_per_action:
            cell = self.screen.cell_at(end)
            if cell and cell == self.screen.cell_at(start):
                self.view.cursor = None
                self._choose(cell)
        elif max(abs(across), abs(down)) >= DRAG_PX:
            sideways = abs(across) > abs(down)
            self._act((1 if across > 0 else 3) if sideways else (2 if down > 0 else 0))

    def _move_cursor(self, down: int, right: int) -> None:
        rows, cols = self.session.game.rows, self.session.game.cols
        if self.view.cursor is None:
            self.view.cursor = (0, 0)
        else:
            self.view.cursor = ((self.view.cursor[0] + down) % rows, (self.view.cursor[1] + right) % cols)

    def _choose(self, cell: Cell) -> None:
        """The first cell of a pair, or the second, or the first again to let go of it."""
        first = self.view.chosen
        if first is None or first == cell:
            self.view.chosen = cell if first is None else None
            return
        self._act(pair_index(*first, *cell, self.session.game.rows, self.session.game.cols))

    def _act(self, action: int) -> None:
        """Play an action and say what came of it."""
        game, over = self.session.game, self.session.ended
        step = self.session.act(action)
        what, points = game.action_text(action), int(step.score[0])
        if over:
            message = "the game is over"
        elif not step.legal[0]:
            message = f"{what}: not allowed, reward -1"
        else:
            message = f"{what}: reward {step.reward[0]:+.0f}, {points} point{'' if points == 1 else 's'}"
        good = bool(step.reward[0] > 0)
        self.view = View(cursor=self.view.cursor, message=message, good=good, truth=self.view.truth)

    def _hint(self) -> None:
        hint = self.session.hint()
        if hint is None:
            self.view.hint = "the game is over"
            return
        game, (action, reason) = self.session.game, hint
        self.view.hint = f"{game.action_text(action)}: {reason}"
        if game.cells_per_action == 2:
            r1, c1, r2, c2 = pair_cells(action, game.rows, game.cols)
            self.view.hinted = [(r1, c1), (r2, c2)]


def main(
    game: str, level: str = "normal", seed: int = 0, settings: dict[str, Any] | None = None,
    folder: Path = Path("runs/plays"),
) -> Path | None:  # fmt: skip
    """Play until the window is closed; the file of the last game, or None if nothing was played.

    Raises ValueError for an unknown game, level or setting, and ConnectError where there is no display.
    """
    session = Session(game, level, seed, settings, folder)
    player = Player(session, Screen(session))
    try:
        while player.running:
            player.screen.draw(session, player.view)
            for event in [pygame.event.wait(REFRESH_MS), *pygame.event.get()]:
                player.handle(event)
    except KeyboardInterrupt:
        pass  # as good a way to leave as any
    finally:
        pygame.display.quit()
    return session.path if session.path.exists() else None
