"""Small models with weights that are far from zero, so that every term counts."""

import torch

from sjedu.roformer import LanguageModel, RoFormer, RoFormerConfig

SIZES = {
    "vocab_size": 60,
    "hidden_size": 24,
    "embedding_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
}


def make_config(**values):
    return RoFormerConfig(**{**SIZES, **values})


def loud(model, seed=0):
    """Every weight random and large: a swapped or forgotten one shows."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_positions" not in name:
                weight.add_(torch.randn(weight.shape, generator=generator) * 0.2)
    return model.eval()


def make_model(kind=LanguageModel, **values):
    return loud(kind(make_config(**values)))


def make_encoder(**values):
    return make_model(RoFormer, **values)


def token_ids(*shape, seed=0):
    return torch.randint(1, SIZES["vocab_size"], shape, generator=torch.Generator().manual_seed(seed))
