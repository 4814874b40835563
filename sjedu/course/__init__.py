"""The course itself: its lessons, their exercises, and what works on this machine.

`python -m sjedu` is the same from a terminal. The modules that make and check the notebooks as files
(`notebooks`, `weave`, `normalise`, `readme`, `repository`) are for those who write lessons.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
