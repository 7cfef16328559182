"""What a node asks of a model runner: the one protocol behind which vLLM, transformers and scripted players sit.

node ── Ask, frames as pixels ──▶ Backend.generate ──▶ prompt token ids, samples
     ── WeightCall ─────────────▶ Backend.weight_call   (no ask is running from start to finish)
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.net import wire

Image = npt.NDArray[np.uint8]


class BackendError(Exception):
    """The backend is broken for good: no ask can be answered any more."""


class Backend(Protocol):
    """All methods run in the node's event loop; a long computation belongs in a thread of the backend's own."""

    name: str
    needs_state: bool
    """Asks must carry game and record: players that see the truth get no frames."""

    async def start(self) -> None:
        """Load. Asks come only afterwards."""

    async def generate(self, ask: wire.Ask, images: list[Image]) -> tuple[bytes, list[wire.Sample]]:
        """The prompt's token ids as they were expanded (`wire.pack_ids`), and `ask.num_samples` samples.

        `images` are the frames of the turns that have one, uint8[H, W, 3], in order; none if `needs_state`. Many calls
        run at a time; one may be cancelled when its asker is gone. `BackendError` ends the node; any other exception
        refuses this ask for good.
        """

    async def weight_call(self, call: wire.WeightCall) -> None:
        """One transfer step; frozen players do nothing, the node adopts the version. `start` may come again, after a
        transfer that was not finished. May raise `WeightsError`."""

    async def stop(self) -> None:
        """Free everything; also called when `start` or the node failed."""
