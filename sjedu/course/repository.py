"""Where the course's repository is: one line of pyproject.toml, and every link made from it.

``make repo REPO=owner/name`` moves the course to another repository.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

#: The checkout that this package is imported from.
ROOT = Path(__file__).resolve().parents[2]
BRANCH = "main"


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, given as "owner/name", and the addresses that follow from it."""

    slug: str

    @classmethod
    def of(cls, root: Path = ROOT) -> Repository:
        """Return the repository that pyproject.toml names.

        Raises:
            ValueError: if its address is not https://github.com/owner/name.
        """
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
        address = project["urls"]["Repository"]
        parts = re.fullmatch(r"https://github\.com/([A-Za-z0-9][A-Za-z0-9-]*/[\w.-]+)", address)
        if parts is None:
            raise ValueError(
                f"pyproject.toml, Repository: got {address!r}; expected https://github.com/owner/name"
            )
        return cls(parts[1])

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
