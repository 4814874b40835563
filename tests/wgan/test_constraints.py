"""Each constraint on critics whose slope is known, and what each must refuse."""

import math

import pytest
import torch
from torch import nn

from sjedu.wgan import (
    GradientPenalty,
    SpectralNormalisation,
    Unconstrained,
    WeightClipping,
    empirical_lipschitz,
    gradient_norms,
    make_constraint,
    mlp_critic,
    share_at_bound,
    theory,
)
from sjedu.wgan.constraints import CONSTRAINTS, STRENGTHS, split_strength


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


REAL, FAKE = normal(10, 3), normal(10, 3, seed=1)
SLOPE = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)  # of norm 3


def linear(x):
    return x.flatten(1) @ SLOPE


def seeded_critic(dim, hidden=(16,), seed=0):
    torch.manual_seed(seed)
    return mlp_critic(dim, hidden).double()


# ---------------------------------------------------------------- gradients


def test_gradient_norms_are_those_of_whole_samples():
    points = normal(7, 3)
    assert torch.allclose(gradient_norms(linear, points), torch.full((7,), 3.0, dtype=torch.float64))
    squares = gradient_norms(lambda x: x.square().sum(dim=1), points)
    assert torch.allclose(squares, 2 * points.norm(dim=1))
    pictures = normal(7, 1, 3, 1)
    assert torch.allclose(gradient_norms(linear, pictures), torch.full((7,), 3.0, dtype=torch.float64))
    assert empirical_lipschitz(linear, points) == pytest.approx(3)


def test_gradient_norms_leave_the_points_alone_and_work_without_grad_mode():
    points = normal(7, 3).requires_grad_()
    with torch.no_grad():
        assert torch.allclose(gradient_norms(linear, points), torch.full((7,), 3.0, dtype=torch.float64))
    assert points.grad is None


@pytest.mark.parametrize(
    "critic", [lambda x: 0 * x.sum(dim=1), lambda x: torch.ones(len(x)), lambda x: (0 * x).norm(dim=1)]
)
def test_a_constant_critic_has_slope_zero_and_a_finite_penalty(critic):
    weight = torch.ones((), dtype=torch.float64, requires_grad=True)
    penalty = GradientPenalty(10.0).penalty(lambda x: weight * critic(x), REAL, FAKE)
    assert penalty.item() == 10
    if penalty.requires_grad:  # a critic that does not look at its input leaves nothing to train
        (gradient,) = torch.autograd.grad(penalty, weight)
        assert torch.isfinite(gradient)


def two_numbers(x):
    return x.flatten(1)[:, :2]


def one_for_all(x):
    return x.sum()[None]


@pytest.mark.parametrize(("critic", "shape"), [(two_numbers, r"\(10, 2\)"), (one_for_all, r"\(1,\)")])
def test_critics_must_give_one_number_a_sample(critic, shape):
    message = f"critic: got values of the shape {shape} for 10 samples; expected one number each"
    for call in (lambda: gradient_norms(critic, REAL), lambda: GradientPenalty().penalty(critic, REAL, FAKE)):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_column_of_numbers_is_one_number_a_sample():
    assert torch.equal(gradient_norms(lambda x: linear(x)[:, None], REAL), gradient_norms(linear, REAL))


@pytest.mark.parametrize("points", [torch.zeros(0, 3), torch.zeros(5)])
def test_slopes_need_points_with_coordinates(points):
    message = rf"points: got the shape \({points.shape[0]},.*expected \(points, ...\) with at least one point"
    for call in (gradient_norms, empirical_lipschitz):
        with pytest.raises(ValueError, match=message):
            call(linear, points)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_samples_that_are_not_finite_do_not_pass_for_finite_slopes(bad):
    # At NaN a leaky ReLU has the slope 0.2 for torch, and a linear layer the slope of its weights.
    points = REAL.clone()
    points[4, 1] = bad
    norms = gradient_norms(seeded_critic(3), points)
    assert norms.isnan().tolist() == [i == 4 for i in range(10)]
    assert GradientPenalty().penalty(seeded_critic(3), points, FAKE).isnan()
    assert math.isnan(empirical_lipschitz(seeded_critic(3), points))


# ---------------------------------------------------------------- gradient penalties


@pytest.mark.parametrize(
    ("constraint", "penalty"),
    [
        (GradientPenalty(10.0), 10 * (3 - 1) ** 2),
        (GradientPenalty(2.5, centre=4.0), 2.5),
        (GradientPenalty(2.5, centre=4.0, one_sided=True), 0),
        (GradientPenalty(10.0, one_sided=True), 10 * (3 - 1) ** 2),
        (GradientPenalty(0.5, centre=0.0), 0.5 * 9),
        (GradientPenalty(0.5, centre=0.0, where="real"), 0.5 * 9),
        (GradientPenalty(0.0), 0),
    ],
)
@pytest.mark.parametrize("shape", [(3,), (3, 1, 1), (1, 3, 1)])
def test_penalty_of_a_linear_critic(constraint, penalty, shape):
    found = constraint.penalty(linear, REAL.reshape(10, *shape), FAKE.reshape(10, *shape))
    assert found.item() == pytest.approx(penalty)


