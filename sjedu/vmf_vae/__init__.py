"""Lesson 4: variational autoencoders on the hypersphere (球面上的VAE, vMF-VAE)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
