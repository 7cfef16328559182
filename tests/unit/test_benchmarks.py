"""A benchmark names the processor so that one can tell it from others, and prints nothing but what it measured."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import subprocess, sys
from benchmarks.common import log_of
with log_of("test") as path:
    print("a warning", file=sys.stderr)
    subprocess.run([sys.executable, "-c", "import sys; print('another', file=sys.stderr)"])
print("the end", file=sys.stderr)
print(path)
"""


def test_what_libraries_say_goes_into_a_log(tmp_path: Path) -> None:
    settings = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", CODE], env=settings, capture_output=True, text=True, check=True)
    log = Path(done.stdout.strip())
    assert log.read_text() == "a warning\nanother\n"
    assert done.stderr == f"what libraries said is in {log}\nthe end\n"


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="only Linux tells family and model of a processor")
def test_the_processor_is_named_by_family_and_model_too() -> None:
    from benchmarks.common import machine

    told = machine()["cpu"]
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key in ("model name", "cpu family", "model"):
            assert value in told
