"""The Transformer that lessons 2, 6 and 8 stand on: RoFormer, its masks, weights, tokenizer and pretraining."""

from sjedu.roformer.config import RoFormerConfig
from sjedu.roformer.masks import causal_mask, padding_mask, prefix_mask
from sjedu.roformer.model import Cache, LanguageModel, RoFormer
from sjedu.roformer.pooling import Pooling, pool_states, sentence_vectors
from sjedu.roformer.rotary import phase_table, rotate
from sjedu.roformer.tokenizer import Batch, Tokenizer
from sjedu.roformer.weights import (
    WeightsError,
    load_encoder,
    load_language_model,
    load_small,
    load_tokenizer,
    save_pretrained,
)

__all__ = [
    "Batch",
    "Cache",
    "LanguageModel",
    "Pooling",
    "RoFormer",
    "RoFormerConfig",
    "Tokenizer",
    "WeightsError",
    "causal_mask",
    "load_encoder",
    "load_language_model",
    "load_small",
    "load_tokenizer",
    "padding_mask",
    "phase_table",
    "pool_states",
    "prefix_mask",
    "rotate",
    "save_pretrained",
    "sentence_vectors",
]
