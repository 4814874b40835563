"""Lesson 5: smoothing functions with the Dirac delta (用狄拉克函数构造光滑近似)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
