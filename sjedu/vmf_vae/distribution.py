"""The von Mises-Fisher and the uniform distribution on the sphere, as `torch.distributions`.

Both keep the whole contract of `torch.distributions.Distribution`::

    p = VonMisesFisher(loc, concentration)         # loc (*batch, d) of length 1, concentration κ >= 0 (*batch)
    q = HypersphericalUniform(d)
    z = p.rsample((10,))                           # (10, *batch, d), differentiable in loc and in concentration
    p.log_prob(z), p.entropy()                     # densities with respect to the area of the sphere; nats
    p.mean, p.variance, p.mode                     # A(κ) μ; diagonal of the covariance; μ
    kl_divergence(p, q), kl_divergence(p, p)       # exact

The density is ``e^(κ⟨μ,x⟩) / Z`` (Su Jianlin, kexue.fm/archives/8404, section vMF分布). A sample is
``x = cos φ μ + sin φ ν``: the angle φ by its inverse distribution function, the direction ν uniform in the tangent
space of μ. `theory.AngularGrid.draw` says it in plain lines; `sjedu.vmf_vae.fast` has the table that makes it quick.
"""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution, constraints, register_kl
from torch.distributions.constraints import Constraint

from sjedu.checks import check_count
from sjedu.vmf_vae.bessel import Dim, Number, evaluate, log_sphere_area, wide
from sjedu.vmf_vae.fast import angles, closed_form_sides

Shape = torch.Size | tuple[int, ...] | list[int]
_EMPTY = torch.Size()


