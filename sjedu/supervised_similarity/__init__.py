"""Lesson 8: labels for sentence similarity (用人工标注数据增强 RoFormer-Sim).

Sentence vectors learn from labelled pairs by a classifier that is thrown away, by losses on the cosine, by CoSENT.

To read: `theory` (the losses, their bounds, ranks), `losses` and `heads` (the same in PyTorch), `tasks` (the pairs and
their standards), `learning` and `experiment` (a step, and the training loop), `evaluation`, `claims`, `exercises`. May
be skipped: `planted` (the simulation of section 2.8), `card` (what stands beside the small models), `widgets`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
