"""A node whose answer is what it sees: the digest of every frame, as its own process drew it. It takes as many
milliseconds to answer as the ask's seed says, or none.

python -m tests.digests ADDRESS [at-once]
"""

import asyncio
import hashlib
import os
import sys

import numpy as np

from engine.net import process, wire
from g1train.inference.backend import Image
from g1train.inference.node import serve


def digest(pixels: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).hexdigest()


class Digests:
    """A backend; see g1train/inference/backend.py."""

    name = "digests"
    needs_state = False

    def __init__(self, thinks: bool = True) -> None:
        self._thinks = thinks

    async def start(self) -> None:
        pass

    async def generate(self, ask: wire.Ask, images: list[Image]) -> tuple[bytes, list[wire.Sample]]:
        await asyncio.sleep(ask.seed / 1000 if self._thinks else 0)
        said = wire.Sample.of(" ".join(digest(image) for image in images), [0], [0.0])
        return wire.pack_ids([0]), [said] * ask.num_samples

    async def weight_call(self, call: wire.WeightCall) -> None:
        pass

    async def stop(self) -> None:
        pass


if __name__ == "__main__":
    process.die_with_parent(os.getppid())
    asyncio.run(serve(Digests(sys.argv[2:] != ["at-once"]), sys.argv[1]))
