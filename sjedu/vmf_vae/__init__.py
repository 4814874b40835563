"""Lesson 4: variational autoencoders on the hypersphere (球面上的VAE, vMF-VAE)."""

from __future__ import annotations

from sjedu.vmf_vae.bessel import (
    cosine_variance,
    kappa_for_kl,
    kl_to_uniform,
    log_normalizer,
    log_peak,
    log_sphere_area,
    mean_resultant_length,
)
from sjedu.vmf_vae.distribution import HypersphericalUniform, VonMisesFisher

__all__ = [
    "HypersphericalUniform",
    "VonMisesFisher",
    "cosine_variance",
    "kappa_for_kl",
    "kl_to_uniform",
    "log_normalizer",
    "log_peak",
    "log_sphere_area",
    "mean_resultant_length",
]