class _Sphere(Constraint):
    """Vectors of length 1 (last axis), within 1e-3, or within rounding where that is more, as in bfloat16."""

    event_dim = 1

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Return, for each vector, whether it lies on the sphere."""
        fits = value.is_floating_point() and value.ndim > 0
        if not fits or (self.dim is not None and value.shape[-1] != self.dim):
            return torch.zeros(value.shape[:-1], dtype=torch.bool, device=value.device)
        tolerance = max(1e-3, torch.finfo(value.dtype).eps)
        on: Tensor = (torch.linalg.vector_norm(value, dim=-1) - 1).abs() <= tolerance
        return on

    def __repr__(self) -> str:
        return "Sphere()" if self.dim is None else f"Sphere({self.dim})"


sphere = _Sphere


class VonMisesFisher(Distribution):
    """The law on the sphere S^(d-1) with density ``p(x) = e^(κ⟨μ,x⟩) / Z_(d,κ)``; κ = 0 is uniform.

    Loc and concentration are promoted to the wider of their dtypes, and everything that is computed has it. Under
    ``torch.func.vmap`` values cannot be looked at: there ``validate_args=False`` is needed.

    Args:
        loc: μ, (*batch, d), of length 1, d >= 2.
        concentration: κ >= 0, finite; its shape and that of loc without its last axis broadcast to the batch shape.
        validate_args: as everywhere in torch.distributions.

    Raises:
        TypeError: an argument is not a floating point tensor (κ may be a number).
        ValueError: the shapes do not broadcast, the devices differ, d < 2, or, if arguments are validated, a μ is off
            length 1 by more than 1e-3, or a κ is negative, infinite or NaN.
    """

    arg_constraints = {"loc": _Sphere(), "concentration": constraints.nonnegative}
    has_rsample = True

    def __init__(
        self, loc: Tensor, concentration: Tensor | Number, validate_args: bool | None = None
    ) -> None:
        if not (isinstance(loc, Tensor) and loc.is_floating_point()):
            raise TypeError(f"loc: got {_kind(loc)}; expected a floating point tensor")
        if isinstance(concentration, Real) and not isinstance(concentration, bool):
            concentration = loc.new_tensor(float(concentration))
        if not (isinstance(concentration, Tensor) and concentration.is_floating_point()):
            raise TypeError(
                f"concentration: got {_kind(concentration)}; expected a floating point tensor or a number"
            )
        if loc.ndim < 1 or loc.shape[-1] < 2:
            raise ValueError(f"loc: got shape {tuple(loc.shape)}; expected (*batch, d) with d >= 2")
        if loc.device != concentration.device:
            raise ValueError(
                f"concentration: got device {concentration.device}; expected loc's, {loc.device}"
            )
        try:
            batch = _broadcast(loc.shape[:-1], concentration.shape)
        except RuntimeError:
            raise ValueError(
                f"loc and concentration: got shapes {tuple(loc.shape)} and {tuple(concentration.shape)}; expected"
                " (*batch, d) and (*batch)"
            ) from None
        dtype = torch.promote_types(loc.dtype, concentration.dtype)
        self.loc = loc.to(dtype).expand(*batch, loc.shape[-1])
        self.concentration = concentration.to(dtype).expand(batch)
        super().__init__(batch, loc.shape[-1:], validate_args=validate_args)
        if self._validate_args and not bool((self.concentration < math.inf).all()):
            raise ValueError("concentration: got an infinite value; expected finite numbers of at least 0")

    @property
    def support(self) -> Constraint:
        """The sphere."""
        return _Sphere(self._dim)

    @property
    def _dtype(self) -> torch.dtype:
        return self.loc.dtype

    @property
    def _dim(self) -> int:
        """d: a plain int, also where torch.compile takes sizes for unknowns."""
        return operator.index(self.event_shape[0])

    def expand(self, batch_shape: Shape, _instance: Any = None) -> VonMisesFisher:
        """Return the distribution with a larger batch shape; nothing is copied."""
        new: VonMisesFisher = self._get_checked_instance(VonMisesFisher, _instance)  # type: ignore[no-untyped-call]
        batch_shape = torch.Size(batch_shape)
        new.loc = self.loc.expand(batch_shape + self.event_shape)
        new.concentration = self.concentration.expand(batch_shape)
        super(VonMisesFisher, new).__init__(new.concentration.shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def _given(self) -> Tensor:
        """κ, cut to 1 along axes on which it is only repeated: one κ for a whole batch costs one evaluation."""
        strides = self.concentration.stride()
        if 0 not in strides:
            return self.concentration
        return self.concentration[tuple(slice(None if stride else 1) for stride in strides)]

    def _evaluate(self, name: str, plus: float = 0.0) -> Tensor:
        value = evaluate(name, self._dim, self._given, plus)
        return value.expand(self.batch_shape)

    @property
    def mean(self) -> Tensor:
        """``E[x] = A_d(κ) μ``, inside the sphere."""
        return self._evaluate("ratio")[..., None] * self.loc

    @property
    def mode(self) -> Tensor:
        """μ (any point is a mode where κ = 0)."""
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariance ``A' μμᵀ + (1 - A² - A')/(d-1) (I - μμᵀ)``; once differentiable in κ."""
        along, across = (part[..., None] for part in self._variances())
        squared = self.loc**2
        return along * squared + across * (1 - squared)

    @property
    def covariance_matrix(self) -> Tensor:
        """``A' μμᵀ + (1 - A² - A')/(d-1) (I - μμᵀ)``, (*batch, d, d); once differentiable in κ."""
        along, across = (part[..., None, None] for part in self._variances())
        outer = self.loc[..., :, None] * self.loc[..., None, :]
        identity = torch.eye(self._dim, dtype=self.loc.dtype, device=self.loc.device)
        return along * outer + across * (identity - outer)

    def _variances(self) -> tuple[Tensor, Tensor]:
        """Return the variance along μ, and that of each coordinate across it."""
        kappa = wide(self._given)
        dim = self._dim
        ratio, complement = (evaluate(name, dim, kappa) for name in ("ratio", "complement"))
        along = evaluate("slope", dim, kappa)
        across = (complement * (1 + ratio) - along) / (dim - 1)
        along, across = (v.to(self.loc.dtype).expand(self.batch_shape) for v in (along, across))
        return along, across

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ``κ⟨μ,x⟩ - log Z``, nats, for x on the sphere; (*sample, *batch).

        It is computed as ``κ - log Z - κ‖x - μ‖²/2``, which is the same on the sphere, but where κ is large not the
        difference of two large numbers: in float32, ⟨μ,x⟩ is off by 1e-7, and κ times that may be more than 1.
        """
        _check_sample(self, value)
        peak = self._evaluate("deficit", plus=-log_sphere_area(self._dim))
        distance = (value - self.loc).square().sum(dim=-1)
        return peak - self.concentration * distance / 2

    def entropy(self) -> Tensor:
        """Return ``log Z - κ A``, nats: the logarithm of the area minus the KL to the uniform law."""
        return log_sphere_area(self._dim) - self._evaluate("divergence")

    def rsample(self, sample_shape: Shape = _EMPTY) -> Tensor:
        """Draw samples, (*sample, *batch, d), with gradients in loc and in concentration.

        Both gradients are pathwise and unbiased. In κ: φ at a fixed value of its distribution function (implicit
        reparameterisation). In μ: the sample is carried along by the rotation that moves μ,
        ``dx = ⟨μ,x⟩ dμ - ⟨x,dμ⟩ μ``; it is tangent, so a step in it keeps lengths to first order.
        """
        shape = self._extended_shape(_checked_sizes("sample_shape", sample_shape))
        return _sample(self.loc, self._given, shape)


def _sample(loc: Tensor, concentration: Tensor, shape: torch.Size) -> Tensor:
    """Draw in float32 at least, and round to the dtype of the arguments."""
    dtype = loc.dtype if loc.dtype in (torch.float32, torch.float64) else torch.float32
    mu, kappa = loc.to(dtype), concentration.to(dtype)
    x: Tensor = _Sample.apply(mu, kappa, shape, kappa.requires_grad)[0]  # type: ignore[no-untyped-call]
    return x.to(loc.dtype)


class _Sample(torch.autograd.Function):
    """A sample x, and what its derivatives need: cos φ, and for that in κ also sin φ, ν and ∂φ/∂κ.

    It goes through torch.compile, and of torch.func through grad, jacrev and ``vmap(..., randomness="different")``.
    """

    @staticmethod
    def forward(
        mu: Tensor, concentration: Tensor, size: tuple[int, ...], with_derivative: bool
    ) -> tuple[Tensor, ...]:
        shape = torch.Size(size)
        *sides, by_kappa = _draw_angles(operator.index(shape[-1]), concentration, shape[:-1], with_derivative)
        cosine, sine = (side.to(mu.dtype)[..., None] for side in sides)
        g, length, along, first = _isotropic(mu, shape)
        if by_kappa is None:
            scale = sine / length
            x = g.mul_(scale).addcmul_(cosine - scale * along, mu)
            x[..., :1] -= scale * first
            return x, cosine
        tangent = g.addcmul_(along, mu, value=-1)
        tangent[..., :1] -= first
        tangent.div_(length)
        return torch.addcmul(sine * tangent, cosine, mu), cosine, sine, tangent, by_kappa.to(mu.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        mu, concentration, *_ = inputs
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(mu, *output)
        ctx.shapes = mu.shape, concentration.shape

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, Tensor | None, None, None]:
        mu, x, cosine, *rest = ctx.saved_tensors
        shape_of_mu, shape_of_kappa = ctx.shapes
        g = gradients[0]
        along = (g * mu).sum(dim=-1, keepdim=True)
        by_mu = by_concentration = None
        if ctx.needs_input_grad[0]:
            by_mu = (cosine * g - along * x).sum_to_size(shape_of_mu)
        if ctx.needs_input_grad[1]:
            sine, tangent, by_kappa = rest
            by_phi = cosine * (g * tangent).sum(dim=-1, keepdim=True) - sine * along
            by_concentration = (by_phi.squeeze(-1) * by_kappa).sum_to_size(shape_of_kappa)
        if torch.is_grad_enabled():  # the gradients might be differentiated, too
            refusing: Any = _Once.apply
            by_mu, by_concentration = (
                None if by is None else refusing(by, x) for by in (by_mu, by_concentration)
            )
        return by_mu, by_concentration, None, None

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[Any, ...],
        mu: Tensor,
        concentration: Tensor,
        size: tuple[int, ...],
        with_derivative: bool,
    ) -> tuple[Any, Any]:
        if info.randomness != "different":
            raise RuntimeError(f"vmap: got randomness={info.randomness!r}; expected 'different'")
        mu = _batch_first(mu, in_dims[0], len(size) + 1)
        kappa = _batch_first(concentration, in_dims[1], len(size))
        wider = info.batch_size, *size
        output = _Sample.apply(mu, kappa, wider, with_derivative or kappa.requires_grad)  # type: ignore[no-untyped-call]
        return output, (0,) * len(output)


class _Once(torch.autograd.Function):
    """A gradient of a sample x that refuses to be differentiated: torch.func takes `once_differentiable` for 0."""

    generate_vmap_rule = True

    @staticmethod
    def forward(gradient: Tensor, x: Tensor) -> Tensor:
        return gradient.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> None:
        raise RuntimeError(
            "a sample of VonMisesFisher is once differentiable: a pathwise gradient has no other"
        )


def _batch_first(x: Tensor, axis: int | None, ndim: int) -> Tensor:
    """Return x with that axis in front, and behind it as many new ones as make it ndim axes in all."""
    return x if axis is None else x.movedim(axis, 0)[(slice(None),) + (None,) * (ndim - x.ndim)]


def _draw_angles(
    dim: int, concentration: Tensor, shape: torch.Size, with_derivative: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Draw cos φ and sin φ in float64, for each sample and batch element, and the derivative of φ in κ."""
    kappa = wide(concentration.detach())
    if dim == 3:
        return closed_form_sides(kappa, shape, with_derivative=with_derivative)
    scores = torch.randn(shape, dtype=torch.float64, device=concentration.device)
    if kappa.numel() == 1:
        flat, kappa = scores.reshape(-1, 1), kappa.reshape(1)
    else:
        # Leading axes along which κ does not vary are samples of the same κ.
        shape_of_kappa = (1,) * (len(shape) - kappa.ndim) + tuple(kappa.shape)
        lead = next(i for i, n in enumerate(shape_of_kappa) if n != 1)
        kappa = kappa.reshape(shape_of_kappa[lead:]).expand(shape[lead:]).reshape(-1)
        flat = scores.reshape(math.prod(shape[:lead]), len(kappa))
    phi, by_kappa = angles(dim, kappa, flat, with_derivative=with_derivative)
    phi = phi.reshape(shape)
    return phi.cos(), phi.sin(), None if by_kappa is None else by_kappa.reshape(shape)


