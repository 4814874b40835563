"""Lesson 3: rotary position embedding for positions in the plane (二维位置的旋转式位置编码).

A token at p = (x, y) has each pair of its coordinates turned by ω·p; a RoPE is its list of frequency vectors ω.

To read: `theory` (the matrices, exact), `rotary` (the same as PyTorch, to be imported), `vision` (the small Transformer
that it serves), `tasks` (what that learns), `experiment` (the training loop), `claims`, `exercises`.
May be skipped: `quaternion` (the attempt that fails), `offsets` (which positions look alike), `fast` (for speed),
`widgets`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
