"""Lesson 7: the exact gradient of a large contrastive batch in little memory (对比学习与梯度累积).

To read: `theory` (the mathematics, in NumPy), `toy` (a problem small enough to see every gradient), `losses` (InfoNCE,
streamed), `accumulation` (the two passes), `encoders`, `tasks` and `experiment` (the training loop), `claims`,
`exercises`.
May be skipped: `meter` (counts bytes), `batch_norm` (the exact gradient with batch norms, in more passes), `processes`
(a batch shared by several), `estimators` (cheaper gradients), `sentences` (the data of SimCSE), `widgets`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
