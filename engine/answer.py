"""What a model wrote, taken apart: its parts, the action that it means, the cells that it reads wrong. No text raises.

<perception> board text </perception> <think> reasoning </think> <answer> action </answer>
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.game import Game
from native.state import Records

PARTS = ("perception", "think", "answer")
_TAGS = re.compile(r"<(/?)(perception|think|answer)>")
_IN_ORDER = [(slash, part) for part in PARTS for slash in ("", "/")]
_PLAIN = re.compile("[^<]*" + "[^<]*".join(f"<{part}>([^<]*)</{part}>" for part in PARTS) + "[^<]*")


@dataclass(frozen=True, slots=True)
class Response:
    """The parts of one answer; a part that is missing, unclosed or there twice is None."""

    perception: str | None
    think: str | None
    answer: str | None
    well_formed: bool
    """Each pair of tags exactly once, in order, none inside another."""


def parse(text: str) -> Response:
    """Take an answer apart. Words around and between the parts are allowed; tags are lower case and without blanks."""
    if plain := _PLAIN.fullmatch(text):  # no other "<" anywhere, as a rule
        return Response(plain[1], plain[2], plain[3], well_formed=True)
    tags = list(_TAGS.finditer(text))
    found = [(tag[1], tag[2]) for tag in tags]
    perception, think, answer = (_body(text, tags, found, part) for part in PARTS)
    return Response(perception, think, answer, well_formed=found == _IN_ORDER)


def _body(text: str, tags: list[re.Match[str]], found: list[tuple[str, str]], part: str) -> str | None:
    """What stands between the one opening and the one closing tag of `part`, if no other tag does."""
    if found.count(("", part)) != 1 or found.count(("/", part)) != 1:
        return None
    opening = found.index(("", part))
    if opening + 1 == len(found) or found[opening + 1] != ("/", part):
        return None
    return text[tags[opening].end() : tags[opening + 1].start()]


def compose(perception: str, think: str, answer: str) -> str:
    """The text of an answer in the form that models are taught: `parse` gives the parts back."""
    return f"<perception>\n{perception}</perception><think> {think}</think><answer>{answer}</answer>"


def action_of(game: Game, response: Response) -> int:
    """The action that an answer means; -1 where none is readable."""
    action = None if response.answer is None else game.parse(response.answer)
    return -1 if action is None else action


def misread(game: Game, state: Records, perception: str | None) -> npt.NDArray[np.bool_]:
    """The cells of state[1] that a perception has wrong, [rows, cols]: all of them where it is missing or no board."""
    truth = game.board(state)[0]
    return np.ones(truth.shape, np.bool_) if perception is None else game.perceived(perception) != truth
