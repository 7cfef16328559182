"""Photographs for tiles: a small archive in the official format, whole and damaged; and the project's own drawings."""

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine
from engine.render import icons, photos

PER_CLASS = 4  # in each of the five training batches and in the test batch


def batch(seed: int) -> dict[bytes, Any]:
    """A batch in which every picture of a class has the class's own first byte."""
    labels = [number % 10 for number in range(10 * PER_CLASS)]
    data = np.random.default_rng(seed).integers(0, 256, (len(labels), 3072)).astype(np.uint8)
    data[:, 0] = labels
    return {b"batch_label": b"some batch", b"labels": labels, b"data": data, b"filenames": [b"x.png"] * len(labels)}


def files() -> dict[str, dict[bytes, Any]]:
    """What the archive holds."""
    meta = {b"num_cases_per_batch": 10 * PER_CLASS, b"label_names": [name.encode() for name in photos.CIFAR10]}
    held = {"batches.meta": {**meta, b"num_vis": 3072}, "test_batch": batch(0)}
    return held | {f"data_batch_{number}": batch(number) for number in range(1, 6)}


def write_folder(parent: Path, held: dict[str, Any], protocol: int = 4) -> Path:
    """An unpacked archive."""
    folder = parent / photos.FOLDER
    folder.mkdir()
    for name, content in held.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    return folder


