"""What the benchmarks share: one core, warm-up, the median of several runs, a table, and JSON on the last line.

python benchmarks/logic.py            prints
python benchmarks/logic.py --save     and keeps it all in benchmarks/results/logic.txt
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from rich.console import Console
from rich.table import Table

RESULTS = Path(__file__).parent / "results"
REPEATS = 9
Row = dict[str, Any]


def one_core() -> None:
    """Stay on one core from here on."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@contextmanager
def log_of(name: str) -> Iterator[Path]:
    """What libraries say on standard error meanwhile, those of child processes too, goes into this file instead."""
    path, before = Path(tempfile.gettempdir()) / f"g1-bench-{name}-{os.getpid()}.log", os.dup(2)
    sys.stderr.flush()
    with path.open("wb") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield path
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)
        print(f"what libraries said is in {path}", file=sys.stderr)


def median_s(*runs: Callable[[], object], before: Callable[[], object] | None = None) -> list[float]:
    """Median seconds of each of `runs`, taken in turn so that a busy moment hits all; `before` each is not counted."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(REPEATS + 1):
        for kept, run in zip(times, runs, strict=True):
            if before is not None:
                before()
            start = time.perf_counter()
            run()
            kept.append(time.perf_counter() - start)
    return [statistics.median(kept[1:]) for kept in times]  # the first was the warm-up


def machine() -> dict[str, str]:
    """Where and when, and of what commit."""
    return {
        "cpu": processor(), "cores": str(os.cpu_count()), "system": platform.platform(),
        "python": platform.python_version(), "numba": numba.__version__, "numpy": np.__version__, "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


def processor() -> str:
    """Its name, with family and model, because virtual machines cut names short, and what LLVM compiles for."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    said = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in info.splitlines() if ":" in line]))
    name = said.get("model name") or platform.processor() or platform.machine()
    numbers = [f"{word} {said[key]}" for word, key in (("family", "cpu family"), ("model", "model")) if key in said]
    return ", ".join([name, *numbers, llvm.get_host_cpu_name()])


def _commit() -> str:
    """The commit, with a + if files were changed since, other than results."""
    here = Path(__file__).parent
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=False
    )
    but_results = ["--", ":/", ":(top,exclude)benchmarks/results"]
    status = ["git", "status", "--porcelain", "--untracked-files=no", *but_results]
    changed = subprocess.run(status, cwd=here, capture_output=True, text=True, check=False)
    return (head.stdout.strip() or "unknown") + ("+" if changed.stdout.strip() else "")


def report(name: str, title: str, rows: Sequence[Row], repeats: int = REPEATS) -> None:
    """Print the rows as a table, then everything as one line of JSON; with --save keep both. None is what a row has no
    figure for."""
    table = Table(title=title, title_justify="left", caption=processor(), caption_justify="left")
    for index, column in enumerate(rows[0]):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*(_plain(value) for value in row.values()))
    result = {"benchmark": name, "machine": machine(), "repeats": repeats, "rows": list(rows)}
    last = json.dumps(result, allow_nan=False)
    files = [sys.stdout]
    if "--save" in sys.argv[1:]:
        RESULTS.mkdir(exist_ok=True)
        files.append((RESULTS / f"{name}.txt").open("w", encoding="utf-8"))
    for file in files:
        Console(file=file, width=120).print(table)
        print(last, file=file)
    for file in files[1:]:
        file.close()


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
