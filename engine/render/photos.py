"""Photographs for tiles: pictures of ten classes, from the CIFAR-10 archive or drawn by the project itself.

    batches ──check──▶ pictures by class ──digest order──▶ the first n of each class ──scale──▶ sprites

    sprite 0                               the empty cell
    sprite 1 + class * n + picture         that picture

Which pictures are used is fixed by what they are, not by where they lie in the archive; the split "test" has others
than "train". The archive (https://www.cs.toronto.edu/~kriz/cifar.html, "CIFAR-10 python version") is a set of pickles,
and a pickle can name any function to call: here it can name only what rebuilds a NumPy array.
"""

import hashlib
import io
import os
import pickle
import tarfile
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Split = Literal["train", "test"]
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ICONS = ("house", "tree", "fish", "flower", "boat", "car", "cup", "key", "mushroom", "umbrella")
NUM_CLASSES = 10
SIDE = 32
FOLDER = "cifar-10-batches-py"
BATCHES: dict[str, tuple[str, ...]] = {
    "train": tuple(f"data_batch_{number}" for number in range(1, 6)),
    "test": ("test_batch",),
}
VARIABLE = "G1_CIFAR10"
MAX_BATCH_BYTES = 1 << 26  # an official batch has 31 MB
# The only names a batch may mention, as NumPy 1 and NumPy 2 write them.
ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
}


class _Unpickler(pickle.Unpickler):
    """Reads bytes, str, int, list, dict and NumPy arrays, and refuses to name anything else."""

    def find_class(self, module: str, name: str) -> Any:
        """What a pickle may call."""
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return ADMITTED[module, name]


def locate(path: str | None) -> Path:
    """The archive or folder that a setting or the environment names; ValueError that says where to put it if none."""
    named = path or os.environ.get(VARIABLE)
    advice = (
        "download cifar-10-python.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and give the path of the file"
        f" or of its unpacked folder {FOLDER} as cifar10_path or in the environment variable {VARIABLE}"
    )
    if not named:
        raise ValueError(f'tiles="cifar10" needs the CIFAR-10 archive: {advice}')
    if not (found := Path(named).expanduser()).exists():
        raise ValueError(f"there is no CIFAR-10 archive at {found}: {advice}")
    return found


@cache
def cifar10(path: Path, split: Split, num_pictures: int) -> Pixels:
    """The first `num_pictures` of each class in the order of their digests, uint8[10, num_pictures, 32, 32, 3].

    ValueError if the archive is not what it should be or has too few.
    """
    images, labels = read_split(path, split)
    chosen = []
    for number, name in enumerate(CIFAR10):
        members = images[labels == number]
        if len(members) < num_pictures:
            raise ValueError(
                f"pictures_per_class={num_pictures}, but {path} has {len(members)} of {name!r} in split {split!r}"
            )
        order = sorted(range(len(members)), key=lambda place: hashlib.blake2b(members[place].tobytes()).digest())
        chosen.append(members[order[:num_pictures]])
    return np.stack(chosen)


def read_split(path: Path, split: Split) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """All pictures of a split, uint8[N, 32, 32, 3], and their classes [N]; ValueError where anything is wrong."""
    names = ("batches.meta", *BATCHES[split])
    meta, *batches = [_loads(data, f"{path}: {name}") for name, data in zip(names, _files(path, names), strict=True)]
    words = tuple(_text(word) for word in _entry(meta, "label_names", list, str(path)))
    if words != CIFAR10:
        raise ValueError(f"{path} has classes {words}; expected {CIFAR10}")
    size = _entry(meta, "num_cases_per_batch", int, str(path))
    parts = [_checked(batch, size, f"{path}: {name}") for name, batch in zip(BATCHES[split], batches, strict=True)]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return images, labels


def _files(path: Path, names: tuple[str, ...]) -> list[bytes]:
    """Contents of these files of the archive or folder; nothing is unpacked onto the disk."""
    if path.is_dir():
        folder = path / FOLDER if (path / FOLDER).is_dir() else path
        return [_read((folder / name).open, ("rb",), f"{folder / name}") for name in names]
    try:
        with tarfile.open(path) as archive:
            return [_read(archive.extractfile, (f"{FOLDER}/{name}",), f"{path}: {name}") for name in names]
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{path} is not a CIFAR-10 archive: {error}") from error


def _read(opener: Callable[..., Any], arguments: tuple[str], where: str) -> bytes:
    """What `opener(*arguments)` opens, read whole, unless it is missing or far larger than it should be."""
    try:
        with opener(*arguments) as file:
            data: bytes = file.read(MAX_BATCH_BYTES + 1)
    except (KeyError, TypeError, FileNotFoundError, IsADirectoryError) as error:
        raise ValueError(f"{where} is missing") from error
    if len(data) > MAX_BATCH_BYTES:
        raise ValueError(f"{where} has more than {MAX_BATCH_BYTES} bytes")
    return data


def _loads(data: bytes, where: str) -> dict[Any, Any]:
    """A pickled dict."""
    try:
        value = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise ValueError(f"{where} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{where} holds a {type(value).__name__}; expected a dict")
    return value


def _text(word: object) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)


def _entry(batch: dict[Any, Any], key: str, kind: type[Any], where: str) -> Any:
    """An entry under its name as Python 2 (bytes) or 3 (str) wrote it."""
    value = batch.get(key.encode(), batch.get(key))
    if not isinstance(value, kind):
        raise ValueError(f"{where}: {key!r} is a {type(value).__name__}; expected {kind.__name__}")
    return value


def _checked(batch: dict[Any, Any], size: int, where: str) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """A batch's pictures [size, 32, 32, 3] and classes [size]."""
    data, labels = _entry(batch, "data", np.ndarray, where), _entry(batch, "labels", list, where)
    if data.dtype != np.uint8 or data.shape != (size, 3 * SIDE * SIDE):
        raise ValueError(f"{where}: data is {data.dtype} {data.shape}; expected uint8 ({size}, {3 * SIDE * SIDE})")
    if len(labels) != size or not all(type(label) is int and 0 <= label < NUM_CLASSES for label in labels):
        raise ValueError(f"{where}: {len(labels)} labels; expected {size}, each 0 to {NUM_CLASSES - 1}")
    images = data.reshape(size, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), np.array(labels, np.int64)
