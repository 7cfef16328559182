"""Replays in a window: what keys, clicks and the bar show, what is marked, films, and a real window under Xvfb."""

import os
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pygame
import pytest

from engine.answer import compose
from engine.errors import ConfigError
from engine.play import film, judge, viewer
from engine.play.paint import CHOSEN, GOOD, HINTED, LONGEST, WRONG, broken, font
from engine.play.screen import Screen, open_screen
from engine.play.viewer import Viewer
from engine.replay import Episode, Try, Turn, append, make_episode
from engine.start import make_game, start_record
from engine.ticket import GameSpec, Start
from tests.processes import eventually

pytestmark = pytest.mark.usefixtures("unseen_window")
NUM_TURNS = 12


def played(name: str = "2048", num_turns: int = NUM_TURNS, seed: int = 3, wrong: bool = False) -> Episode:
    """The oracle's answers; with `wrong` each says that the first cell is what the last one is."""
    spec = GameSpec(name, {"tile_px": 56})
    game = make_game(spec)
    state = start_record(game, Start(seed, 8))
    turns = []
    for _ in range(num_turns):
        best, truth = int(game.oracle(state)[0]), game.describe(state)[0]
        words = judge.words_of(truth, game.cols)
        if wrong:
            words[0][0] = next(cell for line in words for cell in line if cell != words[0][0])
        sight = "\n".join(" ".join(line) for line in words)
        turns.append(Turn([Try(best, compose(sight, "because it merges", game.action_text(best)))]))
        game.step(state, [best])
    return make_episode("somebody", spec, Start(seed, 8), turns)


def opened(*episodes: Episode) -> Viewer:
    made = Viewer(episodes or [played(), played(num_turns=3, seed=4), played(num_turns=0)], clock=lambda: now[0])
    made.screen = open_screen(made.scene())
    made.screen.draw(made.scene())
    return made


now = [0.0]


def press(who: Viewer, *keys: int) -> None:
    pygame.event.clear()
    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
    for event in pygame.event.get():
        who.handle(event)
    who.tick()
    who.screen.draw(who.scene())


def places(who: Viewer, name: str) -> list[tuple[int, int]]:
    """Where a button is, or the bar."""
    width, height = pygame.display.get_window_size()
    everywhere = ((x, y) for y in range(0, height, 5) for x in range(0, width, 5))
    if name == "bar":
        return [place for place in everywhere if who.screen.bar_at(place) is not None]
    return [place for place in everywhere if who.screen.button_at(place) == name]


def mouse(who: Viewer, kind: int, place: tuple[int, int]) -> None:
    who.handle(pygame.event.Event(kind, button=1, pos=place))
    who.screen.draw(who.scene())


def test_keys_step_and_jump() -> None:
    who, seen = opened(), []
    for key in (
        pygame.K_RIGHT, pygame.K_RIGHT, pygame.K_LEFT, pygame.K_PAGEDOWN, pygame.K_PAGEDOWN, pygame.K_LEFT,
        pygame.K_PAGEUP, pygame.K_END, pygame.K_RIGHT, pygame.K_HOME, pygame.K_LEFT,
    ):  # fmt: skip
        press(who, key)
        seen.append(who.place)
        assert who.state.tobytes() == who.states[who.place : who.place + 1].tobytes()
    assert seen == [1, 2, 1, 11, 12, 11, 1, 12, 12, 0, 0]
    press(who, pygame.K_q)
    assert not who.running


def test_buttons_and_the_bar() -> None:
    who = opened()
    for name, expected in (("step", 1), ("step", 2), ("back", 1)):
        mouse(who, pygame.MOUSEBUTTONDOWN, places(who, name)[0])
        assert who.place == expected
    bar = places(who, "bar")
    mouse(who, pygame.MOUSEBUTTONDOWN, max(bar))
    assert who.place == NUM_TURNS
    middle = (min(bar)[0] + max(bar)[0]) // 2
    mouse(who, pygame.MOUSEMOTION, (middle, 3))
    assert who.place == NUM_TURNS // 2
    mouse(who, pygame.MOUSEMOTION, (0, 3))
    mouse(who, pygame.MOUSEBUTTONUP, (0, 3))
    mouse(who, pygame.MOUSEMOTION, (middle, 3))
    assert who.place == 0


def test_it_plays_at_its_speed_and_stops_at_the_end() -> None:
    who, seen = opened(), []
    press(who, pygame.K_PLUS, pygame.K_SPACE)
    assert (who.playing, who.speed) == (True, 4.0)
    for _ in range(4 * NUM_TURNS + 8):
        now[0] += 0.125
        who.tick()
        seen.append(who.place)
    assert seen[:6] == [0, 1, 1, 2, 2, 3]
    assert (who.place, who.playing) == (NUM_TURNS, False)
    press(who, pygame.K_SPACE)
    assert (who.place, who.playing) == (0, True)
    press(who, pygame.K_RIGHT)
    assert (who.place, who.playing) == (1, False)
    press(who, *[pygame.K_MINUS] * 9)
    assert who.speed == viewer.SPEEDS[0]
    for _ in viewer.SPEEDS:
        mouse(who, pygame.MOUSEBUTTONDOWN, places(who, "speed")[0])
    assert who.speed == viewer.SPEEDS[0]