def test_penalty_is_taken_where_it_says():
    seen = []

    def critic(x):
        seen.append(x.detach())
        return linear(x)

    for where, penalty in (("real", REAL), ("fake", FAKE)):
        GradientPenalty(where=where).penalty(critic, REAL, FAKE)
        assert torch.equal(seen[-1], penalty)
    GradientPenalty().penalty(critic, REAL, FAKE)
    t = (seen[-1] - FAKE) / (REAL - FAKE)
    assert torch.allclose(t, t[:, :1])  # one t a pair, not one a coordinate
    assert 0 <= t.min() < t.max() <= 1


def test_penalty_trains_the_critic_and_not_the_generator():
    critic = seeded_critic(3)
    fake = FAKE.clone().requires_grad_()
    GradientPenalty().penalty(critic, REAL, fake).backward()
    assert fake.grad is None
    assert critic.body[1].weight.grad.abs().max() > 0


def test_penalty_gradient_is_that_of_finite_differences():
    critic = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    for constraint in (GradientPenalty(where="real"), GradientPenalty(centre=0.0, where="fake")):
        parameters = dict(critic.named_parameters())

        def penalty(weight, constraint=constraint, parameters=parameters):
            changed = parameters | {"0.weight": weight}
            return constraint.penalty(lambda x: torch.func.functional_call(critic, changed, (x,)), REAL, FAKE)

        assert torch.autograd.gradcheck(penalty, (critic[0].weight.detach().clone().requires_grad_(),))


@pytest.mark.parametrize(("centre", "one_sided"), [(1.0, False), (1.0, True), (0.0, False)])
def test_two_point_masses_reach_the_biased_optimum(centre, one_sided):
    """A trained critic, not only the algebra, ends at the estimate W + W²/2λ."""
    W, weight = 2.0, 1.5
    real, fake = torch.zeros(64, 1), torch.full((64, 1), W)
    torch.manual_seed(0)
    critic = mlp_critic(1, (32, 32))
    constraint = GradientPenalty(weight, centre, one_sided)
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.5, 0.9))
    for step in range(400):
        for group in optimiser.param_groups:
            group["lr"] = 1e-2 * (1 - step / 400)
        loss = critic(fake).mean() - critic(real).mean() + constraint.penalty(critic, real, fake)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    estimate = (critic(real).mean() - critic(fake).mean()).item()
    assert estimate == pytest.approx(theory.penalised_optimum(W, weight, centre)[1], rel=0.02)


def test_penalty_under_autocast_is_near_the_exact_one():
    critic, real = seeded_critic(3).float(), REAL.float()
    constraint = GradientPenalty(centre=0.0, where="fake")
    penalty = constraint.penalty(critic, real, FAKE.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = constraint.penalty(critic, real, FAKE.float())
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(penalty.item(), rel=0.02)


def test_penalty_refuses_batch_normalisation():
    critic = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).double()
    with pytest.raises(ValueError, match="critic: got batch normalisation"):
        GradientPenalty().penalty(critic, REAL, FAKE)


@pytest.mark.parametrize(("real", "fake"), [(REAL, FAKE[:5]), (REAL, FAKE[:, :2]), (REAL[:0], FAKE[:0])])
def test_penalty_refuses_batches_that_do_not_pair(real, fake):
    with pytest.raises(ValueError, match="real and fake: got the shapes"):
        GradientPenalty().penalty(linear, real, fake)


# ---------------------------------------------------------------- clipping


def test_clipping_bounds_every_parameter_and_the_slope():
    critic = seeded_critic(2, (128, 128))
    assert WeightClipping(0.01).wrap(critic) is critic
    WeightClipping(0.01).after_step(critic)
    assert max(p.abs().max() for p in critic.parameters()) <= 0.01
    assert min(p.min() for p in critic.parameters()) == -0.01
    assert empirical_lipschitz(critic, normal(100, 2)) <= theory.clipping_bound((2, 128, 128, 1), 0.01)


def test_clipping_adds_nothing_to_the_loss_and_gradients_still_flow():
    critic, constraint = seeded_critic(3), WeightClipping(0.05)
    assert constraint.penalty(critic, REAL, FAKE).item() == 0
    constraint.after_step(critic)
    critic(REAL).sum().backward()
    assert critic.body[1].weight.grad is not None


