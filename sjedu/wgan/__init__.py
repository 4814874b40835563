"""Lesson 1: WGAN and the Wasserstein distance (WGAN 与 Wasserstein 距离)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
