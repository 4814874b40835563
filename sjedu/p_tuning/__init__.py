"""Lesson 2: P-tuning, prompts that are learnt (自动构建模版)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