def write_archive(parent: Path, held: dict[str, Any]) -> Path:
    """The archive as it is downloaded."""
    path = parent / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in held.items():
            data = pickle.dumps(content, 4)
            info = tarfile.TarInfo(f"{photos.FOLDER}/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_archive_and_folder_give_the_same(tmp_path: Path) -> None:
    archive, folder = write_archive(tmp_path, files()), write_folder(tmp_path, files())
    pictures = photos.cifar10(archive, "train", 7)
    assert pictures.shape == (10, 7, 32, 32, 3)
    assert (pictures[:, :, 0, 0, 0] == np.arange(10)[:, None]).all()
    assert np.array_equal(pictures, photos.cifar10(folder, "train", 7))
    assert np.array_equal(pictures, photos.cifar10(tmp_path, "train", 7))
    assert np.array_equal(pictures[:, :3], photos.cifar10(folder, "train", 3))
    test = {picture.tobytes() for picture in photos.cifar10(folder, "test", 4).reshape(-1, 3072)}
    assert not test & {picture.tobytes() for picture in photos.cifar10(folder, "train", 20).reshape(-1, 3072)}


def test_order_in_the_archive_does_not_matter(tmp_path: Path) -> None:
    held = files()
    before = photos.cifar10(write_folder(tmp_path, held), "train", 5)
    held["data_batch_1"], held["data_batch_4"] = held["data_batch_4"], held["data_batch_1"]
    (tmp_path / "other").mkdir()
    assert np.array_equal(before, photos.cifar10(write_folder(tmp_path / "other", held), "train", 5))


def test_game_with_photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_archive(tmp_path, files())
    game = engine.make("shisen", tiles="cifar10", cifar10_path=str(path), pictures_per_class=6, tile_px=56, strip=False)
    state = game.reset([3])
    picture, board = game.render(state)[0], game.board(state)[0]
    assert picture.shape == (336, 336, 3)
    assert game.perceived(game.describe(state)[0]).tolist() == board.tolist()
    assert set(game.describe(state)[0].split()) <= set(photos.CIFAR10)
    assert "airplane, automobile" in game.prompt
    monkeypatch.setenv(photos.VARIABLE, str(path))
    settings = {**game.settings, "cifar10_path": None}
    assert engine.make("shisen", **settings).atlas.digest == game.atlas.digest
    assert (
        engine.make("shisen", **{**settings, "split": "test", "pictures_per_class": 4}).atlas.digest
        != game.atlas.digest
    )
    with pytest.raises(ValueError, match="has 4 of 'airplane' in split 'test'"):
        _ = engine.make("shisen", **{**settings, "split": "test"}).atlas


def test_without_an_archive(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(photos.VARIABLE, raising=False)
    with pytest.raises(ValueError, match=r"download cifar-10-python\.tar\.gz .* G1_CIFAR10"):
        engine.make("shisen", tiles="cifar10")
    with pytest.raises(ValueError, match="there is no CIFAR-10 archive at "):
        engine.make("shisen", tiles="cifar10", cifar10_path=str(tmp_path / "nowhere"))


class Evil:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("1 / 0",)


def damaged(name: str, **changed: Any) -> dict[str, Any]:
    """The archive with some entries of one file changed; None leaves an entry out."""
    held: dict[str, Any] = files()
    entries = held[name] | {key.encode(): value for key, value in changed.items()}
    held[name] = {key: value for key, value in entries.items() if value is not None}
    return held


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (damaged("test_batch", data=Evil()), "test_batch cannot be read: it names builtins.eval"),
        (damaged("test_batch", labels=[10] * 40), "40 labels; expected 40, each 0 to 9"),
        (damaged("test_batch", labels=[1] * 39), "39 labels"),
        (damaged("test_batch", labels=None), "'labels' is a NoneType"),
        (damaged("test_batch", data=np.zeros((40, 3071), np.uint8)), r"data is uint8 \(40, 3071\)"),
        (damaged("test_batch", data=np.zeros((40, 3072), np.int64)), "data is int64"),
        (damaged("batches.meta", label_names=[b"cat"]), "has classes"),
        (damaged("batches.meta", num_cases_per_batch=10000), "expected uint8 \\(10000, 3072\\)"),
        (files() | {"test_batch": b""}, "cannot be read"),
        (files() | {"test_batch": b"not a pickle"}, "cannot be read"),
        (files() | {"test_batch": [1, 2]}, "holds a list"),
        ({name: held for name, held in files().items() if name != "test_batch"}, "test_batch is missing"),
    ],
)
def test_damage_is_named(tmp_path: Path, held: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        photos.read_split(write_folder(tmp_path, held), "test")


def test_damaged_archives(tmp_path: Path) -> None:
    path = write_archive(tmp_path, {"batches.meta": files()["batches.meta"]})
    with pytest.raises(ValueError, match="test_batch is missing"):
        photos.read_split(path, "test")
    path.write_bytes(write_archive(tmp_path, files()).read_bytes()[:30_000])
    with pytest.raises(ValueError, match="is not a CIFAR-10 archive"):
        photos.read_split(path, "test")
    path.write_text("no archive at all")
    with pytest.raises(ValueError, match="is not a CIFAR-10 archive"):
        photos.read_split(path, "test")


def test_numpy_1_names_are_admitted(tmp_path: Path) -> None:
    held: dict[str, Any] = files()
    data = pickle.dumps(held["test_batch"], 2)
    assert b"numpy._core.multiarray" in data
    with pytest.raises(ValueError, match=r"_codecs\.encode"):  # how Python 3 writes bytes in a format Python 2 reads
        photos.read_split(write_folder(tmp_path, held, protocol=2), "test")
    old = pickle.dumps(held["test_batch"], 3).replace(b"cnumpy._core.multiarray", b"cnumpy.core.multiarray")
    (tmp_path / "old").mkdir()
    assert photos.read_split(write_folder(tmp_path / "old", held | {"test_batch": old}), "test")[0].shape[0] == 40


def test_icons_differ_and_stay() -> None:
    train, test = icons.draw(28, "train", 5), icons.draw(28, "test", 5)
    assert train.shape == (10, 5, 28, 28, 3)
    assert len({picture.tobytes() for picture in np.concatenate([train, test]).reshape(100, -1)}) == 100
    assert np.array_equal(train[:, :2], icons.draw(28, "train", 2))
    flat = train.reshape(50, -1).astype(int)
    distances = np.abs(flat[:, None] - flat[None]).sum(axis=2) + 10**9 * np.eye(50, dtype=int)
    assert distances.min() > 20_000
