r"""The classifier that is thrown away: a dense layer on (u, v, \|u - v\|), one for each set of labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sjedu.checks import check_choice, check_count

Part: TypeAlias = Literal["u", "v", "|u-v|", "u*v"]

#: What a head may see of a pair.
PARTS: tuple[Part, ...] = get_args(Part)
#: What InferSent, Sentence-BERT and the article give it; InferSent adds u*v.
ARTICLE_PARTS: tuple[Part, ...] = ("u", "v", "|u-v|")


def concat_features(
    u: Float[Tensor, "pairs dim"], v: Float[Tensor, "pairs dim"], parts: Sequence[Part] = ARTICLE_PARTS
) -> Float[Tensor, "pairs features"]:
    """Return what a head sees of pairs, side by side.

    Args:
        u: vectors of the first sentences.
        v: of the second.
        parts: of `PARTS`, in this order.

    Raises:
        ValueError: if the shapes differ, or parts are none, unknown or twice the same.
    """
    if u.shape != v.shape:
        raise ValueError(f"u and v: got {tuple(u.shape)} and {tuple(v.shape)}; expected one shape")
    _check_parts(parts)
    columns = {"u": u, "v": v, "|u-v|": (u - v).abs(), "u*v": u * v}
    return torch.cat([columns[part] for part in parts], dim=-1)


class PairHead(nn.Module):
    """A dense layer from `concat_features` to the classes of one set of labels.

    Args:
        dim: of the vectors.
        classes: how many.
        parts: what it sees.

    Raises:
        ValueError: if there are fewer than two classes, or the parts are none, unknown or twice the same.
    """

    def __init__(self, dim: int, classes: int = 2, parts: Sequence[Part] = ARTICLE_PARTS) -> None:
        super().__init__()
        _check_parts(parts)
        check_count("classes", classes, 2)
        self.parts = tuple(parts)
        self.dim = dim
        self.linear = nn.Linear(len(parts) * dim, classes)

    def forward(
        self, u: Float[Tensor, "pairs dim"], v: Float[Tensor, "pairs dim"]
    ) -> Float[Tensor, "pairs classes"]:
        """Return the logits of the classes."""
        logits: Tensor = self.linear(concat_features(u, v, self.parts))
        return logits

    def weights(self, high: int = 1, low: int = 0) -> dict[Part, Float[Tensor, " dim"]]:
        """Return, of each part, the weights by which class `high` outscores class `low`: w₁, w₂, w₃ of the article."""
        difference = (self.linear.weight[high] - self.linear.weight[low]).detach()
        return dict(zip(self.parts, difference.view(-1, self.dim), strict=True))

    def shares(
        self, u: Float[Tensor, "pairs dim"], v: Float[Tensor, "pairs dim"], high: int = 1, low: int = 0
    ) -> dict[Part, Float[Tensor, " pairs"]]:
        """Return what each part adds to the score of class `high` over class `low`, without the bias.

        The article reads the sum of the parts u and v as a score of the topic and that of |u-v| as one of the meaning.
        """
        weights = self.weights(high, low)
        return {part: concat_features(u, v, (part,)) @ weight for part, weight in weights.items()}

    def symmetrised(self) -> PairHead:
        """Return the head that scores a pair with the mean of both orders: w₁ and w₂ become their mean.

        What is lost is ⟨u - v, (w₁ - w₂)/2⟩, which says which sentence stands first.

        Raises:
            ValueError: if the head sees one of u and v only.
        """
        if ("u" in self.parts) != ("v" in self.parts):
            raise ValueError(
                f"parts: got {self.parts}; expected both u and v, or neither, of a head to be symmetrised"
            )
        head = PairHead(self.dim, self.linear.out_features, self.parts)
        head.load_state_dict(self.state_dict())
        if "u" in self.parts:
            columns = {part: i * self.dim for i, part in enumerate(self.parts)}
            first, second = (slice(columns[p], columns[p] + self.dim) for p in ("u", "v"))
            weight = self.linear.weight.detach()
            mean = (weight[:, first] + weight[:, second]) / 2
            with torch.no_grad():
                head.linear.weight[:, first] = mean
                head.linear.weight[:, second] = mean
        return head


class Heads(nn.Module):
    """One head for each set, on one encoder; or one for all sets with as many classes.

    Args:
        classes: of each set, how many labels it has.
        dim: of the vectors.
        parts: what the heads see.
        shared: whether sets with equally many classes share a head.

    Raises:
        ValueError: if there are no sets.
    """

    def __init__(
        self,
        classes: Mapping[str, int],
        dim: int,
        parts: Sequence[Part] = ARTICLE_PARTS,
        *,
        shared: bool = False,
    ) -> None:
        super().__init__()
        if not classes:
            raise ValueError("classes: got none; expected at least one set")
        self.key = {name: f"all{n}" if shared else name for name, n in classes.items()}
        self.heads = nn.ModuleDict(
            {key: PairHead(dim, classes[name], parts) for name, key in self.key.items()}
        )

    def __getitem__(self, name: str) -> PairHead:
        check_choice("name", name, tuple(self.key))
        head = self.heads[self.key[name]]
        assert isinstance(head, PairHead)
        return head

    def forward(
        self, name: str, u: Float[Tensor, "pairs dim"], v: Float[Tensor, "pairs dim"]
    ) -> Float[Tensor, "pairs classes"]:
        """Return the logits that a set's head gives.

        Raises:
            ValueError: if there is no such set.
        """
        logits: Tensor = self[name](u, v)
        return logits


def _check_parts(parts: Sequence[Part]) -> None:
    if not parts or len(set(parts)) != len(parts) or not set(parts) <= set(PARTS):
        raise ValueError(f"parts: got {tuple(parts)}; expected different ones of {', '.join(PARTS)}")
