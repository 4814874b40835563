"""Shapes in the package's signatures are checked while the tests run, and only then."""

import signal
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# What the tests of several folders share lies beside this file, not in a package.
sys.path.insert(0, str(Path(__file__).parent))
# And `peers`, which knows how to import other projects; behind all else, as the benchmarks have the rooms' names.
sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
pytest.register_assert_rewrite("interrupted", "widgets")

install_import_hook("sjedu", "beartype.beartype")

# No deadline: a first call may import or compile. Derandomised: a run in CI can be repeated at home.
settings.register_profile("sjedu", deadline=None, derandomize=True)
settings.load_profile("sjedu")

# A shell starts its background jobs deaf to interrupts; the tests of interrupted runs raise some.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def transformers_model():
    """A function from a model's name to Transformers' module of it."""
    import peers

    def find(name):
        try:
            return peers.transformers_model(name)
        except ImportError as error:
            pytest.skip(f"transformers: {error}")

    return find
