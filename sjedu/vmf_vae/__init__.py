"""Lesson 4: variational autoencoders on the hypersphere (球面上的VAE, vMF-VAE).

A latent code on the sphere, whose KL is a constant that one chooses: the von Mises-Fisher law, and what it is good for.

To read: `theory` (`AngularGrid` first: one grid of angles does everything), `samplers` (the ways to draw, compared),
`bessel` (normaliser, mean and KL everywhere), `distribution` (for PyTorch), `vae` (the model), `examples`, `experiment`
(the training loop), `quality` (what a code is worth), `claims`, `exercises`.
May be skipped: `public_code` (its flaws, for section 4.4), `decoder` and `widgets` (pictures). Last, for speed: `fast`,
a table of angles for many κ at once.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
