"""Figures: their style, the scenes that answer a control, tables, and numbers as text.

A name is imported when it is first used, so that who draws a table does not wait for Matplotlib.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
