"""Measures that several lessons share. Each refuses NaN and says how it counts ties: a broken model must not look good.

`correlation` (of ranks), `retrieval`, `classification` (by a threshold), `calibration`, `frechet`: in any order.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
