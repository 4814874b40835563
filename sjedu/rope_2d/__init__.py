"""Lesson 3: rotary position embedding for positions in the plane (二维位置的旋转式位置编码)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
