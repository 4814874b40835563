"""The same gradients as other implementations: sentence-transformers' cached loss, and open_clip's loss by hand."""

import peers
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sjedu.contrastive_accumulation import accumulate, info_nce, toy


class Features(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, features):
        return {"sentence_embedding": self.model(features["x"])}


@pytest.fixture(scope="module")
def losses():
    with peers.without_torchvision():
        return pytest.importorskip("sentence_transformers.sentence_transformer.losses")


@pytest.mark.parametrize("p", [0.0, 0.3])
def test_sentence_transformers_cached_loss(losses, p):
    model, (x, y) = toy.encoder(p), toy.views(24)
    loss = losses.CachedMultipleNegativesRankingLoss(
        nn.Sequential(Features(model)), scale=20.0, mini_batch_size=5
    )

    def ours(u, v):
        return info_nce(u, v, temperature=1 / 20)

    torch.manual_seed(0)
    theirs = toy.gradient(model, lambda: loss([{"x": x}, {"x": y}], torch.zeros(24)).backward())
    torch.manual_seed(0)
    found = toy.gradient(model, lambda: accumulate((model, model), (x, y), ours, 5))
    torch.testing.assert_close(found, theirs, rtol=1e-9, atol=1e-11)


def test_sentence_transformers_symmetric_loss(losses):
    model, (x, y) = toy.encoder(), toy.views(24)
    loss = losses.MultipleNegativesRankingLoss(
        nn.Sequential(Features(model)),
        scale=20.0,
        directions=("query_to_doc", "doc_to_query"),
        partition_mode="per_direction",
    )
    value = loss([{"x": x}, {"x": y}], torch.zeros(24))
    torch.testing.assert_close(value, info_nce(model(x), model(y), temperature=1 / 20, symmetric=True))


def test_clip_s_pseudocode():
    u, v = F.normalize(torch.randn(2, 9, 5, dtype=torch.float64), dim=-1)
    logits, labels = 14.0 * u @ v.T, torch.arange(9)
    clip = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2
    torch.testing.assert_close(info_nce(u, v, temperature=1 / 14, symmetric=True), clip)
