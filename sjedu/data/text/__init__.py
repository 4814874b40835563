"""Chinese text: a corpus from a seeded grammar, with its meanings, and real sets by name."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
