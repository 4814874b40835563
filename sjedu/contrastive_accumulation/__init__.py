"""Lesson 7: the exact gradient of a large contrastive batch in little memory (对比学习与梯度累积)."""

from __future__ import annotations

from sjedu.contrastive_accumulation.accumulation import RandomState, accumulate
from sjedu.contrastive_accumulation.batch_norm import accumulate_batch_norm
from sjedu.contrastive_accumulation.losses import info_nce

__all__ = ["RandomState", "accumulate", "accumulate_batch_norm", "info_nce"]
