"""Lesson 5: smoothing functions with the Dirac delta (用狄拉克函数构造光滑近似).

A function is smoothed by a convolution with a narrow kernel; what comes out for jumps, corners and the floor, exactly.

To read: `functions` (what is smoothed), `kernels` (by what, in symbols), `theory` (the same in numbers, and the laws of
the errors), `smoothing` and `activations` (PyTorch), `tasks` and `experiment` (the training loop), `claims`,
`exercises`. May be skipped: `primitives` (for accuracy and speed: full precision in the tails, derivatives of every
order), `networks`, `widgets`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
