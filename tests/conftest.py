"""Shapes in the package's signatures are checked while the tests run, and only then."""

from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook("sjedu", "beartype.beartype")

# No deadline: a first call may import or compile. Derandomised: a run in CI can be repeated at home.
settings.register_profile("sjedu", deadline=None, derandomize=True)
settings.load_profile("sjedu")