def test_episodes_are_chosen_and_a_damaged_one_is_told() -> None:
    damaged = Episode(**{**{name: getattr(played(), name) for name in Episode.__struct_fields__}, "score": 99_999})
    who = opened(played(), played(num_turns=3, seed=4), damaged)
    press(who, pygame.K_RIGHT, pygame.K_DOWN)
    assert (who.number, who.place, who.last) == (1, 0, 3)
    press(who, pygame.K_DOWN)
    assert who.number == 1
    assert who.scene().panel.message.startswith("episode 3: the replay of 2048 by somebody does not reach the end")
    press(who, pygame.K_UP)
    assert (who.number, who.trouble) == (0, "")
    with pytest.raises(ValueError, match="does not reach the end"):
        Viewer([damaged])


@pytest.mark.parametrize("name", ["2048", "shisen", "swap"])
def test_what_is_said_is_shown_against_the_truth(name: str) -> None:
    for wrong in (False, True):
        who = opened(played(name, wrong=wrong))
        scene, judged = who.scene(), who.judged
        assert judged is not None
        assert scene.seen is not None
        assert judged.said is not None
        assert np.argwhere(scene.seen.wrong).tolist() == ([[0, 0]] if wrong else [])
        sees, thinks, answers, oracle = scene.panel.sections
        assert (thinks.text, answers.text) == ("because it merges", who.game.action_text(judged.best))
        assert oracle.text.startswith(answers.text)
        truth = judge.words_of(who.game.describe(who.state)[0], who.game.cols)[0][0]
        num_cells = who.game.rows * who.game.cols
        if wrong:
            assert sees.text == f"1 of {num_cells} cells wrong: (0, 0) {scene.seen.words[0][0]} instead of {truth}"
        else:
            assert (sees.text, sees.colour) == (f"all {num_cells} cells as they are", GOOD)
        assert scene.moves == [(judged.best, CHOSEN), (judged.best, HINTED)]
        assert "reward +1" in scene.panel.message
        assert (WRONG in at_the_left_of_the_first_cell(who)) == wrong


def at_the_left_of_the_first_cell(who: Viewer) -> set[tuple[int, ...]]:
    """The colours of a few pixels as drawn."""
    surface = pygame.display.get_surface()
    assert surface is not None
    width, height = surface.get_size()
    inside = ((x, y) for x in range(width) for y in range(height) if who.screen.cell_at((x, y)) == (0, 0))
    x, y = next(inside)
    return {tuple(surface.get_at((x + more, y + 40)))[:3] for more in range(4)}


def test_what_is_no_board_or_no_answer_is_said_so() -> None:
    texts = ["", "<perception>2 4", "<perception>2 4</perception><think>a</think><answer>jump</answer>"]
    texts += ["a\x00b\ud800<answer>up</answer>\t" + "m" * 3 * LONGEST, "<perception></perception>" * 2]
    actions = [-1, -1, -1, 0, -1]
    spec = GameSpec("2048", {"tile_px": 56})
    turns = [Turn([Try(action, text) for action, text in zip(actions, texts, strict=True)])]
    who, told = opened(make_episode("somebody", spec, Start(1), turns)), []
    for _ in texts:
        scene = who.scene()
        assert scene.seen is None
        told.append((scene.panel.sections[0].text.split(":")[0], scene.panel.sections[1].heading))
        press(who, pygame.K_TAB)
    nothing, raw = "nothing", "Its words, as they are"
    assert told == [
        (nothing, raw),
        (nothing, raw),
        ("no board of 4 x 4 cells", "It thinks"),
        (nothing, raw),
        (nothing, raw),
    ]
    assert who.scene().panel.message == "no readable action: reward -1"
    assert who.scene().panel.sections[-1].heading == "Answer 1 of 5 · Tab for the next"
    press(who, pygame.K_TAB, pygame.K_TAB, pygame.K_w)
    assert who.scene().panel.sections[1].text == texts[2]


def test_what_can_be_switched() -> None:
    who = opened()
    press(who, pygame.K_o)
    assert [len(who.scene().moves), len(who.scene().panel.sections)] == [1, 3]
    press(who, pygame.K_t)
    assert who.scene().words == judge.words_of(who.game.describe(who.state)[0], 4)
    who.handle(pygame.event.Event(pygame.MOUSEWHEEL, y=-3))
    assert who.scene().panel.scroll == 3
    press(who, pygame.K_END)
    assert who.scene().panel.message == "nothing was answered to this any more"


