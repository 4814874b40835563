"""The losses equal those of sentence-transformers, in value and in gradient, on the same embeddings."""

import peers
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sjedu.supervised_similarity import PairHead, cosent_loss, cosine_loss


@pytest.fixture(scope="module")
def losses():
    with peers.without_torchvision():
        return pytest.importorskip("sentence_transformers.losses")


class Given(nn.Module):
    """A sentence-transformers model that has its embeddings already."""

    device = torch.device("cpu")

    def forward(self, features):
        return {"sentence_embedding": features["vectors"]}

    def __getitem__(self, index):
        return self


def embeddings(pairs=9, dim=6):
    generator = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(pairs, dim, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(2)
    )


def agree(theirs, ours, inputs):
    assert theirs.item() == pytest.approx(ours.item(), rel=1e-6)
    for a, b in zip(torch.autograd.grad(theirs, inputs), torch.autograd.grad(ours, inputs), strict=True):
        assert torch.allclose(a, b, atol=1e-7)


def test_the_squared_loss_is_cosine_similarity_loss(losses):
    u, v = embeddings()
    labels = torch.tensor([0, 1, 1, 0, 0, 1, 0, 1, 1])
    theirs = losses.CosineSimilarityLoss(Given())([{"vectors": u}, {"vectors": v}], labels.double())
    agree(theirs, cosine_loss(F.cosine_similarity(u, v), labels, "squared"), (u, v))


def test_cosent(losses):
    u, v = embeddings()
    labels = torch.tensor([0, 1, 2, 0, 3, 1, 0, 2, 1])
    theirs = losses.CoSENTLoss(Given(), scale=20.0)([{"vectors": u}, {"vectors": v}], labels.double())
    agree(theirs, cosent_loss(F.cosine_similarity(u, v), labels), (u, v))


@pytest.mark.parametrize("product", [False, True])
def test_softmax_loss_is_cross_entropy_of_a_head(losses, product):
    u, v = embeddings()
    labels = torch.tensor([0, 1, 2, 0, 2, 1, 0, 2, 1])
    theirs = losses.SoftmaxLoss(
        Given(), embedding_dimension=6, num_labels=3, concatenation_sent_multiplication=product
    ).double()
    head = PairHead(6, 3, ("u", "v", "|u-v|", *(("u*v",) if product else ()))).double()
    head.linear.load_state_dict(theirs.classifier.state_dict())
    value = theirs([{"vectors": u}, {"vectors": v}], labels)
    agree(value, F.cross_entropy(head(u, v), labels), (u, v))
