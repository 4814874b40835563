"""Tiny models, ours and Transformers', and what the tests of this room share."""

import importlib

import peers
import pytest
import torch

from sjedu.data.text import corpus_characters
from sjedu.p_tuning import Backbone, Vocabulary
from sjedu.roformer import LanguageModel, RoFormerConfig, Tokenizer

WORDS = "味道很好不满意房间干净服务差我都了真是也太贵便宜喜欢推荐差劲脏吵安静，。"
TOKENIZER = Tokenizer.for_texts([WORDS], always=WORDS, least=1)
VOCABULARY = Vocabulary.of(TOKENIZER, prompts=8)
TEXTS = ["味道很好，服务真差。", "房间干净", "太贵了，我不喜欢。"]


def library(name):
    """Import transformers or peft, or skip."""
    try:
        with peers.without_torchvision():
            return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name}: {error}")


SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def ours(causal=False, seed=0):
    torch.manual_seed(seed)
    config = RoFormerConfig(
        vocab_size=len(TOKENIZER),
        embedding_size=16,
        max_position_embeddings=64,
        initializer_range=0.2,
        **SIZES,
    )
    return Backbone(LanguageModel(config).eval(), causal)


def theirs(name, seed=0):
    transformers = library("transformers")
    torch.manual_seed(seed)
    size = len(TOKENIZER)
    if name == "gpt2":
        config = transformers.GPT2Config(vocab_size=size, n_embd=16, n_layer=2, n_head=2, n_positions=64)
        return Backbone(transformers.GPT2LMHeadModel(config).eval(), causal=True)
    kind = {"bert": "Bert", "roformer": "RoFormer"}[name]
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=size, embedding_size=16, max_position_embeddings=64, initializer_range=0.2, **SIZES
    )
    return Backbone(getattr(transformers, f"{kind}ForMaskedLM")(config).eval())


MODELS = ("ours", "ours, causal", "bert", "roformer", "gpt2")


def backbone(name, seed=0):
    return ours("causal" in name, seed) if name.startswith("ours") else theirs(name, seed)


#: Reads everything that the corpus and the human templates can write.
READER = Tokenizer.for_texts([], always=corpus_characters())


def small(objective="mlm"):
    """Stand in for `sjedu.roformer.load_small`: a model that was never trained."""
    torch.manual_seed(0)
    sizes = RoFormerConfig(
        vocab_size=len(READER),
        hidden_size=32,
        embedding_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        initializer_range=0.1,
    )
    return LanguageModel(sizes), READER
