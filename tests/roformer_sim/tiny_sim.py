"""A small RoFormer-Sim with loud random weights over the characters of the embedded grammar."""

import random

import torch

from sjedu.data.text import corpus_characters, sample_question, write_question
from sjedu.roformer import LanguageModel, RoFormerConfig, Tokenizer
from sjedu.roformer.tokenizer import SEP
from sjedu.roformer_sim import RoFormerSim

TOKENIZER = Tokenizer.for_texts([], always=corpus_characters())
SIZES = {
    "vocab_size": len(TOKENIZER),
    "hidden_size": 32,
    "embedding_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 96,
}


def make_sim(pooling="cls", max_length=48, *, seed=0, loud=0.15, **values):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LanguageModel(RoFormerConfig(**{**SIZES, **values}))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(loud * torch.randn(weight.shape, generator=generator))
    return RoFormerSim(model, TOKENIZER, pooling, max_length).eval()


def make_writer():
    """A random model that mostly comes to an end."""
    model = make_sim(loud=0.3)
    with torch.no_grad():
        model.language_model.bias[TOKENIZER.id(SEP)] += 8
    return model


def questions(count, seed=0):
    rng = random.Random(seed)
    return [write_question(sample_question(rng), rng) for _ in range(count)]
