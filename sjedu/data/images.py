"""Labelled pictures by name: ``load_images("digits", "train")``.

``digits`` comes with scikit-learn. The others are looked for in the folder named by SJEDU_DATA::

    mnist/, fashion_mnist/   train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, and t10k-... for the test
                             (a folder with only a part of the test pictures calls them t8k-... or the like)
    cifar10/                 cifar-10-binary.tar.gz; or cifar10_jpeg/train*.npz and test*.npz, JPEG copies
    cifar100/                cifar-100-binary.tar.gz
    celeba/                  img_align_celeba.zip and list_eval_partition.txt; this one is never downloaded

and otherwise downloaded from their publishers with `pooch` (``pip install 'sjedu[data]'``): plain files with
published digests, which a hub of repackaged data sets does not give. CIFAR is read from its *binary*
version, because the Python version is a pickle, and unpickling runs whatever the file says.
"""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import itertools
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from sjedu.checks import check_choice
from sjedu.data.files import (
    FOLDER_VARIABLE,
    DamagedData,
    DataNotFound,
    Found,
    Remote,
    check_stated_digest,
    find,
    local_folder,
    obtain,
)

ImageSet: TypeAlias = Literal["digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "celeba"]
Split: TypeAlias = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Images:
    """Labelled pictures.

    Attributes:
        images: values 0 .. 255, (pictures, channels, rows, columns).
        labels: the class of each, 0 .. len(classes) - 1.
        classes: their names.
        source: in a sentence, whose pictures these are, how many, on what terms, and whether they are the
            published bytes.
    """

    images: UInt8[Tensor, "pictures channels rows columns"]
    labels: Int64[Tensor, " pictures"]
    classes: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> Images:
        """The same pictures on a device."""
        return dataclasses.replace(self, images=self.images.to(device), labels=self.labels.to(device))

    @property
    def digest(self) -> str:
        """The SHA-256 of shape, pixels and labels: equal for equal data, wherever it came from."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.contiguous().numpy().data)
        digest.update(self.labels.numpy().astype("<i8").data)
        return digest.hexdigest()


def load_images(name: ImageSet, split: Split, *, folder: str | Path | None = None) -> Images:
    """Return the training or the test pictures of a data set.

    Args:
        name: of the set; "celeba" are faces without labels, 64x64.
        split: "train" or "test".
        folder: of data sets; by default the one that the environment variable SJEDU_DATA names.
    """
    check_choice("name", name, get_args(ImageSet))
    check_choice("split", split, get_args(Split))
    # Embedded pictures need no folder, not even a SJEDU_DATA that exists.
    return IMAGE_SETS[name](split, None if name == "digits" else local_folder(folder))


# ---------------------------------------------------------------- scikit-learn's digits

_DIGITS_TRAIN = 1297


def _digits(split: str, folder: Path | None) -> Images:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    # Split by order: neighbours in the file are often in one hand, which shuffling would put on both sides.
    rows = slice(None, _DIGITS_TRAIN) if split == "train" else slice(_DIGITS_TRAIN, None)
    pixels = np.round(bunch.images[rows] * (255 / 16)).astype(np.uint8)
    return Images(
        torch.from_numpy(pixels[:, None]),
        torch.from_numpy(bunch.target[rows].astype(np.int64)),
        tuple("0123456789"),
        "Optical Recognition of Handwritten Digits (Alpaydin and Kaynak, UCI, CC BY 4.0), as in"
        f" scikit-learn: 8x8 pixels, {len(pixels)} {split} pictures of the 1297/500 split by order",
    )


# ---------------------------------------------------------------- MNIST and Fashion-MNIST


@dataclass(frozen=True)
class _IdxSet:
    """A data set in the format of MNIST: two gzipped IDX files a split."""

    folder: str
    address: str
    md5: dict[str, tuple[str, str]]
    classes: tuple[str, ...]
    terms: str

    def __call__(self, split: str, folder: Path | None) -> Images:
        stem = {"train": "train", "test": "t10k"}[split]
        # Whoever may hand on only part of the test pictures calls them t8k or the like.
        local = ["train"] if split == "train" else ["t10k", "t*k"]
        files = []
        for kind, md5 in zip(("images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"), self.md5[split], strict=True):
            patterns = [f"{self.folder}/{name}-{kind}" for name in local]
            files.append(obtain(folder, patterns, Remote(f"{self.address}/{stem}-{kind}", md5)))
        pixels, labels = read_idx(files[0].path, axes=3), read_idx(files[1].path, axes=1)
        if len(pixels) != len(labels) or int(labels.max(initial=0)) >= len(self.classes):
            raise DamagedData(
                files[1].path,
                f"{len(labels)} labels up to {labels.max(initial=0)} for {len(pixels)} pictures of"
                f" {len(self.classes)} classes",
            )
        return Images(
            torch.from_numpy(pixels[:, None]),
            torch.from_numpy(labels.astype(np.int64)),
            self.classes,
            f"{self.terms}: {len(pixels)} {split} pictures, {_authenticity(files)}",
        )


_MNIST = _IdxSet(
    "mnist",
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    {
        "train": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432"),
        "test": ("9fb629c4189551a2d022fa330f9573f3", "ec29112dd5afa0611ce80d1b7f02629c"),
    },
    tuple("0123456789"),
    "MNIST (LeCun, Cortes and Burges, CC BY-SA 3.0)",
)
_FASHION = "T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot"
_FASHION_MNIST = _IdxSet(
    "fashion_mnist",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    {
        "train": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe"),
        "test": ("bef4ecab320f06d8554ea6380940ec79", "bb300cfdad3c16e7a12a480ee83cd310"),
    },
    tuple(_FASHION.split(", ")),
    "Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv 1708.07747, MIT)",
)


def read_idx(path: Path, axes: int) -> np.ndarray:
    """Read a gzipped IDX file of unsigned bytes with so many axes.

    The format: two zero bytes, 8 (unsigned byte), the number of axes, the sizes as big-endian int32, values.

    Raises:
        DamagedData: if the file is not that, or shorter or longer than its header says.
    """
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedData(path, f"not a whole gzip file ({error})") from error
    header = 4 + 4 * axes
    if content[:4] != bytes([0, 0, 8, axes]) or len(content) < header:
        raise DamagedData(path, f"not an IDX file of unsigned bytes with {axes} axes")
    shape = tuple(np.frombuffer(content, ">i4", axes, offset=4).tolist())
    size = int(np.prod(shape, dtype=np.int64))
    if min(shape) < 1 or len(content) != header + size:
        raise DamagedData(path, f"its header says {shape}, but {len(content) - header} values follow")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()


# ---------------------------------------------------------------- CIFAR-10 and CIFAR-100

_CIFAR10 = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
)
_CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"


def _cifar10(split: str, folder: Path | None) -> Images:
    archives = [f"cifar10/{_CIFAR10.name}", _CIFAR10.name]
    copies = find(folder, [f"cifar10_jpeg/{split}*.npz"])
    if folder is not None and copies is not None and find(folder, archives) is None:
        check_stated_digest(folder, copies)
        pixels, labels = read_jpegs(copies)
        bytes_are = "JPEG copies, so the pixels differ from the published ones"
    else:
        file = obtain(folder, archives, _CIFAR10)
        pixels, labels = read_cifar(file.path, split)
        bytes_are = _authenticity([file])
    return Images(
        torch.from_numpy(pixels),
        torch.from_numpy(labels),
        tuple(_CIFAR10_CLASSES.split()),
        f"CIFAR-10 (Krizhevsky 2009): {len(pixels)} {split} pictures, {bytes_are}",
    )


_CIFAR100 = Remote(
    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"
)
_CIFAR100_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


def _cifar100(split: str, folder: Path | None) -> Images:
    file = obtain(folder, [f"cifar100/{_CIFAR100.name}", _CIFAR100.name], _CIFAR100)
    pixels, labels = read_cifar(file.path, split, classes=100)
    return Images(
        torch.from_numpy(pixels),
        torch.from_numpy(labels),
        tuple(_CIFAR100_CLASSES.split()),
        f"CIFAR-100 (Krizhevsky 2009): {len(pixels)} {split} pictures, {_authenticity([file])}",
    )


def read_cifar(path: Path, split: str, classes: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Read pictures and labels from the binary version's archive: records of labels and 3·32·32 pixels.

    CIFAR-10 has one byte for the label, CIFAR-100 two, of which the second is the class.
    """
    if classes == 100:
        names = [f"cifar-100-binary/{split}.bin"]
    else:
        batches = [f"data_batch_{i}" for i in range(1, 6)] if split == "train" else ["test_batch"]
        names = [f"cifar-10-batches-bin/{batch}.bin" for batch in batches]
    records = []
    try:
        with tarfile.open(path) as archive:
            for name in names:
                member = archive.extractfile(name)
                records.append(b"" if member is None else member.read())
    except (tarfile.TarError, KeyError, OSError, EOFError, zlib.error) as error:
        raise DamagedData(path, f"not the archive of CIFAR-{classes}'s binary version ({error})") from error
    content, size = b"".join(records), 3074 if classes == 100 else 3073
    if not content or len(content) % size:
        raise DamagedData(path, f"{len(content)} bytes in {', '.join(names)}; expected records of {size}")
    table = np.frombuffer(content, np.uint8).reshape(-1, size)
    labels = table[:, size - 3073]
    _check_labels(path, labels, classes)
    return table[:, -3072:].reshape(-1, 3, 32, 32).copy(), labels.astype(np.int64)


def read_jpegs(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read pictures and labels from an .npz: ``jpeg``, files end to end; ``offset``, their bounds; ``y``."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            joined, bounds, labels = arrays["jpeg"].tobytes(), arrays["offset"], arrays["y"].astype(np.int64)
        pictures = [
            np.asarray(Image.open(io.BytesIO(joined[start:end])).convert("RGB"))
            for start, end in itertools.pairwise(bounds)
        ]
        pixels = np.stack(pictures).transpose(0, 3, 1, 2)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, UnidentifiedImageError) as error:
        raise DamagedData(path, f"not a whole .npz of JPEG pictures ({error})") from error
    if len(pixels) != len(labels):
        raise DamagedData(path, f"{len(pixels)} pictures, but {len(labels)} labels")
    _check_labels(path, labels)
    return np.ascontiguousarray(pixels), labels


def _check_labels(path: Path, labels: np.ndarray, classes: int = 10) -> None:
    if int(labels.max()) >= classes:
        raise DamagedData(
            path, f"a label is {labels.max()}; CIFAR-{classes} has the classes 0 to {classes - 1}"
        )


# ---------------------------------------------------------------- CelebA

_CELEBA = ("celeba/img_align_celeba.zip", "celeba/list_eval_partition.txt")
_CELEBA_CROP, CELEBA_SIDE = 140, 64  # the face without most of its background, and the size it is stored in


def _celeba(split: str, folder: Path | None) -> Images:
    found = [find(folder, [name]) for name in _CELEBA]
    archive, partition = found
    if folder is None or archive is None or partition is None:
        missing = [name for name, path in zip(_CELEBA, found, strict=True) if path is None]
        where = f"in {folder}" if folder is not None else f"({FOLDER_VARIABLE} names no folder)"
        raise DataNotFound(
            f"celeba: no local file {' and no '.join(missing)} {where}. Its publishers give it for research only and"
            " by hand: get img_align_celeba.zip and list_eval_partition.txt from"
            " https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and put both into celeba/ of a folder named by"
            f" {FOLDER_VARIABLE}"
        )
    for path in (archive, partition):
        check_stated_digest(folder, path)
    pixels = read_faces(archive, partition, split)
    return Images(
        torch.from_numpy(pixels),
        torch.zeros(len(pixels), dtype=torch.int64),
        ("face",),
        f"CelebA (Liu, Luo, Wang and Tang 2015, for research only): {len(pixels)} {split} pictures, the central"
        f" {_CELEBA_CROP}x{_CELEBA_CROP} pixels at {CELEBA_SIDE}x{CELEBA_SIDE}",
    )


def read_faces(archive: Path, partition: Path, split: str) -> np.ndarray:
    """Read one split of CelebA from its archive of JPEG files, cropped and scaled down.

    The partition has lines of a file's name and 0 (train), 1 (validation) or 2 (test).
    """
    wanted = {"train": "0", "test": "2"}[split]
    rows = [line.split() for line in partition.read_text(encoding="utf-8").splitlines() if line.strip()]
    if any(len(row) != 2 or row[1] not in ("0", "1", "2") for row in rows):
        raise DamagedData(partition, "expected lines of a file's name and 0, 1 or 2")
    names = [name for name, part in rows if part == wanted]
    if not names:
        raise DamagedData(partition, f"no picture of the {split} split")
    pixels = np.empty((len(names), 3, CELEBA_SIDE, CELEBA_SIDE), np.uint8)
    try:
        with zipfile.ZipFile(archive) as pictures:
            for place, name in zip(pixels, names, strict=True):
                place[:] = _face(pictures.read(f"img_align_celeba/{name}"))
    except (OSError, KeyError, EOFError, zlib.error, zipfile.BadZipFile, UnidentifiedImageError) as error:
        raise DamagedData(archive, f"not a whole archive of CelebA's pictures ({error})") from error
    return pixels


def _face(jpeg: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
    left, top = (picture.width - _CELEBA_CROP) // 2, (picture.height - _CELEBA_CROP) // 2
    middle = picture.crop((left, top, left + _CELEBA_CROP, top + _CELEBA_CROP))
    small = middle.resize((CELEBA_SIDE, CELEBA_SIDE), Image.Resampling.BOX)
    return np.asarray(small).transpose(2, 0, 1)


def _authenticity(files: list[Found]) -> str:
    if all(file.official for file in files):
        return "the published files"
    return "from files that differ from the published ones"


#: The data sets by name.
IMAGE_SETS: dict[str, Callable[[str, Path | None], Images]] = {
    "digits": _digits,
    "mnist": _MNIST,
    "fashion_mnist": _FASHION_MNIST,
    "cifar10": _cifar10,
    "cifar100": _cifar100,
    "celeba": _celeba,
}
