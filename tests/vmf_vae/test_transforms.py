"""The law under torch.func and torch.compile: the same values and gradients, without a break in the graph."""

import pytest
import torch
import torch.nn.functional as F
from torch.distributions import Distribution, kl_divergence
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vmap
from unchecked import unchecked

from sjedu.vmf_vae import VonMisesFisher, cosine_variance, mean_resultant_length

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # of torch.func.jvp itself
f64 = torch.float64
KAPPA = torch.tensor([0.0, 0.5, 3.0, 40.0], dtype=f64)


def direction(*shape, seed=0):
    return F.normalize(torch.randn(*shape, dtype=f64, generator=torch.Generator().manual_seed(seed)), dim=-1)


def law(loc, kappa):
    return VonMisesFisher(loc, kappa, validate_args=False)


def log_prob(loc, kappa, x):
    return law(loc, kappa).log_prob(x)


def entropy(loc, kappa, x):
    return law(loc, kappa).entropy()


def draw(loc, kappa, x):
    return law(loc, kappa).rsample((3,))


# ---------------------------------------------------------------- torch.func


@pytest.mark.parametrize("dim", [4, 300])
@pytest.mark.parametrize("function", [log_prob, entropy])
def test_derivatives_in_the_concentration(function, dim):
    loc, x = direction(4, dim), direction(4, dim, seed=1)
    each = vmap(grad(function, argnums=1))(loc, KAPPA, x)
    # d/dκ log p = ⟨μ,x⟩ - A, and that of the entropy is -κA'.
    wanted = {
        log_prob: (loc * x).sum(dim=-1) - mean_resultant_length(dim, KAPPA),
        entropy: -KAPPA * cosine_variance(dim, KAPPA),
    }[function]
    torch.testing.assert_close(each, wanted)
    torch.testing.assert_close(jacrev(function, argnums=1)(loc, KAPPA, x).diagonal(), wanted)
    torch.testing.assert_close(jacfwd(function, argnums=1)(loc, KAPPA, x).diagonal(), wanted)
    value, tangent = jvp(lambda k: function(loc, k, x), (KAPPA,), (torch.ones_like(KAPPA),))
    torch.testing.assert_close(value, function(loc, KAPPA, x))
    torch.testing.assert_close(tangent, wanted)


def test_second_derivatives_in_the_concentration():
    """Backwards, forwards and mixed; for a custom function with a `jvp`, PyTorch would make the last one 0."""
    second = -cosine_variance(6, KAPPA)  # of log p
    x = direction(6)
    ways = (
        hessian(log_prob, 1),
        grad(grad(log_prob, 1), 1),
        grad(jacfwd(log_prob, 1), 1),
        jacfwd(jacfwd(log_prob, 1), 1),
    )
    for twice in ways:
        torch.testing.assert_close(vmap(twice, in_dims=(None, 0, None))(x, KAPPA, x), second)


@pytest.mark.parametrize("dim", [3, 5])
def test_gradients_of_samples_are_those_of_autograd(dim):
    loc, kappa = direction(4, dim), KAPPA + 0.1
    leaves = loc.clone().requires_grad_(), kappa.clone().requires_grad_()
    torch.manual_seed(0)
    wanted = torch.autograd.grad(draw(*leaves, None).pow(3).sum(), leaves)
    torch.manual_seed(0)
    found = grad(lambda *leaves: draw(*leaves, None).pow(3).sum(), argnums=(0, 1))(loc, kappa)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)
    torch.manual_seed(0)
    found = jacrev(lambda k: draw(loc, k, None).pow(3).sum())(kappa)
    torch.testing.assert_close(found, wanted[1], rtol=1e-12, atol=0)


@pytest.mark.parametrize("dim", [3, 5])
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0), (1, 0)])
def test_samples_are_mapped_with_a_gradient_that_is_unbiased(dim, axes):
    """d/dκ E[w] = A', for each of the batch; in both orders of vmap and grad."""
    torch.manual_seed(0)
    loc, n, kappa = direction(4, dim), 4000, 3.0
    given = loc[0] if axes[0] is None else loc.movedim(0, axes[0])
    kappas = torch.tensor(kappa, dtype=f64).expand(() if axes[1] is None else (4,))

    def cosine(loc, kappa):
        return (law(loc, kappa).rsample((n,)) @ loc).mean()

    mapped = vmap(grad(cosine, argnums=1), in_dims=axes, randomness="different")(given, kappas)
    assert mapped.shape == (4,)
    assert len(mapped.unique()) == 4
    summed = grad(lambda k: vmap(cosine, in_dims=axes, randomness="different")(given, k).sum())(kappas)
    wanted = float(cosine_variance(dim, kappa))
    assert torch.allclose(mapped, torch.full((4,), wanted, dtype=f64), rtol=0.1)
    assert float(summed.sum()) == pytest.approx(4 * wanted, rel=0.05)


def test_what_samples_cannot_do_is_refused():
    loc = direction(5)

    def cubes(kappa):
        return law(loc, kappa).rsample((2,)).pow(3).sum()

    with pytest.raises(RuntimeError, match="got randomness='error'; expected 'different'"):
        vmap(cubes)(KAPPA)
    for twice in (grad(grad(cubes)), hessian(cubes)):
        with pytest.raises(RuntimeError, match=r"once differentiable|jvp"):
            twice(KAPPA[2])


# ---------------------------------------------------------------- torch.compile


@pytest.fixture(scope="module")
def plain():
    """The room without shape checks, into which torch.compile cannot look."""
    with unchecked("sjedu.vmf_vae.vae") as room:
        yield room


@pytest.fixture(autouse=True)
def validation():
    """To compile anything switches the validation of all distributions off."""
    yield
    Distribution.set_default_validate_args(True)


def test_compiled_without_a_break_it_is_the_same_in_every_dimension(plain):
    def everything(loc, kappa, x):
        p = plain.VonMisesFisher(loc, kappa, validate_args=False)
        flat = plain.HypersphericalUniform(loc.shape[-1], dtype=loc.dtype, validate_args=False)
        samples = p.rsample((3,)), plain.VonMisesFisher(loc, kappa[0], validate_args=False).rsample()
        return p.log_prob(x), p.entropy(), p.mean, kl_divergence(p, flat), *samples

    torch._dynamo.reset()
    compiled = torch.compile(everything, backend="eager", fullgraph=True)
    for dim in (4, 300):
        loc, x = direction(4, dim).requires_grad_(), direction(4, dim, seed=1)
        kappa = KAPPA.add(0.1).requires_grad_()
        both = []
        for function in (everything, compiled):
            torch.manual_seed(0)
            values = function(loc, kappa, x)
            both.append(
                (values, [torch.autograd.grad(v.pow(2).sum(), kappa, retain_graph=True) for v in values])
            )
        torch.testing.assert_close(*both, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("concentration", [20.0, None])
def test_a_training_step_compiles_whole(plain, concentration):
    torch._dynamo.reset()
    torch.manual_seed(0)
    encoder = torch.nn.Sequential(plain.perceptron([16, 8]), torch.nn.ReLU())
    vae = plain.VAE(encoder, plain.SphereLatent(8, 4, concentration), plain.PixelDecoder(4, (8,), 16), 4)
    x = (torch.rand(6, 16) > 0.5).float()

    def loss(x):
        outcome = vae(x)
        return (outcome.reconstruction + outcome.kl).mean()

    gradients = []
    for step in (loss, torch.compile(loss, backend="eager", fullgraph=True)):
        torch.manual_seed(1)
        gradients.append(torch.autograd.grad(step(x), list(vae.parameters())))
    torch.testing.assert_close(*gradients)
