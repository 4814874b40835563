"""Lesson 1: WGAN and the Wasserstein distance (WGAN 与 Wasserstein 距离).

Does a WGAN work because its critic measures the Wasserstein distance, or although it fails to?

To read: `theory` (the mathematics, exact and slow), `transport` (distances and c-transforms in PyTorch), `constraints`,
`losses`, `critic` (the networks), `experiment` (`play` is the whole game), `estimation` (critics at rest), `quality`
(the judges), `results` and `claims`, `exercises`. May be skipped, as studies beside the main line: `clustering`,
`batch_distance`, `pixel_distance`, `tournament`; and `widgets`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
