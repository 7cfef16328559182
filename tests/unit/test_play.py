"""Human play: what events do, what the file says, and a real window under Xvfb with real keys and clicks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pygame
import pytest

import engine
from engine.errors import ConnectError
from engine.games.answers import action_cells
from engine.play.judge import cells_of
from engine.play.screen import Screen, open_screen
from engine.play.session import Session
from engine.play.window import Player
from engine.replay import play_again, read
from engine.start import start_record
from engine.ticket import Start

PAIR_GAMES = [name for name in engine.game_names() if engine.make(name).cells_per_action == 2]


pytestmark = pytest.mark.usefixtures("unseen_window")


def player(tmp_path: Path, game: str = "2048", seed: int = 3) -> Player:
    session = Session(game, "normal", seed, {"tile_px": 28}, tmp_path)
    made = Player(session)
    made.screen = open_screen(made.scene())
    made.screen.draw(made.scene())
    return made


def press(who: Player, *keys: int) -> None:
    """Through SDL's own queue, as a window would get them."""
    pygame.event.clear()
    for key in keys:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
    for event in pygame.event.get():
        who.handle(event)
    who.screen.draw(who.scene())


def drag(who: Player, start: tuple[int, int], end: tuple[int, int] | None = None) -> None:
    pygame.event.clear()
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONDOWN, button=1, pos=start))
    pygame.event.post(pygame.event.Event(pygame.MOUSEBUTTONUP, button=1, pos=end or start))
    for event in pygame.event.get():
        who.handle(event)
    who.screen.draw(who.scene())


def cell_places(who: Player) -> dict[tuple[int, int], tuple[int, int]]:
    """A place of the window for each cell, found by asking everywhere."""
    width, height = pygame.display.get_window_size()
    places = ((x, y) for x in range(0, width, 6) for y in range(0, height, 6))
    return {cell: place for place in places if (cell := who.screen.cell_at(place))}


def test_arrows_and_drags_slide(tmp_path: Path) -> None:
    who, twin = player(tmp_path), engine.make("2048", tile_px=28)
    state = start_record(twin, Start(3))
    press(who, pygame.K_LEFT, pygame.K_UP)
    centre = cell_places(who)[1, 1]
    for across, down in ((60, 5), (-60, 9), (3, 60), (3, -60), (5, 5)):
        drag(who, centre, (centre[0] + across, centre[1] + down))
    assert who.session.actions == [3, 0, 1, 3, 2, 0]
    for action in who.session.actions:
        twin.step(state, [action])
    assert who.session.state.tobytes() == state.tobytes()


def test_buttons_and_letters(tmp_path: Path) -> None:
    who = player(tmp_path)
    start = who.session.state.tobytes()
    press(who, pygame.K_RIGHT, pygame.K_DOWN, pygame.K_h)
    assert who.view.hint.split(":")[0] in ("up", "right", "down", "left")
    assert who.session.hints == 1
    press(who, pygame.K_u, pygame.K_u, pygame.K_u)
    assert who.session.state.tobytes() == start
    assert who.view.message == "nothing to take back"
    press(who, pygame.K_t)
    shown = [who.view.truth]
    width, height = pygame.display.get_window_size()
    for name in ("hint", "undo", "truth", "new"):
        places = ((x, y) for x in range(0, width, 8) for y in range(0, height, 8))
        drag(who, next(place for place in places if who.screen.button_at(place) == name))
    shown.append(who.view.truth)
    assert shown == [True, False]
    assert who.session.seed == 4
    running = [who.running]
    press(who, pygame.K_q)
    assert [*running, who.running] == [True, False]
    again = player(tmp_path)
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    again.handle(pygame.event.get(pygame.QUIT)[0])
    assert not again.running


@pytest.mark.parametrize("name", PAIR_GAMES)
def test_two_cells_by_mouse_and_by_keyboard(tmp_path: Path, name: str) -> None:
    who = player(tmp_path, name)
    game, places = who.session.game, cell_places(who)
    assert len(places) == game.rows * game.cols
    press(who, pygame.K_h)
    best = int(game.oracle(who.session.state)[0])
    (r1, c1), (r2, c2) = action_cells(best, 2, game.rows, game.cols)
    assert who.view.hinted == [(r1, c1), (r2, c2)]
    drag(who, places[r1, c1])
    drag(who, places[r1, c1])
    assert who.view.chosen is None
    drag(who, places[r1, c1])
    drag(who, places[r2, c2])
    press(who, pygame.K_u, pygame.K_RIGHT)
    by_keys = [pygame.K_DOWN] * r1 + [pygame.K_RIGHT] * c1 + [pygame.K_RETURN]
    by_keys += [pygame.K_DOWN] * ((r2 - r1) % game.rows) + [pygame.K_RIGHT] * ((c2 - c1) % game.cols)
    press(who, *by_keys, pygame.K_SPACE)
    assert (who.session.actions, who.session.undone) == ([best], 1)
    assert "reward +1" in who.view.message