def _isotropic(mu: Tensor, shape: torch.Size) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return g, its length, and a, b such that ``g - a μ - b e1`` is isotropic in the tangent space of μ, as long as g.

    A normal vector g orthogonal to ``e = ±e1`` is carried from the tangent space of e to that of μ by the rotation
    that takes e to μ: ``g - ⟨g,μ⟩ / (1 + ⟨e,μ⟩) (e + μ)``. Its length stays to the last bit. The sign is that of μ's
    first coordinate: the divisor is at least 1 and there is no point at which anything cancels, as it does in a
    projection of a normal vector that happens to point along μ, or in a reflection that takes e1 to a μ close to it.
    """
    g = torch.randn(shape, dtype=mu.dtype, device=mu.device)
    g[..., 0] = 0
    if shape[-1] < 4:  # a generator of finite resolution may return only zeros
        g[..., 1] += 1e-15
    length = torch.linalg.vector_norm(g, dim=-1, keepdim=True)
    first = mu[..., :1]
    sign = torch.copysign(torch.ones_like(first), first)
    by_first = (g * mu).sum(dim=-1, keepdim=True) / (sign + first)
    return g, length, by_first * sign, by_first


class HypersphericalUniform(Distribution):
    """The uniform law on the sphere S^(dim-1) in R^dim, whose density is ``1 / |S^(dim-1)|``.

    Args:
        dim: d >= 2.
        batch_shape: of equal, independent copies.
        dtype: of the samples; torch's default dtype if None.
        device: of the samples.
        validate_args: as everywhere in torch.distributions.

    Raises:
        TypeError: dim is not a whole number, or dtype not a floating point type.
        ValueError: dim is less than 2, or a size in batch_shape is negative.
    """

    arg_constraints = {}
    has_rsample = True

    def __init__(
        self,
        dim: Dim,
        batch_shape: Shape = _EMPTY,
        *,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        validate_args: bool | None = None,
    ) -> None:
        check_count("dim", dim, least=2)
        self.dim = operator.index(dim)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"dtype: got {dtype}; expected a floating point type")
        self._like = torch.empty(0, dtype=dtype, device=device)
        batch = _checked_sizes("batch_shape", batch_shape)
        super().__init__(batch, torch.Size([self.dim]), validate_args=validate_args)

    @property
    def support(self) -> Constraint:
        """The sphere."""
        return _Sphere(self.dim)

    def expand(self, batch_shape: Shape, _instance: Any = None) -> HypersphericalUniform:
        """Return the distribution with a larger batch shape."""
        new: HypersphericalUniform = self._get_checked_instance(HypersphericalUniform, _instance)  # type: ignore[no-untyped-call]
        new.dim, new._like = self.dim, self._like
        # Or an error that says why not.
        wider = torch.empty(self.batch_shape, device="meta").expand(batch_shape).shape
        super(HypersphericalUniform, new).__init__(wider, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def _dtype(self) -> torch.dtype:
        return self._like.dtype

    @property
    def mean(self) -> Tensor:
        """Zero."""
        return self._like.new_zeros(self._extended_shape())

    @property
    def variance(self) -> Tensor:
        """1/d in each coordinate."""
        return self._like.new_full(self._extended_shape(), 1 / self.dim)

    @property
    def covariance_matrix(self) -> Tensor:
        """I/d."""
        identity = torch.eye(self.dim, dtype=self._like.dtype, device=self._like.device)
        return (identity / self.dim).expand(*self.batch_shape, self.dim, self.dim)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return ``-log|S^(d-1)|``, nats, for each vector."""
        _check_sample(self, value)
        shape = _broadcast(value.shape[:-1], self.batch_shape)
        return value.new_full(shape, -log_sphere_area(self.dim))

    def entropy(self) -> Tensor:
        """Return ``log|S^(d-1)|``, nats."""
        return self._like.new_full(self.batch_shape, log_sphere_area(self.dim))

    def __repr__(self) -> str:
        return f"HypersphericalUniform(dim: {self.dim})"

    def rsample(self, sample_shape: Shape = _EMPTY) -> Tensor:
        """Draw normalised normal vectors, (*sample, *batch, d); there is nothing to differentiate in."""
        shape = self._extended_shape(_checked_sizes("sample_shape", sample_shape))
        x = torch.randn(shape, dtype=self._like.dtype, device=self._like.device)
        x[..., 0].masked_fill_(x[..., 0] == 0, 1e-15)
        return x.div_(torch.linalg.vector_norm(x, dim=-1, keepdim=True))


