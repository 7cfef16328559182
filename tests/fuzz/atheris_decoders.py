"""Coverage-guided fuzzing of every decoder; not in CI. Ten minutes each, as the last result was made:

    pip install atheris
    python tests/fuzz/atheris_decoders.py parcel -max_total_time=600

An exception that escapes, or more than `-rss_limit_mb`, ends it with the input in a file.
"""

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports(include=["engine", "g1train"]):
    from tests.fuzz.decoders import DECODERS, seeds


def main() -> None:
    name, *options = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="g1-fuzz-") as folder:
        for number, seed in enumerate(seeds()[name]):
            (Path(folder) / f"seed-{number}").write_bytes(seed)
        DECODERS[name](b"")
        atheris.Setup([sys.argv[0], "-max_len=4096", "-rss_limit_mb=2048", *options, folder], DECODERS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
