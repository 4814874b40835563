"""Pictures by name: what is embedded, what a folder gives, what a damaged file is called. The net is never touched."""

from __future__ import annotations

import builtins
import gzip
import hashlib
import inspect
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from sjedu.data import DamagedData, DataNotFound, load_images
from sjedu.data.images import read_idx

RNG = np.random.default_rng(0)


def write_idx(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with five test pictures of MNIST's form, under the name that marks a part of them."""
    pixels, labels = RNG.integers(0, 256, (5, 28, 28)), np.array([3, 1, 4, 1, 5])
    write_idx(tmp_path / "mnist/t5-images-idx3-ubyte.gz", pixels)
    write_idx(tmp_path / "mnist/t5-labels-idx1-ubyte.gz", labels)
    write_idx(tmp_path / "mnist/t8k-images-idx3-ubyte.gz", pixels)
    write_idx(tmp_path / "mnist/t8k-labels-idx1-ubyte.gz", labels)
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    return tmp_path


def test_digits_are_embedded(monkeypatch):
    monkeypatch.setenv("SJEDU_DATA", "/no/such/folder")
    train, test = load_images("digits", "train"), load_images("digits", "test")
    assert train.images.shape == (1297, 1, 8, 8)
    assert test.images.shape == (500, 1, 8, 8)
    assert train.images.dtype == torch.uint8
    assert int(train.images.max()) == 255
    assert set(train.labels.tolist()) == set(range(10))
    assert train.digest != test.digest
    assert train.digest == load_images("digits", "train").digest
    assert "scikit-learn" in train.source


def test_a_folder_of_ones_own(folder):
    images = load_images("mnist", "test")
    assert images.labels.tolist() == [3, 1, 4, 1, 5]
    assert images.images.shape == (5, 1, 28, 28)
    assert torch.equal(
        images.images[:, 0], torch.from_numpy(read_idx(folder / "mnist/t8k-images-idx3-ubyte.gz", 3))
    )
    assert "differ from the published ones" in images.source


def test_the_folders_digests_are_checked(folder):
    name = "mnist/t8k-images-idx3-ubyte.gz"
    digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  {name}\n")
    assert len(load_images("mnist", "test")) == 5
    (folder / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(DamagedData, match=rf"{name}: its SHA-256 is not 0000"):
        load_images("mnist", "test")


def test_a_file_with_the_published_name_must_be_the_published_one(folder):
    write_idx(folder / "mnist/t10k-images-idx3-ubyte.gz", np.zeros((1, 28, 28)))
    with pytest.raises(DamagedData, match="its MD5 is not the published"):
        load_images("mnist", "test")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not gzip", "not a whole gzip file"),
        (gzip.compress(b"\x00\x00\x08\x03" + b"\x00" * 40)[:-6], "not a whole gzip file"),
        (gzip.compress(b"\x00\x00\x0d\x03" + b"\x00" * 12), "not an IDX file of unsigned bytes with 3 axes"),
        (gzip.compress(b"\x00\x00\x08\x03" + struct.pack(">3i", 2, 4, 4) + b"\x00" * 31), "31 values follow"),
    ],
    ids=["foreign", "truncated", "other type", "too short"],
)
def test_damaged_idx_files_are_named(tmp_path, content, reason):
    path = tmp_path / "file.gz"
    path.write_bytes(content)
    with pytest.raises(DamagedData, match=reason) as caught:
        read_idx(path, 3)
    assert str(path) in str(caught.value)


def test_labels_and_pictures_must_fit(folder):
    write_idx(folder / "mnist/t8k-labels-idx1-ubyte.gz", np.array([3, 1, 4, 1]))
    with pytest.raises(DamagedData, match="4 labels up to 4 for 5 pictures"):
        load_images("mnist", "test")
    write_idx(folder / "mnist/t8k-labels-idx1-ubyte.gz", np.array([3, 1, 4, 1, 10]))
    with pytest.raises(DamagedData, match="5 labels up to 10"):
        load_images("mnist", "test")


