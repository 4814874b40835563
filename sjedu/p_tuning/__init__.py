"""Lesson 2: P-tuning, prompts that are learnt (自动构建模版)."""

from __future__ import annotations

from sjedu.p_tuning.adapter import Adapter, add_adapters
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import ClozeClassifier, HeadClassifier, masked_text, next_words
from sjedu.p_tuning.prompt import (
    PromptedEmbedding,
    PromptEncoder,
    StopGradientEmbedding,
    changed,
    freeze,
    insert_prompt,
    snapshot,
    trainable,
)
from sjedu.p_tuning.template import Filled, Template, Verbalizer, Vocabulary, plain

__all__ = [
    "Adapter",
    "Backbone",
    "ClozeClassifier",
    "Filled",
    "HeadClassifier",
    "PromptEncoder",
    "PromptedEmbedding",
    "StopGradientEmbedding",
    "Template",
    "Verbalizer",
    "Vocabulary",
    "add_adapters",
    "changed",
    "freeze",
    "insert_prompt",
    "masked_text",
    "next_words",
    "plain",
    "snapshot",
    "trainable",
]
