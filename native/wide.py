"""Sixty-four bytes at a time: what numba has no words for, written for LLVM. Arrays are uint8[N], contiguous.

Nothing here is bound to a processor: LLVM cuts a vector of 64 bytes into what the machine has (AVX-512, AVX2, NEON),
and where nothing can be stored past the cache it drops the hint. Each function's body is its plain twin.
"""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir

from native.jit import emitted

WIDTH = 64  # a cache line, and the widest vector there is
_BYTES, _SHORTS = ir.VectorType(ir.IntType(8), WIDTH), ir.VectorType(ir.IntType(16), WIDTH)
_BYTE, _BIT, _INT = ir.IntType(8), ir.IntType(1), ir.IntType(32)
Bytes = npt.NDArray[np.uint8]
Place = int | np.int64


def _vector(builder: Any, array: Any, start: Any) -> Any:
    """Pointer to the 64 bytes of an array that begin at `start`."""
    return builder.bitcast(builder.gep(array, [start]), _BYTES.as_pointer())


def _all(builder: Any, value: Any) -> Any:
    """A vector of one 16-bit number in all places."""
    first = builder.insert_element(ir.Constant(_SHORTS, ir.Undefined), builder.trunc(value, ir.IntType(16)), _INT(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(_INT, WIDTH), [0] * WIDTH))


def _copy(builder: Any, target: Any, at: Any, source: Any, start: Any, num: Any) -> None:
    pointer = _BYTE.as_pointer()
    copy = builder.module.declare_intrinsic("llvm.memcpy", [pointer, pointer, num.type])
    builder.call(copy, [builder.gep(target, [at]), builder.gep(source, [start]), num, _BIT(0)])


@emitted(_copy)
def copy(target: Bytes, at: int, source: Bytes, start: Place, num: int) -> None:
    """target[at : at + num] = source[start : start + num]; the two do not overlap."""
    target[at : at + num] = source[start : start + num]


def _store(builder: Any, target: Any, at: Any, source: Any, start: Any) -> None:
    value = builder.load(_vector(builder, source, start), align=1)
    builder.store(value, _vector(builder, target, at), align=1)


@emitted(_store)
def store(target: Bytes, at: int, source: Bytes, start: Place) -> None:
    """As `copy` of 64 bytes."""
    target[at : at + WIDTH] = source[start : start + WIDTH]


def _store_pixel(turn: int, builder: Any, target: Any, at: Any, source: Any, start: Any) -> None:
    value = builder.load(_vector(builder, source, start), align=1)
    turns = ir.Constant(ir.VectorType(_INT, WIDTH), [(byte + turn) % 3 for byte in range(WIDTH)])
    builder.store(builder.shuffle_vector(value, value, turns), _vector(builder, target, at), align=1)


@emitted(partial(_store_pixel, 0))
def store_pixel(target: Bytes, at: int, source: Bytes, start: Place) -> None:
    """One pixel, source[start : start + 3], over and over in 64 bytes, which begin with its first byte."""
    target[at : at + WIDTH] = np.resize(source[start : start + 3], WIDTH)


@emitted(partial(_store_pixel, 2))
def store_pixel_to_end(target: Bytes, at: int, source: Bytes, start: Place) -> None:
    """As `store_pixel`, but the 64 bytes end with the pixel's last byte."""
    target[at : at + WIDTH] = np.resize(source[start : start + 3], WIDTH + 2)[2:]


def _store_past_cache(builder: Any, target: Any, at: Any, source: Any, start: Any) -> None:
    value = builder.load(_vector(builder, source, start), align=1)
    stored = builder.store(value, _vector(builder, target, at), align=WIDTH)
    stored.set_metadata("nontemporal", builder.module.add_metadata([_INT(1)]))


@emitted(_store_past_cache)
def store_past_cache(target: Bytes, at: int, source: Bytes, start: Place) -> None:
    """As `store` to an address that is a multiple of 64; `settle` must follow the last one."""
    target[at : at + WIDTH] = source[start : start + WIDTH]


def _store_joined(builder: Any, target: Any, at: Any, source: Any, start: Any, then: Any, num: Any) -> None:
    first, second = (builder.load(_vector(builder, source, place), align=1) for place in (start, then))
    places = ir.Constant(_SHORTS, list(range(WIDTH)))
    value = builder.select(builder.icmp_unsigned("<", places, _all(builder, num)), first, second)
    stored = builder.store(value, _vector(builder, target, at), align=WIDTH)
    stored.set_metadata("nontemporal", builder.module.add_metadata([_INT(1)]))


@emitted(_store_joined)
def store_joined(target: Bytes, at: int, source: Bytes, start: Place, then: Place, num: int) -> None:
    """As `store_past_cache` of num bytes from `start` on and 64 - num from `then + num` on."""
    target[at : at + num] = source[start : start + num]
    target[at + num : at + WIDTH] = source[then + num : then + WIDTH]


def _settle(builder: Any) -> None:
    builder.fence("seq_cst")


@emitted(_settle)
def settle() -> None:
    """What was stored past the cache is seen by all from here on."""


def _add_noise(builder: Any, line: Any, at: Any, noise: Any, start: Any, scale: Any, most: Any) -> None:
    place = _vector(builder, line, at)
    pixels = builder.zext(builder.load(place, align=1), _SHORTS)
    random = builder.zext(builder.load(_vector(builder, noise, start), align=1), _SHORTS)
    # scale has nine bits, and random * scale must not leave sixteen: the ninth is dealt with by itself
    low, high = builder.and_(scale, scale.type(255)), builder.lshr(scale, scale.type(8))
    part = builder.lshr(builder.mul(random, _all(builder, low)), ir.Constant(_SHORTS, [8] * WIDTH))
    part = builder.add(part, builder.mul(random, _all(builder, high)))
    value = builder.sub(builder.add(pixels, part), _all(builder, most))
    for order, limit in (("<", 0), (">", 255)):
        limits = ir.Constant(_SHORTS, [limit] * WIDTH)
        value = builder.select(builder.icmp_signed(order, value, limits), limits, value)
    builder.store(builder.trunc(value, _BYTES), place, align=1)


@emitted(_add_noise)
def add_noise(line: Bytes, at: int, noise: Bytes, start: int, scale: int, most: int) -> None:
    """Add (noise * scale >> 8) - most to 64 bytes of `line`, cut off at 0 and 255; scale is at most 511."""
    value = line[at : at + WIDTH].astype(np.int64) + (noise[start : start + WIDTH].astype(np.int64) * scale >> 8) - most
    line[at : at + WIDTH] = np.clip(value, 0, 255)