def _broadcast(*shapes: torch.Size) -> torch.Size:
    return torch.Size(torch.broadcast_shapes(*shapes))  # type: ignore[no-untyped-call]


def _checked_sizes(name: str, shape: Shape) -> torch.Size:
    """Return a shape as torch.Size; a ValueError names one with a negative size."""
    if any(n < 0 for n in shape):
        raise ValueError(f"{name}: got {tuple(shape)}; expected sizes of at least 0")
    return torch.Size(shape)


def _check_sample(p: Distribution, value: Tensor) -> None:
    """Refuse what `log_prob` cannot have the density of."""
    if not (isinstance(value, Tensor) and value.is_floating_point()):
        raise TypeError(f"value: got {_kind(value)}; expected a floating point tensor")
    if p._validate_args:
        p._validate_sample(value)


def _kind(value: Any) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__


class _Common(NamedTuple):
    batch: torch.Size
    dtype: torch.dtype


def _common(p: VonMisesFisher | HypersphericalUniform, q: VonMisesFisher | HypersphericalUniform) -> _Common:
    """Return batch shape and dtype of a KL: shapes are broadcast, and the wider dtype is taken."""
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"p and q: got dimensions {p.event_shape[0]} and {q.event_shape[0]}; expected the same"
        )
    try:
        batch = _broadcast(p.batch_shape, q.batch_shape)
    except RuntimeError:
        shapes = f"{tuple(p.batch_shape)} and {tuple(q.batch_shape)}"
        raise ValueError(f"p and q: got batch shapes {shapes}; expected shapes that broadcast") from None
    return _Common(batch, torch.promote_types(p._dtype, q._dtype))


