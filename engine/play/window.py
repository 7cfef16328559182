"""A person plays: `g1 play 2048 --level hard --seed 3`, a window that shows the frame that a model would see.

    arrows, drag       slide (2048)             H   hint: the oracle's action and why
    click one or two   cells (other games)      U   undo        T   the truth in words
    arrows, Enter      the same by keyboard     N   new game, the next seed        Q   quit

A game whose actions name no cells understands what `parse` does: arrows and drags are up, right, down and left, and a
digit is itself.
Every move is kept in a file (engine/play/session.py).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.games.answers import action_cells, cells_index
from engine.play import loop
from engine.play.board import Cell
from engine.play.judge import truth_of
from engine.play.paint import CHOSEN, CURSOR, HINTED, pygame
from engine.play.panel import Button, Panel, Section
from engine.play.screen import Scene, Screen
from engine.play.session import Session

ARROWS = {pygame.K_UP: "up", pygame.K_RIGHT: "right", pygame.K_DOWN: "down", pygame.K_LEFT: "left"}
STEPS = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}
DIGITS = {pygame.K_0 + digit: str(digit) for digit in range(10)}
LETTERS = {pygame.K_h: "hint", pygame.K_u: "undo", pygame.K_t: "truth", pygame.K_n: "new", pygame.K_q: "quit"}
BUTTONS = (Button("hint", "Hint", "H"), Button("undo", "Undo", "U"), Button("truth", "Truth", "T"),
           Button("new", "New", "N"))  # fmt: skip
HOW_TO_MOVE = (
    "arrows, digits or drag", "click a cell, or arrows and Enter", "click two cells, or arrows and Enter"
)  # fmt: skip
DRAG_PX = 24
REFRESH_MS = 250  # the clock's seconds, and how long Ctrl-C may take


@dataclass(slots=True)
class View:
    """What is shown beside the game itself. Cursor, chosen cell and hint are outlines above the frame."""

    cursor: Cell | None = None
    chosen: Cell | None = None
    hinted: list[Cell] = field(default_factory=list)
    hint: str = ""
    message: str = ""
    good: bool = True
    truth: bool = False


def scene_of(session: Session, view: View) -> Scene:
    """What the person gets to see."""
    game, ended = session.game, session.ended
    outlines = [(cell, HINTED) for cell in view.hinted]
    outlines += [(view.chosen, CHOSEN)] if view.chosen else []
    outlines += [(view.cursor, CURSOR)] if view.cursor else []
    words = truth_of(game, session.state) if view.truth else ()
    banner = f"Game over {session.score} points" if ended else ""
    return Scene(game, session.state, _panel_of(session, view), marks=outlines, words=words, banner=banner)


def _panel_of(session: Session, view: View) -> Panel:
    minutes, seconds = divmod(int(session.elapsed_s), 60)
    time, moves = f"{minutes}:{seconds:02}", str(len(session.tries))
    return Panel(
        title=session.game.name,
        under=f"level {session.level} · seed {session.seed}",
        numbers=(("score", str(session.score)), ("moves", moves), ("time", time)),
        message=view.message,
        good=view.good,
        sections=[Section("The oracle says", view.hint)],
        buttons=BUTTONS,
        keys=f"{HOW_TO_MOVE[session.game.cells_per_action]} · Q quits",
    )


class Player:
    """Turns events into moves; `view` is what is shown of it. `running` is false once the person wants to leave."""

    def __init__(self, session: Session) -> None:
        self.session, self.screen = session, Screen()
        self.view, self.running, self.wait_ms = View(message="your move"), True, REFRESH_MS
        self._pressed: tuple[int, int] | None = None

    def tick(self) -> None:
        """Only the clock goes on, and it is looked at when the scene is made."""

    def scene(self) -> Scene:
        return scene_of(self.session, self.view)

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
        elif not self.session.game.cells_per_action:
            self._say(ARROWS.get(key) or DIGITS.get(key, ""))
        elif key in ARROWS:
            self._move_cursor(*STEPS[ARROWS[key]])
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
            self._say(("right" if across > 0 else "left") if sideways else ("down" if down > 0 else "up"))

    def _move_cursor(self, down: int, right: int) -> None:
        rows, cols = self.session.game.rows, self.session.game.cols
        if self.view.cursor is None:
            self.view.cursor = (0, 0)
        else:
            self.view.cursor = ((self.view.cursor[0] + down) % rows, (self.view.cursor[1] + right) % cols)

    def _say(self, word: str) -> None:
        """Play the action that the game understands by a word, if it does."""
        action = self.session.game.parse(word) if word else None
        if action is not None:
            self._act(action)

    def _choose(self, cell: Cell) -> None:
        """The only cell of an action; or the first of a pair, the second, or the first again to let go of it."""
        game, first = self.session.game, self.view.chosen
        if game.cells_per_action == 1:
            self._act(cells_index([cell], game.rows, game.cols))
        elif first is None or first == cell:
            self.view.chosen = cell if first is None else None
        else:
            self._act(cells_index([first, cell], game.rows, game.cols))

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
        game = self.session.game
        if not game.offers("oracle"):
            self.view.message, self.view.good = f"{game.name} has no hints", False
            return
        hint = self.session.hint()
        if hint is None:
            self.view.hint = "the game is over"
            return
        action, reason = hint
        self.view.hint = f"{game.action_text(action)}: {reason}" if reason else game.action_text(action)
        self.view.hinted = action_cells(action, game.cells_per_action, game.rows, game.cols)


def main(
    game: str, level: str = "normal", seed: int = 0, settings: dict[str, Any] | None = None,
    folder: Path = Path("runs/plays"),
) -> Path | None:  # fmt: skip
    """Play until the window is closed; the file of the last game, or None if nothing was played.

    Raises ValueError for an unknown game, level or setting, and ConnectError where there is no display.
    """
    session = Session(game, level, seed, settings, folder)
    loop.run(Player(session))
    return session.path if session.path.exists() else None
