"""Lesson 6: one model that retrieves and writes (RoFormer-Sim：融合检索和生成)."""

from __future__ import annotations

from sjedu.roformer_sim.decoding import Candidate, nucleus, sample
from sjedu.roformer_sim.evaluation import accuracy_at_1, mean_reciprocal_rank, spearman
from sjedu.roformer_sim.losses import contrastive_loss, distillation_loss, equal_texts, partners, unilm_loss
from sjedu.roformer_sim.mining import jaccard, jaccard_matrix, mine_answers, mine_passage
from sjedu.roformer_sim.model import Hits, RoFormerSim, Rows, load_small, nearest, unpack
from sjedu.roformer_sim.whitening import Whitening, whiten

__all__ = [
    "Candidate",
    "Hits",
    "RoFormerSim",
    "Rows",
    "Whitening",
    "accuracy_at_1",
    "contrastive_loss",
    "distillation_loss",
    "equal_texts",
    "jaccard",
    "jaccard_matrix",
    "load_small",
    "mean_reciprocal_rank",
    "mine_answers",
    "mine_passage",
    "nearest",
    "nucleus",
    "partners",
    "sample",
    "spearman",
    "unilm_loss",
    "unpack",
    "whiten",
]
