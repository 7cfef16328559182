"""Sprite numbers + sprites -> pixels, at the speed of memory.

Rows of pixels are written from left to right; a pixel is three bytes, so all widths here count bytes.
"""

import numpy as np
import numpy.typing as npt

from native.jit import kernel


@kernel
def compose(
    numbers: npt.NDArray[np.uint16], sprites: npt.NDArray[np.uint8], top: int, left: int, frames: npt.NDArray[np.uint8]
) -> None:
    """Draw grids numbers[N, rows, cols] of sprites[S, height, width] into frames[N, H, W], corner at (top, left)."""
    height, width = sprites.shape[1], sprites.shape[2]
    for index in range(len(numbers)):
        for row in range(numbers.shape[1]):
            for line in range(height):
                y = top + row * height + line
                for col in range(numbers.shape[2]):
                    x = left + col * width
                    source = sprites[np.int64(numbers[index, row, col]), line]
                    target = frames[index, y, x : x + width]
                    for byte in range(width):  # over two flat views: this becomes wide copies
                        target[byte] = source[byte]