def test_cifar_from_jpeg_copies(tmp_path):
    files = []
    for color in ((255, 0, 0), (0, 0, 255)):
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), color).save(buffer, "JPEG", quality=95)
        files.append(buffer.getvalue())
    path = tmp_path / "cifar10_jpeg/test_2.npz"
    path.parent.mkdir()
    bounds = np.cumsum([0, *map(len, files)])
    np.savez(path, jpeg=np.frombuffer(b"".join(files), np.uint8), offset=bounds, y=np.array([7, 2]))
    images = load_images("cifar10", "test", folder=tmp_path)
    assert images.images.shape == (2, 3, 32, 32)
    assert images.images[0, :, 9, 9].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert [images.classes[label] for label in images.labels] == ["horse", "bird"]
    assert "JPEG copies" in images.source
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DamagedData, match=r"test_2\.npz"):
        load_images("cifar10", "test", folder=tmp_path)


def test_nothing_is_unpickled(tmp_path):
    path = tmp_path / "cifar10_jpeg/test.npz"
    path.parent.mkdir()
    np.savez(path, jpeg=np.array([{"an": "object"}], dtype=object), offset=np.array([0]), y=np.array([0]))
    with pytest.raises(DamagedData, match="not a whole"):
        load_images("cifar10", "test", folder=tmp_path)


def test_cifar_from_the_binary_archive(tmp_path, monkeypatch):
    record = bytes([8]) + bytes(range(256)) * 12
    archive = tmp_path / "cifar10/cifar-10-binary.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        member = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
        member.size = len(record)
        tar.addfile(member, io.BytesIO(record))
    with pytest.raises(DamagedData, match="its MD5 is not the published"):
        load_images("cifar10", "test", folder=tmp_path)
    (tmp_path / "SHA256SUMS").write_text(
        f"{hashlib.sha256(archive.read_bytes()).hexdigest()}  cifar10/cifar-10-binary.tar.gz\n"
    )
    images = load_images("cifar10", "test", folder=tmp_path)
    assert images.labels.tolist() == [8]
    assert images.images.flatten().tolist() == list(range(256)) * 12


def test_cifar100_has_two_labels_a_record_of_which_the_second_is_the_class(tmp_path):
    def write(name, content):
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        (tmp_path / "SHA256SUMS").write_text(f"{digest}  cifar100/{archive.name}\n")

    record = bytes([19, 97]) + bytes(range(256)) * 12
    archive = tmp_path / "cifar100/cifar-100-binary.tar.gz"
    archive.parent.mkdir()
    write("cifar-100-binary/train.bin", record + bytes(3074))
    images = load_images("cifar100", "train", folder=tmp_path)
    assert [images.classes[label] for label in images.labels] == ["wolf", "apple"]
    assert images.images[0].flatten().tolist() == list(range(256)) * 12
    assert len(set(images.classes)) == 100
    assert list(images.classes) == sorted(images.classes)
    with pytest.raises(DamagedData, match=r"CIFAR-100's binary version .*test\.bin"):
        load_images("cifar100", "test", folder=tmp_path)
    write("cifar-100-binary/train.bin", record[:-1])
    with pytest.raises(DamagedData, match="expected records of 3074"):
        load_images("cifar100", "train", folder=tmp_path)
    write("cifar-100-binary/train.bin", bytes([0, 100]) + record[2:])
    with pytest.raises(DamagedData, match="CIFAR-100 has the classes 0 to 99"):
        load_images("cifar100", "train", folder=tmp_path)


def write_faces(folder, colors, partition):
    """A zip of flat pictures of CelebA's size, and the list of their splits."""
    (folder / "celeba").mkdir()
    with zipfile.ZipFile(folder / "celeba/img_align_celeba.zip", "w") as pictures:
        for number, color in enumerate(colors, 1):
            buffer = io.BytesIO()
            Image.new("RGB", (178, 218), color).save(buffer, "JPEG", quality=95)
            pictures.writestr(f"img_align_celeba/{number:06d}.jpg", buffer.getvalue())
    (folder / "celeba/list_eval_partition.txt").write_text(partition)


