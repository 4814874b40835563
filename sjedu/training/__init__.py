"""The training run: what every loop of the course needs, under a loop in plain sight.

Read `run` first, whose docstring shows a loop; `configs` says what the configs of all rooms share. The rest serves
these: `batches` (the order of the data), `checkpoint` (a run in one file), `seeding` and `provenance`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
