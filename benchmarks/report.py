"""The report's size, its time to first paint, and frames a second while scrubbing, in headless Chromium without a GPU.

    python benchmarks/report.py [RUN_FOLDER] [--save]

An evaluation of 10,000 steps a game: 100 episodes of 100 steps by one player who misreads a cell now and then, each
answer with 150 words of reasoning drawn at random, which compress worse than a model's. Beside it a run's folder, if
one is given. Scrubbing goes to another turn as soon as the last one is shown: everything on the page is made anew.
"""

import sys
import tempfile
import time
from pathlib import Path

from common import Row, report

sys.path.insert(0, str(Path(__file__).parents[1]))
from engine import replay
from engine.game import make
from engine.games.grid import GridGame
from g1train.report import page, sources
from g1train.report.book import Book
from g1train.report.replays import packed
from tests import folders
from tests.browser import open_page

GAMES = {
    "2048": {}, "shisen": {}, "swap": {}, "shisen hard": {"level": "hard", "rows": 6, "cols": 6},
    "swap hard": {"level": "hard", "rows": 8, "cols": 8},
}  # fmt: skip
NUM_EPISODES, NUM_TURNS, NUM_WORDS = 100, 100, 150
NUM_RUNS = 3
NUM_SCRUBBED = 300
PAINTED = """new Promise((done) => new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (one.name === 'first-contentful-paint') done(one.startTime);
}).observe({ type: 'paint', buffered: true }))"""
SCRUB = f"""(async () => {{
  const began = performance.now();
  for (let step = 0; step < {NUM_SCRUBBED}; step++) {{
    viewer.seek((step * 7) % viewer.turns.length);
    await new Promise(requestAnimationFrame);
  }}
  return {NUM_SCRUBBED} * 1000 / (performance.now() - began);
}})()"""
DRAW = f"""(() => {{
  const began = performance.now();
  for (let step = 0; step < {NUM_SCRUBBED}; step++) viewer.seek((step * 7) % viewer.turns.length);
  return (performance.now() - began) / {NUM_SCRUBBED};
}})()"""


def evaluation(folder: Path, label: str) -> Path:
    """10,000 steps; Shisen-Sho and ended games have fewer a game, so there are more of them."""
    name = label.split()[0]
    settings = make(name, **GAMES[label]).settings  # type: ignore[arg-type]
    short = folders.episode("half", name, settings, 1, NUM_TURNS, 0.5)
    num_episodes = NUM_EPISODES * NUM_TURNS // len(short.turns)
    return folders.write_evaluation(
        folder / label.replace(" ", "-"), {label: (name, settings)}, {"half": 0.5}, num_episodes, NUM_TURNS,
        padding=NUM_WORDS,
    )  # fmt: skip


def frame_bytes(folder: Path) -> float:
    """Bytes that a frame takes in the page: all frames of the first episodes by themselves, packed."""
    size, num = 0, 0
    for one in list(replay.read(next((folder / "episodes").glob("*.jsonl"))))[:10]:
        game, states = replay.play_again(one)
        assert isinstance(game, GridGame)
        book = Book(game)
        book.use(states)
        size += len(packed(book.frames(states)))
        num += len(states)
    return size / num


def measure(what: str, folder: Path, out: Path) -> Row:
    began = time.perf_counter()
    found = page.build(sources.read_all([folder]), most_replays=10_000)
    page.write(found, out)
    seconds = time.perf_counter() - began
    paints, rates, draws, steps = [], [], [], 0
    for _ in range(NUM_RUNS):
        with open_page(out) as opened:
            paints.append(opened.evaluate(PAINTED))
            steps = opened.evaluate("viewer.data.shelves.flatMap(s => s.reels).reduce((n, r) => n + r.num_answers, 0)")
            opened.evaluate("document.querySelector('#viewer').scrollIntoView({behavior: 'instant'})")
            rates.append(opened.evaluate(SCRUB))
            draws.append(opened.evaluate(DRAW))
    median = NUM_RUNS // 2
    return {
        "what": what, "answers": steps, "MB": out.stat().st_size / 1e6,
        "B a frame": frame_bytes(folder) if (folder / "episodes").exists() else None, "built in s": seconds,
        "first paint ms": sorted(paints)[median], "scrub frames/s": sorted(rates)[median],
        "ms a turn": sorted(draws)[median],
    }  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="g1-report-") as name:
        folder = Path(name)
        rows = [measure(f"{label}, 10,000 steps", evaluation(folder, label), folder / "report.html") for label in GAMES]
        for run in (Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")):
            rows.append(measure(f"run {run.name}", run, folder / "report.html"))
    report("report", "Report: size, time to first paint, scrubbing", rows, NUM_RUNS)


if __name__ == "__main__":
    main()
