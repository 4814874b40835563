"""Shapes in the package's signatures are checked while the tests run, and only then."""

import sys
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# What the tests of several folders share lies beside this file, not in a package.
sys.path.insert(0, str(Path(__file__).parent))
pytest.register_assert_rewrite("widgets")

install_import_hook("sjedu", "beartype.beartype")

# No deadline: a first call may import or compile. Derandomised: a run in CI can be repeated at home.
settings.register_profile("sjedu", deadline=None, derandomize=True)
settings.load_profile("sjedu")
