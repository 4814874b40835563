"""Figures, and numbers and tables as they are shown.

Read `style` (one look for every figure, one way to show it), then `scene` (pictures as functions of a state) and
`widgets` (the controls that set the state). `numbers` and `tables` stand for themselves.

A name is imported when it is first used, so that who draws a table does not wait for Matplotlib.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
