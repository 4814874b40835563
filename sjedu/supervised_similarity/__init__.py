"""Lesson 8: labels for sentence similarity (用人工标注数据增强 RoFormer-Sim)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
