"""Published files, from the folder that ``SJEDU_DATA`` names or from their publisher, checked before use.

Digests are the publishers' own. Nothing is unpickled, and no archive is unpacked to disk.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sjedu.errors import InOneSentence

#: The environment variable that names a folder of data sets.
FOLDER_VARIABLE = "SJEDU_DATA"


class DataNotFound(InOneSentence, FileNotFoundError):  # noqa: N818  the name says it all
    """A data set is neither in a local folder nor to be had from the net; the message says how to get it."""


class DamagedData(InOneSentence, ValueError):  # noqa: N818
    """A data file is not what it should be; the message names the file and the reason."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Remote:
    """A file as its publisher offers it."""

    url: str
    md5: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rsplit("/", 1)[-1]

    @property
    def name_in_cache(self) -> str:
        """A name of its own: MNIST's and Fashion-MNIST's files are called alike."""
        return f"{self.md5[:8]}-{self.name}"


@dataclass(frozen=True)
class Found:
    """A file on this machine, and whether it is byte for byte the published one."""

    path: Path
    official: bool


def local_folder(folder: str | Path | None = None) -> Path | None:
    """Return the folder given, or else the one named by SJEDU_DATA, or else None."""
    named = folder if folder is not None else os.environ.get(FOLDER_VARIABLE) or None
    if named is None:
        return None
    if not Path(named).is_dir():
        source = "folder" if folder is not None else FOLDER_VARIABLE
        raise DataNotFound(f"{source}: there is no folder {str(named)!r}")
    return Path(named)


def find(folder: Path | None, patterns: Sequence[str]) -> Path | None:
    """Return the first file in a folder that matches the patterns, earlier patterns first."""
    if folder is not None:
        for pattern in patterns:
            if matches := sorted(folder.glob(pattern)):
                return matches[0]
    return None


def obtain(folder: Path | None, patterns: Sequence[str], remote: Remote) -> Found:
    """Return a file of the local folder, else the published one, downloaded once into pooch's cache.

    A local file is checked against the SHA-256 that the folder's SHA256SUMS states for it. Where it states
    none, a file with the published name must be the published file.

    Raises:
        DataNotFound: if there is no such local file and it cannot be downloaded.
        DamagedData: if the file's digest is wrong.
    """
    path = find(folder, patterns)
    if path is None or folder is None:
        return Found(_download(remote, folder, patterns), official=True)
    official = _digest(path, "md5") == remote.md5
    if not check_stated_digest(folder, path) and path.name == remote.name and not official:
        raise DamagedData(path, f"its MD5 is not the published {remote.md5}; delete it and get it anew")
    return Found(path, official)


def check_stated_digest(folder: Path, path: Path) -> bool:
    """Check a file against the folder's SHA256SUMS; return whether that names it.

    Raises:
        DamagedData: if it states another digest.
    """
    sums = folder / "SHA256SUMS"
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.is_file() else []
    # The format of sha256sum: digest, a space, " " or "*", path.
    stated = {line[66:].strip(): line[:64].lower() for line in lines}.get(path.relative_to(folder).as_posix())
    if stated is not None and _digest(path, "sha256") != stated:
        raise DamagedData(path, f"its SHA-256 is not {stated}, which {sums.name} states for it")
    return stated is not None


def _download(remote: Remote, folder: Path | None, patterns: Sequence[str]) -> Path:
    where = f"in {folder}" if folder is not None else f"({FOLDER_VARIABLE} names no folder)"
    missing = f"{remote.name}: no local file {' or '.join(patterns)} {where}"
    remedy = f"download {remote.url} yourself and put it into a folder named by {FOLDER_VARIABLE}"
    try:
        import pooch
    except ImportError:
        raise DataNotFound(
            f"{missing}, and downloading needs pooch: run `pip install 'sjedu[data]'`, or {remedy}, as"
            f" {patterns[0]}"
        ) from None
    cache = Path(pooch.os_cache("sjedu"))
    try:
        return Path(pooch.retrieve(remote.url, f"md5:{remote.md5}", remote.name_in_cache, path=cache))
    except ValueError as error:  # pooch's word for a wrong digest
        raise DamagedData(
            cache / remote.name_in_cache, f"{remote.url} gave another file ({error})"
        ) from error
    except Exception as error:  # whatever the transport raises when there is no net
        raise DataNotFound(
            f"{missing}, and {remote.url} could not be downloaded ({type(error).__name__}: {error}); try"
            f" again with a connection, or {remedy}, as {patterns[0]}"
        ) from error


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
