"""What runs measured, the one question to them, statistics, and claims with their verdicts."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