def test_celeba_from_its_archive(tmp_path):
    write_faces(
        tmp_path, [(255, 0, 0), (0, 255, 0), (0, 0, 255)], "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n"
    )
    train, test = (load_images("celeba", split, folder=tmp_path) for split in ("train", "test"))
    assert train.images.shape == test.images.shape == (1, 3, 64, 64)
    assert train.images[0, :, 30, 30].tolist() == pytest.approx([255, 0, 0], abs=3)
    assert test.images[0, :, 30, 30].tolist() == pytest.approx([0, 0, 255], abs=3)
    assert test.labels.tolist() == [0]
    assert "research only" in test.source


def test_without_celeba_the_error_says_what_where_and_how(tmp_path, monkeypatch):
    with pytest.raises(DataNotFound) as caught:
        load_images("celeba", "train", folder=tmp_path)
    for part in (
        "img_align_celeba.zip",
        "list_eval_partition.txt",
        str(tmp_path),
        "SJEDU_DATA",
        "https://mmlab",
    ):
        assert part in str(caught.value)
    monkeypatch.delenv("SJEDU_DATA", raising=False)
    with pytest.raises(DataNotFound, match="SJEDU_DATA names no folder"):
        load_images("celeba", "train")


@pytest.mark.parametrize(
    ("partition", "reason"),
    [
        ("000001.jpg train\n", "0, 1 or 2"),
        ("000001.jpg 1\n", "no picture of the train split"),
        ("000007.jpg 0\n", "not a whole archive"),
    ],
)
def test_damaged_faces_are_named(tmp_path, partition, reason):
    write_faces(tmp_path, [(255, 0, 0)], partition)
    with pytest.raises(DamagedData, match=reason):
        load_images("celeba", "train", folder=tmp_path)


def test_without_folder_or_net_the_error_says_what_to_do(monkeypatch, tmp_path):
    import pooch

    def offline(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.delenv("SJEDU_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", offline)
    with pytest.raises(DataNotFound) as caught:
        load_images("fashion_mnist", "train")
    for part in ("train-images-idx3-ubyte.gz", "SJEDU_DATA", "http://fashion-mnist", "no route", "download"):
        assert part in str(caught.value)


def test_without_pooch_the_error_names_the_extra(monkeypatch, tmp_path):
    real = builtins.__import__

    def missing(name, *arguments, **options):
        if name == "pooch":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(DataNotFound, match=r"pip install 'sjedu\[data\]'"):
        load_images("mnist", "train", folder=tmp_path)


def test_downloads_are_checked_against_the_published_digest(monkeypatch, tmp_path):
    import pooch

    asked = []

    def retrieve(url, known_hash, fname, path):
        asked.append((url, known_hash))
        raise ValueError("MD5 hash of downloaded file does not match")

    monkeypatch.delenv("SJEDU_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", retrieve)
    with pytest.raises(DamagedData, match="gave another file"):
        load_images("cifar10", "train")
    assert asked == [
        ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "md5:c32a1d4ab5d03f1284b67883e8d87530")
    ]


def test_unknown_names_list_the_known():
    load = inspect.unwrap(load_images)  # beartype, which checks the types in the tests, would speak first
    with pytest.raises(
        ValueError,
        match="name: got 'imagenet'; expected one of 'digits', 'mnist', 'fashion_mnist', 'cifar10', "
        "'cifar100', 'celeba'",
    ):
        load("imagenet", "train")
    with pytest.raises(ValueError, match="got 'dev'; expected one of 'train', 'test'"):
        load("digits", "dev")


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataNotFound, match="there is no folder"):
        load_images("mnist", "train", folder=tmp_path / "none")
