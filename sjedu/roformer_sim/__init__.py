"""Lesson 6: one model that retrieves and writes (RoFormer-Sim：融合检索和生成).

A Transformer whose mask makes it an encoder of one sentence and a writer of the next, and what each of its losses does.

To read: `theory` (mask, losses and their gradients, exact and slow), `model` (`RoFormerSim.forward`, `encode`,
`generate`), `losses`, `decoding` (sampling and its cache), `pairs` (what it learns from), `experiment` (the training
loop), `evaluation` (what the grammar says of it), `claims`, `exercises`. May be skipped: `mining` and `planted` (pairs
without labels), `whitening`, `results` (tables of recorded runs), `widgets`, `card` (what a folder of weights says).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
