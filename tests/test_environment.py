"""pyproject.toml, constraints.txt and environment.yml must tell one story."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
CONDA_NAMES = {
    "torch": "pytorch",
    "matplotlib": "matplotlib-base",
    "POT": "pot",
    "huggingface-hub": "huggingface_hub",
}


def requirements(*extras: str) -> list[Requirement]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return [Requirement(line) for line in lines]


def pins(path: Path) -> dict[str, Version]:
    lines = [line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines()]
    pairs = [line.split("==") for line in lines if line]
    return {canonical(name): Version(version) for name, version in pairs}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_extras_are_the_promised_ones():
    assert set(EXTRAS) == {"lab", "data", "test", "mutation", "docs"}


@pytest.mark.parametrize("requirement", requirements(*EXTRAS), ids=lambda r: r.name)
def test_every_requirement_has_a_pin_that_it_admits(requirement):
    pinned = pins(ROOT / "constraints.txt")[canonical(requirement.name)]
    assert pinned in requirement.specifier


def test_constraints_hold_names_and_public_versions_only():
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert re.fullmatch(r"(#.*|[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*)", line), line


def test_colab_satisfies_every_lower_bound():
    """Installing sjedu on Colab must replace nothing: each version preinstalled there is admitted."""
    colab = pins(ROOT / "tests/colab/constraints.txt")
    checked = 0
    for requirement in requirements():
        if canonical(requirement.name) in colab:
            assert colab[canonical(requirement.name)] in requirement.specifier, requirement
            checked += 1
    assert checked >= 8


def test_conda_environment_says_the_same():
    rattler = pytest.importorskip("rattler")
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"}
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-e .[lab,data]"]}

    specs = {spec.name.normalized: spec for spec in map(rattler.MatchSpec, conda)}
    wanted = {CONDA_NAMES.get(r.name, r.name): str(r.specifier) for r in requirements("lab", "data")}
    wanted |= {"python": PROJECT["requires-python"], "pip": ""}
    assert {name: str(spec.version or "") for name, spec in specs.items()} == wanted
