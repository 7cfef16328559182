"""A state with the answer to it, as a Scene: what replays and agents at play have in common.

what is said and done ── Switches ──▶ labels and moves on the board · numbers, message and texts on the panel
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.game import Game
from engine.play import judge
from engine.play.judge import Judged
from engine.play.panel import Panel, Section
from engine.play.screen import Scene
from native.state import Records

PANEL_PX = 440


@dataclass(slots=True)
class Switches:
    """What of an answer is shown; `flip` takes the name of a key or a button."""

    oracle: bool = True
    truth: bool = False
    words: bool = False
    """The answer's words as they are, instead of its parts."""

    def flip(self, name: str) -> bool:
        """Switch what has this name; false if nothing has."""
        if name not in self.__slots__:
            return False
        setattr(self, name, not getattr(self, name))
        return True


def scene_of(game: Game, state: Records, judged: Judged | None, panel: Panel, switches: Switches) -> Scene:
    """`judged` is None where there is no answer, or none yet."""
    return Scene(
        game,
        state,
        panel,
        moves=judge.moves(judged, switches.oracle) if judged else (),
        seen=judge.seen(game, judged) if judged and not switches.truth else None,
        words=judge.truth_of(game, state) if switches.truth else (),
        panel_px=PANEL_PX,
    )


def sections(game: Game, state: Records, judged: Judged | None, switches: Switches) -> list[Section]:
    """The texts of an answer, as they are switched on."""
    return judge.sections(game, state, judged, switches.words, switches.oracle) if judged else []


def numbers(turn: int, last: int, points: int, judged: Judged | None) -> Sequence[tuple[str, str]]:
    """Of the panel: where play stands, and what the answer is worth and long."""
    found = [("turn", f"{turn} / {last}"), ("score", str(points))]
    found.append(("reward", f"{judged.reward:+.0f}" if judged else "-"))
    if judged and judged.tried.num_tokens:
        found.append(("tokens", f"{judged.tried.num_tokens}{', cut' if judged.tried.cut else ''}"))
    return found