def test_people_say_nothing() -> None:
    spec = GameSpec("swap", {"tile_px": 56})
    game = make_game(spec)
    best = int(game.oracle(start_record(game, Start(1)))[0])
    who = opened(make_episode("human", spec, Start(1), [Turn([Try(best)])]))
    assert [section.heading for section in who.scene().panel.sections] == ["The oracle"]
    assert who.scene().seen is None


def test_lines_fit_their_width() -> None:
    text = "a word and " + "x" * 500 + "\n\nand\tmore " * 3
    lines = broken(text, 15, 200)
    assert max(font(15).size(line)[0] for line in lines) <= 200
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace("\t", "\ufffd").replace(" ", "")
    assert broken("m" * 10 * LONGEST, 15, 10_000)[-1].endswith("…")


@pytest.mark.parametrize("size", [(560, 420), (700, 900), (1600, 700)])
def test_any_window_has_room(size: tuple[int, int]) -> None:
    who = opened(played("shisen", wrong=True))
    surface = pygame.Surface(size)
    screen = Screen(surface)
    who.switches.words = True
    screen.draw(who.scene())
    assert screen.cell_at((size[0] // 4, size[1] // 2)) is not None


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_films(tmp_path: Path, ending: str) -> None:
    who = Viewer([played(num_turns=4)])
    path = tmp_path / "made" / f"film{ending}"
    assert film.export(who, path, 4) == 5
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    drawn = np.stack(list(film.pictures(who)))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    decoded = subprocess.run(command, capture_output=True, check=True).stdout
    shown = np.frombuffer(decoded, np.uint8).reshape(-1, *drawn.shape[1:])
    assert len(shown) == len(drawn)
    assert np.abs(shown.astype(int) - drawn).mean() < 6  # colours of a GIF are few, those of a film are packed
    assert len({picture.tobytes() for picture in drawn}) == 5


def test_films_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    who = Viewer([played(num_turns=1)])
    with pytest.raises(ConfigError, match=r"ends neither in \.gif nor in \.mp4"):
        film.export(who, tmp_path / "film.avi", 2)
    for module, ending in (("PIL", "gif"), ("imageio.v2", "mp4"), ("imageio_ffmpeg", "mp4")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ConfigError, match=rf"films need {module}.*pip install 'g1-vlm\[video\]'"):
            film.export(who, tmp_path / f"film.{ending}", 2)
        monkeypatch.undo()
    with pytest.raises(ConfigError, match=r"/proc/film\.gif cannot be written"):
        film.export(who, Path("/proc/film.gif"), 2)
    assert not list(tmp_path.iterdir())


def g1(*words: str | Path, display: str = "") -> subprocess.Popen[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "SDL_VIDEODRIVER")}
    environment |= {"DISPLAY": display, "SDL_VIDEODRIVER": "x11"} if display else {}
    command = [sys.executable, "-m", "g1train.cli", *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_the_command_line(tmp_path: Path) -> None:
    """One clear line for what cannot be shown; a film needs no display, and nothing greets."""
    good, damaged, other = tmp_path / "good.jsonl", tmp_path / "damaged.jsonl", tmp_path / "other.toml"
    append(good, played(num_turns=1))
    damaged.write_text(good.read_text().replace('"seed":3', '"seed":4'))
    other.write_text("name = 1\n")
    film_path = tmp_path / "film.gif"
    cases: list[tuple[tuple[str | Path, ...], int, str]] = [
        ((good, "--episode", "2"), 2, "there is 1 episode in"),
        ((damaged,), 2, "the replay of 2048 by somebody does not reach the start"),
        ((other,), 2, "other.toml, line 1, is no episode"),
        ((tmp_path / "absent",), 2, "No such file"),
        ((good,), 2, "no window can be opened"),
        ((good, "--export", film_path), 0, ""),
    ]
    running = [(g1("replay", *words), status, said) for words, status, said in cases]
    for process, status, said in running:
        out, err = process.communicate(timeout=120)
        assert process.returncode == status
        assert (err.splitlines() or [""])[-1].removeprefix("g1: ").find(said) >= 0
        assert "Traceback" not in err
        assert out == ("" if status else f"wrote {film_path}: 2 states, 1.0 s\n")


def test_a_real_window(tmp_path: Path, x_display: str) -> None:
    append(tmp_path / "some.jsonl", played())
    environment = {**os.environ, "DISPLAY": x_display}

    def xdotool(*words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=environment, check=True, timeout=60, capture_output=True)
        return done.stdout.decode()

    with g1("replay", tmp_path / "some.jsonl", display=x_display) as process:
        try:
            window = xdotool("search", "--sync", "--onlyvisible", "--class", "g1-play").split()[0]
            assert xdotool("getwindowname", window).strip() == "G1: 2048"
            xdotool("mousemove", "300", "300", "key", "Right", "key", "space", "key", "t", "key", "Down")
            xdotool("key", "q")
            eventually(lambda: process.poll() is not None)
        finally:
            process.kill()
        assert process.stdout is not None
        assert (process.returncode, process.stdout.read()) == (0, "")
