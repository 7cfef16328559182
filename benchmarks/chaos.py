"""Training that is killed and frozen at random moments, many times over: every run goes on. Not in CI.

    python benchmarks/chaos.py [--runs 60] [--folder runs/chaos] [--save]

Each run is real training of a nano model (base, cold start, RL, evaluations; every third run with vLLM, the others with
transformers) under five misfortunes: SIGKILL or SIGSTOP, to trainer, node, vLLM's engine, pool or a worker, in a weight
transfer, a checkpoint or any moment (tests/misfortunes.py). Who is killed as trainer is resumed. A row says whether it
came to its end, the longest time without a line on its console, and whether the weights and measures of a transformers
run are, bit for bit, those of an undisturbed one.

About a minute and a half a run on two cores. It may be stopped at any time: what is done is in `--folder`, and is not
done again. It fails if a run ended, was silent for a minute, or came to something else.
"""

import argparse
import json
import random
import shutil
import sys
from pathlib import Path

from common import Row, report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests import misfortunes

NUM_DEEDS = 5
MAX_SILENCE_S = 60.0
SETTINGS: dict[str, object] = {"rl.steps": 12}


def one_run(number: int, folder: Path, calm: Path) -> Row:
    """Run `number`, whose misfortunes follow from it."""
    backend = "vllm" if number % 3 == 2 else "transformers"
    deeds = misfortunes.random_deeds(random.Random(number), backend, NUM_DEEDS)
    row: Row = {
        "run": number, "backend": backend, "misfortunes": "", "resumed": 0, "silence s": None, "after": "", "s": None,
        "equal": None, "ended": "",
    }  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    try:
        outcome = misfortunes.storm(folder, backend, deeds, number, SETTINGS)
        row["equal"] = _equal(folder / "nano-2048", calm) if backend == "transformers" else None
    except (misfortunes.Misfortune, OSError) as error:
        (folder.parent / f"{folder.name}.txt").write_text(str(error))
        return {**row, "ended": str(error).partition("\n")[0]}
    shutil.rmtree(folder)
    silence = {"silence s": outcome.silence_s, "after": outcome.silent_after[:60]}
    return {
        **row,
        "misfortunes": ", ".join(outcome.done),
        "resumed": outcome.num_resumed,
        **silence,
        "s": outcome.seconds,
    }


def _equal(run: Path, calm: Path) -> bool:
    same_weights = misfortunes.weights(run) == misfortunes.weights(calm)
    return same_weights and misfortunes.measured(run) == misfortunes.measured(calm)


def all_runs(num_runs: int, folder: Path) -> list[Row]:
    """The rows of all runs, those of an earlier call among them."""
    folder.mkdir(parents=True, exist_ok=True)
    journal, calm = folder / "journal.jsonl", folder / "calm"
    rows = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    if not (calm / "nano-2048" / "results.json").exists():
        shutil.rmtree(calm, ignore_errors=True)
        misfortunes.storm(calm, "transformers", [], 0, SETTINGS)
    for number in sorted(set(range(num_runs)) - {row["run"] for row in rows}):
        row = one_run(number, folder / f"run-{number:03d}", calm / "nano-2048")
        print(row, file=sys.stderr, flush=True)
        with journal.open("a") as file:
            file.write(json.dumps(row) + "\n")
        rows.append(row)
    return sorted(rows, key=lambda row: row["run"])[:num_runs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--folder", type=Path, default=Path("runs/chaos"))
    chosen = parser.parse_args()
    rows = all_runs(chosen.runs, chosen.folder)
    bad = [row for row in rows if row["ended"] or row["silence s"] > MAX_SILENCE_S or row["equal"] is False]
    num_equal = sum(row["equal"] is True for row in rows)
    num_deeds = sum(len(row["misfortunes"].split(", ")) for row in rows if row["misfortunes"])
    silence_s = max((row["silence s"] for row in rows if row["silence s"] is not None), default=0.0)
    title = (
        f"Training under misfortunes: {len(rows)} runs, {num_deeds} misfortunes, {len(bad)} bad runs, "
        f"{num_equal} equal to an undisturbed one, longest silence {silence_s:.0f} s"
    )
    report("chaos-training", title, rows, repeats=1)
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    main()
