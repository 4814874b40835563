"""The small models of these tests lie beside them, not in a package."""

import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def load_peers():
    path = Path(__file__).parents[2] / "benchmarks" / "peers.py"
    spec = importlib.util.spec_from_file_location("benchmarks_peers", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def transformers_model():
    """A function from a model's name to Transformers' module of it."""
    peers = load_peers()

    def find(name):
        try:
            return peers.transformers_model(name)
        except ImportError as error:
            pytest.skip(f"transformers: {error}")

    return find
