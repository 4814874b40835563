"""Lesson 6: one model that retrieves and writes (RoFormer-Sim：融合检索和生成)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