def test_the_share_at_the_bound_counts_clipped_parameters():
    critic = nn.Linear(3, 1)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[0.5, -0.02, 0.001]]))
        critic.bias.fill_(-3.0)
    WeightClipping(0.02).after_step(critic)
    assert share_at_bound(critic, 0.02) == 0.75  # 0.02 is none of float32's numbers
    assert share_at_bound(critic, 0.03) == 0
    with pytest.raises(ValueError, match="critic: got one without parameters"):
        share_at_bound(nn.ReLU(), 0.02)
    with pytest.raises(ValueError, match=r"bound: got -1.0; expected a positive number"):
        share_at_bound(critic, -1.0)


# ---------------------------------------------------------------- spectral normalisation


def test_spectral_normalisation_bounds_each_layer_and_the_slope():
    critic = SpectralNormalisation().wrap(seeded_critic(4, (32, 32)))
    for _ in range(100):
        critic(normal(2, 4))
    norms = [
        torch.linalg.matrix_norm(m.weight, 2).item() for m in critic.modules() if isinstance(m, nn.Linear)
    ]
    assert norms == pytest.approx([1.0] * 3, abs=1e-2)
    assert empirical_lipschitz(critic, normal(200, 4)) <= 1 + 1e-2


def test_spectral_normalisation_saves_and_loads():
    first, second = (SpectralNormalisation().wrap(seeded_critic(4, seed=seed)) for seed in (0, 1))
    first(normal(2, 4))
    second.load_state_dict(first.state_dict())
    first.eval(), second.eval()
    assert torch.equal(first(normal(5, 4)), second(normal(5, 4)))


def test_spectral_normalisation_takes_convolutions():
    critic = SpectralNormalisation(iterations=5).wrap(nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU()))
    for _ in range(20):
        critic(torch.randn(1, 1, 8, 8))
    assert torch.linalg.matrix_norm(critic[0].weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-3)


# ---------------------------------------------------------------- by name


def test_unconstrained_does_nothing():
    critic = seeded_critic(3)
    before = {name: value.clone() for name, value in critic.state_dict().items()}
    constraint = Unconstrained()
    assert constraint.wrap(critic) is critic
    assert constraint.penalty(critic, REAL, FAKE).item() == 0
    constraint.after_step(critic)
    assert all(torch.equal(before[name], value) for name, value in critic.state_dict().items())


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_name_makes_a_constraint_that_a_loop_can_use(name):
    constraint = make_constraint(name)
    critic = constraint.wrap(seeded_critic(3))
    optimiser = torch.optim.SGD(critic.parameters(), lr=1e-3)
    loss = critic(FAKE).mean() - critic(REAL).mean() + constraint.penalty(critic, REAL, FAKE)
    loss.backward()
    optimiser.step()
    constraint.after_step(critic)
    assert math.isfinite(loss.item())


def test_names_mean_what_the_literature_means():
    assert make_constraint("gp") == GradientPenalty(10.0, 1.0, False, "between")
    assert make_constraint("lp", 3) == GradientPenalty(3, 1.0, True, "between")
    assert make_constraint("zero_gp", 2.0) == GradientPenalty(2.0, 0.0, False, "between")
    assert make_constraint("r1") == GradientPenalty(0.5, 0.0, False, "real")
    assert make_constraint("clip") == WeightClipping(0.01)
    assert set(STRENGTHS) < set(CONSTRAINTS)


def test_the_strength_may_be_spelt_with_the_name():
    assert make_constraint("gp:3") == make_constraint("gp", 3)
    assert make_constraint("clip:1e-3") == WeightClipping(0.001)
    assert split_strength("spectral") == ("spectral", None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_constraint("wgan-gp"), "name: got 'wgan-gp'; expected one of 'none', 'clip'"),
        (lambda: make_constraint("none", 1.0), "strength: got 1.0; expected none for 'none'"),
        (lambda: make_constraint("spectral:2"), "strength: got 2.0; expected none for 'spectral'"),
        (lambda: make_constraint("gp:2", 3), "strength: got 3 beside 'gp:2'; expected one of the two"),
        (lambda: make_constraint("gp:much"), "name: got 'gp:much'; expected a number after the colon"),
        (lambda: make_constraint("clip", 0.0), "bound: got 0.0; expected a positive number"),
        (lambda: make_constraint("gp", -1.0), "weight: got -1.0"),
        (lambda: WeightClipping(-0.1), "bound: got -0.1"),
        (lambda: WeightClipping(float("nan")), "bound: got nan"),
        (lambda: GradientPenalty(float("inf")), "weight: got inf"),
        (lambda: GradientPenalty(1.0, centre=-1.0), "centre: got -1.0"),
        (lambda: SpectralNormalisation(0), "iterations: got 0"),
    ],
)
def test_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_refuses_a_place_that_is_none():
    constraint = GradientPenalty()
    # In these tests the checked annotation would come first.
    object.__setattr__(constraint, "where", "middle")
    with pytest.raises(ValueError, match="where: got 'middle'; expected one of 'between', 'real', 'fake'"):
        constraint.__post_init__()