@register_kl(VonMisesFisher, HypersphericalUniform)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_vmf_uniform(p: VonMisesFisher, q: HypersphericalUniform) -> Float[Tensor, "*batch"]:
    """``κ A - F``, whatever μ is (article, section vMF-VAE)."""
    batch, dtype = _common(p, q)
    return p._evaluate("divergence").to(dtype).expand(batch)


@register_kl(VonMisesFisher, VonMisesFisher)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_vmf_vmf(p: VonMisesFisher, q: VonMisesFisher) -> Float[Tensor, "*batch"]:
    """``log Z_q - log Z_p + A_p (κ_p - κ_q ⟨μ_p,μ_q⟩)``, with differences of large numbers taken where they are small.

    ``(F_q - F_p - A_p (κ_q - κ_p)) + A_p κ_q ‖μ_p - μ_q‖²/2``: F's distance from its tangent, and what the angle adds.
    """
    batch, dtype = _common(p, q)
    kappa_p, kappa_q = wide(p._given), wide(q._given)
    # F_q - F_p - A_p (κ_q - κ_p) = KL_p - KL_q + κ_q (A_q - A_p), and with complements where κ is large.
    kl_p, kl_q = evaluate("divergence", p._dim, kappa_p), evaluate("divergence", p._dim, kappa_q)
    gain = evaluate("complement", p._dim, kappa_p) - evaluate("complement", p._dim, kappa_q)
    radial = (kl_p - kl_q + kappa_q * gain).expand(batch)
    turned = (wide(p.loc) - wide(q.loc)).square().sum(dim=-1) / 2
    angular = evaluate("ratio", p._dim, kappa_p).expand(p.batch_shape) * kappa_q * turned
    return (radial.clamp(min=0) + angular).to(dtype)


@register_kl(HypersphericalUniform, HypersphericalUniform)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_uniform_uniform(p: HypersphericalUniform, q: HypersphericalUniform) -> Float[Tensor, "*batch"]:
    """Zero."""
    batch, dtype = _common(p, q)
    return p._like.new_zeros(batch, dtype=dtype)


@register_kl(HypersphericalUniform, VonMisesFisher)  # type: ignore[no-untyped-call, untyped-decorator]
def _kl_uniform_vmf(p: HypersphericalUniform, q: VonMisesFisher) -> Float[Tensor, "*batch"]:
    """F, because the mean of ⟨μ,x⟩ under the uniform law is 0."""
    batch, dtype = _common(p, q)
    return q._evaluate("log_moment").to(dtype).expand(batch)
