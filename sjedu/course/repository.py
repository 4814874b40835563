"""Where the course's repository is: one line of pyproject.toml, and every link made from it.

``python -m sjedu.course.repository owner/name`` moves the course to another repository.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

#: The checkout that this package is imported from.
ROOT = Path(__file__).resolve().parents[2]
BRANCH = "main"


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, and the addresses that follow from it.

    Raises:
        ValueError: if owner or name cannot be a GitHub owner or repository.
    """

    owner: str
    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}", self.owner):
            raise ValueError(f"owner must be a GitHub user or organisation, got {self.owner!r}")
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", self.name) or self.name in {".", ".."}:
            raise ValueError(f"name must be a GitHub repository's, got {self.name!r}")

    @classmethod
    def parse(cls, slug: str) -> Repository:
        """Return the repository of "owner/name".

        Raises:
            ValueError: if `slug` has not that form.
        """
        owner, slash, name = slug.partition("/")
        if not slash or "/" in name:
            raise ValueError(f"the repository must be given as owner/name, got {slug!r}")
        return cls(owner, name)

    @classmethod
    def of(cls, root: Path = ROOT) -> Repository:
        """Return the repository that pyproject.toml names.

        Raises:
            ValueError: if its address is not https://github.com/owner/name.
        """
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
        address = project["urls"]["Repository"]
        prefix = "https://github.com/"
        if not address.startswith(prefix):
            raise ValueError(f"pyproject.toml: Repository must start with {prefix}, got {address!r}")
        return cls.parse(address.removeprefix(prefix))

    @property
    def slug(self) -> str:
        """The repository as "owner/name"."""
        return f"{self.owner}/{self.name}"

    @property
    def url(self) -> str:
        """The repository's address."""
        return f"https://github.com/{self.slug}"

    def colab(self, notebook: PurePosixPath) -> str:
        """Return the address at which Colab opens the notebook."""
        return f"https://colab.research.google.com/github/{self.slug}/blob/{BRANCH}/{notebook}"

    def binder(self, notebook: PurePosixPath) -> str:
        """Return the address at which Binder opens the notebook."""
        return f"https://mybinder.org/v2/gh/{self.slug}/{BRANCH}?labpath={quote(str(notebook), safe='')}"

    def badges(self, notebook: PurePosixPath) -> str:
        """Return the Colab and Binder badges in Markdown."""
        colab = "https://colab.research.google.com/assets/colab-badge.svg"
        binder = "https://mybinder.org/badge_logo.svg"
        return (
            f"[![Open in Colab]({colab})]({self.colab(notebook)}) "
            f"[![Open in Binder]({binder})]({self.binder(notebook)})"
        )


def move(root: Path, to: Repository) -> list[Path]:
    """Write the new address wherever the old one stands, and return the files that changed.

    Generated badges and setup cells hold the address in the same three forms as links in prose, so one
    replacement serves both; `python -m sjedu.course.notebooks --check` proves it.
    """
    old = re.escape(Repository.of(root).slug)
    host = r"(github\.com/|colab\.research\.google\.com/github/|mybinder\.org/v2/gh/)"
    link = re.compile(rf"{host}{old}(?![\w-])(?!\.(?!git\b)\w)")
    changed = []
    for path in _files(root):
        before = path.read_text("utf-8")
        after = link.sub(rf"\g<1>{to.slug}", before)
        if after != before:
            path.write_text(after, "utf-8")
            changed.append(path)
    return changed


def _files(root: Path) -> Iterator[Path]:
    patterns = ("pyproject.toml", "*.md", "docs/*.md", "docs/conf.py", "notebooks/*.ipynb")
    for pattern in patterns:
        yield from sorted(root.glob(pattern))


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Move the course to the repository that the command line names."""
    slugs = sys.argv[1:] if arguments is None else list(arguments)
    if len(slugs) != 1:
        print("usage: make repo REPO=owner/name", file=sys.stderr)
        return 2
    try:
        to = Repository.parse(slugs[0])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    changed = move(root, to)
    print(f"{to.url} now stands in {', '.join(str(path.relative_to(root)) for path in changed) or 'no file'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
