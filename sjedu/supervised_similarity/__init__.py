"""Lesson 8: labels for sentence similarity (用人工标注数据增强 RoFormer-Sim)."""

from __future__ import annotations

from sjedu.supervised_similarity.heads import ARTICLE_PARTS, Heads, PairHead, concat_features
from sjedu.supervised_similarity.losses import cosent_loss, cosine_loss
from sjedu.supervised_similarity.tasks import PairSet, careless, embedded_set, real_set

__all__ = [
    "ARTICLE_PARTS",
    "Heads",
    "PairHead",
    "PairSet",
    "careless",
    "concat_features",
    "cosent_loss",
    "cosine_loss",
    "embedded_set",
    "real_set",
]
