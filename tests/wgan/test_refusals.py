"""What annotations would refuse while the tests check them, the room refuses by itself, and names the argument."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import torch
from unchecked import unchecked

X = np.zeros((4, 2))
C, F = torch.zeros(3, 4), torch.zeros(3)


@pytest.fixture(scope="module")
def room():
    """The room as a reader imports it, without the checks of annotations."""
    with unchecked("sjedu.wgan") as package:
        yield package


CASES = {
    "a list of numbers as points": (
        lambda r: r.wasserstein_1([0.0, 1.0], X),
        ValueError,
        r"x: got the shape \(2,\); expected \(points, dim\)",
    ),
    "nothing as points": (
        lambda r: r.wasserstein_1(X, None),
        TypeError,
        "y: got object; expected real numbers",
    ),
    "a number as points": (lambda r: r.wasserstein_1(3.0, X), ValueError, r"x: got the shape \(\)"),
    "booleans as points": (
        lambda r: r.wasserstein_1(X > 0, X),
        TypeError,
        "x: got bool; expected real numbers",
    ),
    "the median of a list": (
        lambda r: r.geometric_median([1.0, 2.0]),
        ValueError,
        r"x: got the shape \(2,\); expected \(points, dim\)",
    ),
    "a string as bound": (
        lambda r: r.WeightClipping("0.01"),
        TypeError,
        "bound: got '0.01'; expected a positive number",
    ),
    "True as bound": (
        lambda r: r.WeightClipping(True),
        TypeError,
        "bound: got True; expected a positive number",
    ),
    "a string as λ": (
        lambda r: r.GradientPenalty("10"),
        TypeError,
        "weight: got '10'; expected a number that is not negative",
    ),
    "None as centre": (
        lambda r: r.GradientPenalty(1, centre=None),
        TypeError,
        "centre: got None; expected a number",
    ),
    "a string as ε of the loss": (
        lambda r: r.SoftCTransform("0.1"),
        TypeError,
        "epsilon: got '0.1'; expected a positive number",
    ),
    "True as ε": (
        lambda r: r.soft_c_transform(C, F, True),
        TypeError,
        "epsilon: got True; expected a positive",
    ),
    "2.5 iterations": (
        lambda r: r.SpectralNormalisation(2.5),
        TypeError,
        "iterations: got 2.5; expected a whole number, at least 1",
    ),
    "2.5 clusters": (
        lambda r: r.k_means(X, 2.5),
        TypeError,
        "k: got 2.5; expected a whole number, at least 1",
    ),
    "True clusters": (lambda r: r.k_medians(X, True), TypeError, "k: got True; expected a whole number"),
    "half a width": (
        lambda r: r.mlp_critic(2, (0.5,)),
        TypeError,
        r"hidden\[0\]: got 0.5; expected a whole number",
    ),
    "half a neighbour": (lambda r: r.precision_recall(X, X, 0.5), TypeError, "k: got 0.5; expected a whole"),
    "no such place": (
        lambda r: r.GradientPenalty(where="middle"),
        ValueError,
        "where: got 'middle'; expected one of 'between', 'real', 'fake'",
    ),
    "a string as ε of theory": (
        lambda r: r.theory.soft_c_transform(C.numpy(), F.numpy(), "1", [0.2, 0.3, 0.5]),
        TypeError,
        "epsilon: got '1'; expected a positive number",
    ),
    "a string as W": (
        lambda r: r.theory.penalised_optimum("2", 1.0),
        TypeError,
        "W: got '2'; expected a positive number",
    ),
    "half a draw": (
        lambda r: r.theory.batch_distances([1.0], 2, 2, 0.5),
        TypeError,
        "repeats: got 0.5; expected a whole number",
    ),
    "a string as dimension": (
        lambda r: r.estimation.StaticConfig(dim="2"),
        TypeError,
        "dim: got '2'; expected a whole number",
    ),
    "no such pair": (
        lambda r: r.estimation.StaticConfig(pair="typo"),
        ValueError,
        "pair: got 'typo'; expected one of 'ring', 'digits_halves', 'digits_groups', 'digits_noise', 'shift'",
    ),
    "a misspelt data set in a tournament": (
        lambda r: r.tournament.compete(r.tournament.TournamentConfig(dataset="minst")),
        ValueError,
        "dataset: got 'minst'; expected one of 'digits', 'mnist',",
    ),
    "no such network": (
        lambda r: r.experiment.Config(network="wat"),
        ValueError,
        "network: got 'wat'; expected one of 'mlp', 'dcgan', 'resnet'",
    ),
    "no such optimizer": (
        lambda r: r.experiment.Config(optimizer="sgd"),
        ValueError,
        "optimizer: got 'sgd'; expected one of 'adam', 'rmsprop'",
    ),
    **{
        f"no such {name}": (
            lambda r, name=name: r.experiment.Config(**{name: "other"}),
            ValueError,
            f"{name}: got 'other'; expected one of ",
        )
        for name in ("dataset", "loss", "constraint", "precision")
    },
    "half a step": (
        lambda r: r.experiment.Config(steps=0.5),
        TypeError,
        "steps: got 0.5; expected a whole number",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refuses(case, room):
    call, error, message = CASES[case]
    importlib.import_module("sjedu.wgan.experiment")
    importlib.import_module("sjedu.wgan.theory")
    with pytest.raises(error, match=message):
        call(room)


def test_numbers_of_numpy_are_numbers(room):
    assert room.WeightClipping(np.float32(0.5)).bound == 0.5
    assert room.SpectralNormalisation(np.int64(2)).iterations == 2
    assert len(room.k_means(np.arange(8.0).reshape(4, 2), np.int64(2))) == 2
