"""Data by name: embedded sets that need nothing, and real ones from a folder of yours or from the net."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
