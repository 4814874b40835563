"""The package as a reader imports it, without the shape checks of the root conftest.py."""

import importlib
import sys
from contextlib import contextmanager


@contextmanager
def unchecked(module):
    """Import a module of the package, and all that it and later imports need, anew and unchecked.

    torch.compile cannot look into the checks, and where they refuse an argument the package's own refusal is not seen.
    Afterwards everybody else has the checked package again.
    """
    checked = {name: sys.modules.pop(name) for name in _of_the_package()}
    finders = sys.meta_path[:]
    sys.meta_path[:] = [finder for finder in finders if not type(finder).__module__.startswith("jaxtyping")]
    try:
        imported = importlib.import_module(module)
        for name in getattr(imported, "__all__", ()):
            getattr(
                imported, name
            )  # a front door imports what is asked for, and later it would be the checked one
        yield imported
    finally:
        sys.meta_path[:] = finders
        for name in _of_the_package():
            del sys.modules[name]
        sys.modules.update(checked)


def _of_the_package():
    return [name for name in sys.modules if name.partition(".")[0] == "sjedu"]
