"""The report in a real browser: the same pixels as the engine's, everything by keyboard, nothing from a network."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import replay
from engine.game import UNREADABLE, make
from engine.ticket import GameSpec
from g1train.report import page, sources
from g1train.report.levels import title_of
from tests import browser, folders
from tests.browser import Page, open_page

pytestmark = pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium here; .ci/run installs one where it can")

SETTINGS = {
    "2048": {}, "2048 hard": {"level": "hard"}, "shisen": {}, "shisen hard": {"level": "hard", "rows": 4},
    "shisen icons": {"tiles": "icons", "pictures_per_class": 3}, "swap": {"tile_px": 28, "strip": False},
    "swap extreme": {"level": "extreme", "rows": 6, "cols": 6},
}  # fmt: skip
"""At least one game with each thing that a level can ask for."""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "evaluated"
    games = {label: (label.split()[0], make(label.split()[0], **of).settings) for label, of in SETTINGS.items()}  # type: ignore[arg-type]
    return folders.write_evaluation(folder, games, {"half": 0.5}, num_episodes=2, num_turns=4, num_groups=1)


@pytest.fixture(scope="module")
def report(evaluated: Path) -> Path:
    out = evaluated.parent / "report.html"
    run = folders.write_run(evaluated.parent / "run", {"2048": GameSpec("2048"), "swap": GameSpec("swap")})
    page.write(page.build(sources.read_all([evaluated, run]), most_replays=10), out)
    return out


@pytest.fixture(scope="module")
def opened(report: Path) -> Iterator[Page]:
    with open_page(report, 1280, 900) as found:
        yield found
        assert found.errors == []


def pixels(opened: Page) -> np.ndarray:
    """The canvas, uint8[height, width, 3]."""
    data = opened.evaluate("byId('frame').toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2])))
    assert picture.convert("RGBA").getchannel("A").getextrema() == (255, 255)
    return np.asarray(picture.convert("RGB"))


@pytest.mark.parametrize("label", SETTINGS)
def test_the_page_draws_the_pixels_that_the_engine_draws(opened: Page, evaluated: Path, label: str) -> None:
    titles = [shelf["title"] for shelf in opened.evaluate("viewer.data.shelves")]
    found = list(replay.read(evaluated / "episodes" / "half.jsonl"))
    name, settings = label.split()[0], make(label.split()[0], **SETTINGS[label]).settings  # type: ignore[arg-type]
    episodes = [one for one in found if (one.game, one.settings, len(one.turns) > 1) == (name, settings, True)]
    opened.evaluate(
        f"viewer.openShelf({titles.index(f'evaluated · half · {title_of(name, settings)} · episodes, temperature 1')})"
    )
    for number, one in enumerate(episodes):
        opened.evaluate(f"viewer.open({number})")
        game, states = replay.play_again(one)
        for turn, frame in enumerate(game.render(states[:-1])):
            opened.evaluate(f"viewer.seek({turn})")
            np.testing.assert_array_equal(pixels(opened), frame)


def state_of(opened: Page) -> list[int]:
    return list(opened.evaluate("[viewer.shelf, viewer.number, viewer.turn, viewer.chosen]"))


def test_everything_can_be_done_by_keyboard(opened: Page) -> None:
    opened.evaluate("viewer.openShelf(0)")
    opened.evaluate("document.querySelector('#screen').scrollIntoView({behavior: 'instant', block: 'center'})")
    opened.evaluate("new Promise(done => setTimeout(done, 200))")  # until it knows that it is seen
    for key, place in (
        ("ArrowRight", [0, 0, 1]), ("ArrowRight", [0, 0, 2]), ("ArrowLeft", [0, 0, 1]), ("End", [0, 0, 3]),
        ("Home", [0, 0, 0]), ("]", [0, 1, 0]), ("]", [0, 0, 0]), ("[", [0, 1, 0]),
    ):  # fmt: skip
        opened.press(key)
        opened.evaluate("new Promise(done => setTimeout(done, 50))")  # a replay is unpacked
        assert state_of(opened)[:3] == place, key
    opened.evaluate("byId('speed').value = '30', byId('speed').dispatchEvent(new Event('change'))")
    opened.press(" ")
    opened.evaluate("new Promise(done => setTimeout(done, 400))")
    assert state_of(opened)[2] == 3, "it plays to the end"
    assert opened.evaluate("viewer.playing") is None, "and stops there"


def test_what_was_said_is_compared_with_what_is_there(opened: Page, evaluated: Path) -> None:
    opened.evaluate("viewer.openShelf(0)")
    one = next(iter(replay.read(evaluated / "episodes" / "half.jsonl")))
    game, states = replay.play_again(one)
    for turn, said in enumerate(one.turns):
        opened.evaluate(f"viewer.seek({turn})")
        text = said.tries[0].text or ""
        seen = game.perceived(text.partition("<perception>")[2].partition("</perception>")[0])
        wrong = int((seen != game.board(states[turn : turn + 1])[0]).sum())
        if (seen == UNREADABLE).all():  # no board of this size: that is said instead
            assert opened.evaluate("byId('seen').textContent").startswith("What it describes is no board")
            continue
        assert opened.evaluate("document.querySelectorAll('#seen .wrong').length") == wrong
        assert opened.evaluate("document.querySelectorAll('#marks .misread').length") == wrong
        assert opened.evaluate("document.querySelector('#facts .answer').textContent") == game.action_text(
            said.tries[0].action
        )
        assert opened.evaluate("document.querySelector('#facts .oracle').textContent") == game.action_text(
            int(game.oracle(states[turn : turn + 1])[0])
        )
        assert opened.evaluate("byId('whole').textContent") == text


def test_siblings_stand_side_by_side_with_rewards_and_advantages(opened: Page) -> None:
    titles = [shelf["title"] for shelf in opened.evaluate("viewer.data.shelves")]
    opened.evaluate(f"viewer.openShelf({titles.index('evaluated · half · 2048 · groups')})")
    rows = opened.evaluate("[...document.querySelectorAll('.siblings tbody tr')].map(row => row.textContent)")
    assert len(rows) == 5
    assert "unreadable" in rows[-1]
    paid = opened.evaluate("viewer.turns[0].tries.map(one => [one.reward.R, one.advantage])")
    rewards = np.array([reward for reward, _ in paid])
    wanted = (rewards - rewards.mean()) / (rewards.std(ddof=1) + 1e-6)
    np.testing.assert_allclose([advantage for _, advantage in paid], wanted, atol=1e-3)
    opened.evaluate("document.querySelectorAll('.siblings button')[4].click()")
    assert opened.evaluate("byId('whole').textContent") == "I cannot tell"
    assert opened.evaluate("document.activeElement.textContent") == "5"


def test_light_and_dark_can_be_chosen(opened: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    by_day = opened.evaluate(ground)
    opened.evaluate("byId('theme').click()")
    by_night = opened.evaluate(ground)
    opened.evaluate("byId('theme').click()")
    assert (by_day, by_night) == ("rgb(247, 246, 242)", "rgb(19, 21, 23)")
    assert opened.evaluate(ground) == by_day


def test_a_chart_says_its_values_where_the_pointer_is(opened: Page) -> None:
    told = opened.evaluate("""(() => {
      const chart = document.querySelector('svg.chart'), box = chart.getBoundingClientRect();
      const at = { clientX: box.right - 12, clientY: box.top + 20, bubbles: true };
      chart.dispatchEvent(new PointerEvent('pointermove', at));
      return chart.parentElement.querySelector('.tip').innerText;
    })()""")
    assert told.split("\n")[0] == "step 3"
    assert told.split("\n")[1].startswith("run ")


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_sticks_out_and_all_text_can_be_read(opened: Page, width: int, dark: bool) -> None:
    opened.size(width, 800, dark=dark, phone=width < 500)
    try:
        assert opened.evaluate("document.documentElement.scrollWidth") == width
        faint = opened.evaluate(CONTRAST)
        assert faint == [], "text with too little contrast (WCAG AA: 4.5)"
    finally:
        opened.size(1280, 900)


CONTRAST = """(() => {
  const probe = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    probe.clearRect(0, 0, 1, 1); probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1);
    return [...probe.getImageData(0, 0, 1, 1).data];
  };
  const linear = (byte) => (byte <= 10 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest('script, svg, .tip, .skip, option')) continue;
    const [a, b] = [light(rgba(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const words = node.textContent.trim().slice(0, 20);
    if (ratio < 4.5) faint.push(`${node.className || node.tagName} ${words} ${ratio.toFixed(2)}`);
  }
  return [...new Set(faint)];
})()"""


def test_a_page_asks_nobody_for_anything(report: Path) -> None:
    text = report.read_text()
    assert "http://www.w3.org" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not [line for line in text.splitlines() if "src=" in line or ("href=" in line and 'href="#' not in line)]
    assert "default-src 'none'" in text


def test_texts_of_models_are_never_markup(tmp_path: Path) -> None:
    """A model that says <script> is shown saying it."""
    evil = "</script><script>globalThis.caught = 1</script><img src=x onerror='globalThis.caught = 1'>"
    folder = folders.write_evaluation(tmp_path / "evil", {"2048": ("2048", {})}, {"half": 0.5}, 1, 2)
    file = folder / "episodes" / "half.jsonl"
    line = json.loads(file.read_text())
    line["turns"][0][0][0][1] = f"<perception>{evil}</perception><think>{evil}</think><answer>up</answer>"
    file.write_text(json.dumps(line) + "\n")
    results = json.loads((folder / "results.json").read_text())
    results["by_game"]["2048"]["players"][evil] = results["by_game"]["2048"]["players"].pop("half")
    (folder / "results.json").write_text(json.dumps(results))
    out = tmp_path / "evil.html"
    page.write(page.build(sources.read_all([folder]), 5), out)
    with open_page(out) as opened:
        assert opened.evaluate("globalThis.caught") is None
        assert opened.evaluate("byId('reason').textContent") == evil
        assert opened.errors == []