@pytest.mark.parametrize("name", engine.game_names())
def test_what_a_person_plays_is_a_replay(tmp_path: Path, name: str) -> None:
    session = Session(name, "normal", 5, {"tile_px": 28, "strip": False}, tmp_path)
    states = [session.state.copy()]
    for _ in range(4):
        session.act(int(session.game.oracle(session.state)[0]))
        states.append(session.state.copy())
    session.act(0)
    session.hint()
    session.undo()
    (episode,) = read(session.path)
    _, again = play_again(episode)
    assert again.tobytes() == np.concatenate(states).tobytes()
    assert (episode.player, episode.start, episode.score) == ("human", Start(5), session.score)
    assert {"level": "normal", "hints": 1, "undone": 1}.items() <= episode.notes.items()
    assert [path.suffix for path in tmp_path.iterdir()] == [".jsonl"]


def test_people_and_models_start_from_equal_boards(tmp_path: Path) -> None:
    session = Session("shisen", "normal", 5, {"tile_px": 28}, tmp_path)
    assert session.state.tobytes() == start_record(session.game, Start(5)).tobytes()


def test_clock_stops_with_the_game_and_undo_wakes_it(tmp_path: Path) -> None:
    now = [100.0]
    session = Session("2048", folder=tmp_path, settings={"rows": 2, "cols": 2, "tile_px": 28}, clock=lambda: now[0])
    while not session.ended:
        now[0] += 1
        session.act(len(session.actions) % 4)
    num_moves = len(session.actions)
    now[0] += 50
    assert session.elapsed_s == num_moves
    assert session.hint() is None
    session.act(0)
    assert len(session.actions) == num_moves
    assert session.undo()
    assert session.elapsed_s == num_moves + 50


def test_window_shows_the_frame_itself(tmp_path: Path) -> None:
    session = Session("2048", "hard", 3, {"tile_px": 168, "strip": False}, tmp_path)
    window = pygame.display.set_mode((672 + 24 + 340 + 400, 672 + 24))
    Screen().draw(Player(session).scene())
    seen = pygame.surfarray.array3d(window).swapaxes(0, 1)
    frame = session.game.render(session.state)[0]
    left = (window.get_width() - 340 - 672) // 2
    assert np.array_equal(seen[12:-12, left : left + 672], frame)


def test_cells_of_a_line() -> None:
    assert cells_of("- 2 4 -", 4) == ["-", "2", "4", "-"]
    assert cells_of("Red star - Blue ring", 3) == ["Red star", "-", "Blue ring"]
    assert cells_of("something else entirely", 4) == ["something else entirely"]


def test_without_a_display_there_is_one_clear_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "x11")
    monkeypatch.setenv("DISPLAY", ":991")
    with pytest.raises(ConnectError, match="no window can be opened"):
        open_screen(Player(Session("2048", folder=tmp_path)).scene())


@pytest.mark.parametrize("ending", ["key", "interrupt"])
def test_a_real_window_takes_real_keys_and_clicks(tmp_path: Path, x_display: str, ending: str) -> None:
    script = (
        "import sys; from pathlib import Path; from engine.play.window import main; print(main('2048', 'normal', 3, "
    )
    script += f"{{'tile_px': 56}}, Path({str(tmp_path)!r})))"
    environment = {**os.environ, "DISPLAY": x_display, "SDL_VIDEODRIVER": "x11"}

    def xdotool(*words: str) -> None:
        subprocess.run(["xdotool", *words], env=environment, check=True, timeout=30, capture_output=True)

    def moves(num: int) -> list[int]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for path in tmp_path.glob("*.jsonl"):
                (episode,) = read(path)
                if len(episode.turns) == num:
                    return [turn.action for turn in episode.turns]
            time.sleep(0.05)
        raise AssertionError(f"no {num} moves were kept")

    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True) as play:
        try:
            xdotool("search", "--sync", "--onlyvisible", "--class", "g1-play")
            xdotool("mousemove", "300", "300", "key", "Left", "key", "Up")
            assert moves(2) == [3, 0]
            xdotool("mousedown", "1", "mousemove", "420", "310", "mouseup", "1")
            assert moves(3) == [3, 0, 1]
            xdotool("search", "--class", "g1-play", "windowsize", "--sync", "700", "500")
            xdotool("key", "u")
            assert moves(2) == [3, 0]
            if ending == "key":
                xdotool("key", "q")
            else:
                play.send_signal(signal.SIGINT)
            told, _ = play.communicate(timeout=30)
        finally:
            play.kill()
    assert play.returncode == 0
    assert told.strip().endswith(".jsonl")


def test_without_a_display_there_is_one_line(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "SDL_VIDEODRIVER")}
    command = [sys.executable, "-m", "g1train.cli", "play", "2048", "--plays", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "g1: no window can be opened: there is no display here (DISPLAY is not set)\n"
