"""Lesson 7: the exact gradient of a large contrastive batch in little memory (对比学习与梯度累积)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
