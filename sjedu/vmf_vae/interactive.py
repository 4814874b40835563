"""The five widgets of the lesson. Each answers a question that the text has just asked.

Every widget comes in three forms: ``name()`` with its controls, ``name_scene()`` as a pure function of its
state, and ``name_figure()`` as a still picture with its sentence, for pages behind which no kernel runs.
Random numbers are drawn once, so that a cloud of points moves with a slider instead of jumping.

A scene is put together from panels: a panel is the list of its artists that move, and the function that sets
them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import TypeAlias

import ipywidgets
import numpy as np
import torch
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sjedu.figures.old_widgets import Labels, Scene, explore, slider, still
from sjedu.figures.style import COLORS, CYCLE, SEQUENTIAL, Real, figure, mosaic
from sjedu.vmf_vae import kl_to_uniform
from sjedu.vmf_vae.decoder import sphere_decoder
from sjedu.vmf_vae.theory import AngularGrid, wood_parameters

Panel: TypeAlias = tuple[list[Artist], Callable[..., None]]
Points: TypeAlias = Float[np.ndarray, "n 3"]

POINTS = 700


# ---------------------------------------------------------------- the sphere, seen from the front


def direction(longitude: Real, latitude: Real) -> Float[np.ndarray, 3]:
    """Return the point of the sphere at two angles in degrees; (0, 0) faces the reader."""
    a, b = math.radians(longitude), math.radians(latitude)
    return np.array([math.sin(a) * math.cos(b), math.sin(b), math.cos(a) * math.cos(b)])


def around(center: Float[np.ndarray, 3], w: np.ndarray, turn: np.ndarray) -> Points:
    """Return w μ + √(1 - w²) ν, with ν turned in the plane across μ by an angle."""
    helper = np.array([0.0, 1.0, 0.0]) if abs(center[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    first = np.cross(center, helper)
    first /= np.linalg.norm(first)
    second = np.cross(center, first)
    across = np.outer(np.cos(turn), first) + np.outer(np.sin(turn), second)
    return np.asarray(w[:, None] * center + np.sqrt(np.clip(1 - w**2, 0, None))[:, None] * across)


def closed_form_cosines(kappa: Real, u: np.ndarray) -> np.ndarray:
    """Return draws of w in three dimensions: 1 + log(u + (1 - u) e^(-2κ)) / κ."""
    if kappa == 0:
        return np.asarray(2 * u - 1)
    return np.asarray(1 + np.log1p((1 - u) * math.expm1(-2 * kappa)) / kappa)


def _globe(ax: Axes, title: str) -> None:
    """The outline of the sphere and a few meridians and parallels of the side that faces the reader."""
    turn = np.linspace(0, 2 * np.pi, 120)
    ax.plot(np.cos(turn), np.sin(turn), color=COLORS.grey, lw=1)
    half = np.linspace(-90, 90, 60)
    for angle in (-60, -30, 0, 30, 60):
        for line in ([direction(angle, t) for t in half], [direction(t, angle) for t in half]):
            x, y, _ = np.array(line).T
            ax.plot(x, y, color=COLORS.faint, lw=0.7)
    ax.set(title=title, xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect="equal")
    ax.set_axis_off()


def _cloud(ax: Axes) -> Panel:
    """Points on the sphere: those in front are dark, those behind pale; and an arrow's tip for μ."""
    behind = ax.plot([], [], ".", ms=3, color=COLORS.sky, alpha=0.35)[0]
    front = ax.plot([], [], ".", ms=3, color=COLORS.blue)[0]
    tip = ax.plot([], [], "o", ms=10, mec="white", mew=1.5, color=COLORS.vermillion)[0]

    def draw(points: Points, center: np.ndarray) -> None:
        seen = points[:, 2] >= 0
        front.set_data(points[seen, 0], points[seen, 1])
        behind.set_data(points[~seen, 0], points[~seen, 1])
        tip.set_data([center[0]], [center[1]])
        tip.set_alpha(1.0 if center[2] >= 0 else 0.35)

    return [behind, front, tip], draw


# ---------------------------------------------------------------- 1: what κ does on the sphere


def concentration() -> ipywidgets.VBox:
    """Show points of a vMF distribution on the ordinary sphere, as κ and μ change."""
    return explore(
        concentration_scene(),
        root=slider("√κ", 0.0, 22.0, 4.5, 0.25),
        longitude=slider("longitude of μ", -180, 180, 30, 5),
        latitude=slider("latitude of μ", -90, 90, 20, 5),
    )


def concentration_figure() -> tuple[Figure, str]:
    """Return the distribution at four κ, and the sentence that says what there is to see."""
    fig, axes = figure(8.6, 2.6, cols=4)
    center = direction(30, 20)
    u, turn = _uniforms()
    for ax, kappa in zip(axes, (0.0, 2.0, 20.0, 200.0), strict=True):
        _globe(ax, f"κ = {kappa:g}")
        _cloud(ax)[1](around(center, closed_form_cosines(kappa, u), turn), center)
    return fig, (
        "Points on the sphere for four concentrations: at κ = 0 they are everywhere, and they close in on the mean"
        " direction as κ grows through 2 and 20 to 200."
    )


def concentration_scene() -> Scene:
    """Draw the state (root, longitude, latitude) of `concentration`; root is that of κ, so that κ may be 0."""
    fig, axes = mosaic("AB", 7.6, 3.8, width_ratios=(1, 1))
    _globe(axes["A"], f"{POINTS} points of vMF(μ, κ)")
    cloud, place = _cloud(axes["A"])
    curves, mark = _kl_curve(axes["B"])
    u, turn = _uniforms()

    def update(root: Real, longitude: Real, latitude: Real) -> str:
        k, center = float(root) ** 2, direction(longitude, latitude)
        points = around(center, closed_form_cosines(k, u), turn)
        place(points, center)
        law = _grid(3, k)
        length = max(0.0, law.mean)  # rounding may leave −1e-16 at κ = 0
        kl = max(0.0, k * length - law.log_z + math.log(4 * math.pi))
        mark(k, length, kl)
        x, y, z = points.mean(axis=0)
        return (
            f"κ = {k:.2f}: the mean of the points is ({x:.2f}, {y:.2f}, {z:.2f}), of length"
            f" {np.linalg.norm(points.mean(axis=0)):.2f}; A(κ) = {length:.2f}, and the KL to the uniform"
            f" distribution is {kl:.2f} nats, wherever μ points.".replace("-", "−")
        )

    return Scene(fig, [*cloud, *curves], update)


@cache
def _uniforms() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return (np.arange(POINTS) + 0.5) / POINTS, rng.uniform(0, 2 * np.pi, POINTS)


def _kl_curve(ax: Axes) -> Panel:
    """A and KL over κ in three dimensions, and the chosen κ on both."""
    kappas = np.linspace(0, 22, 80) ** 2
    laws = [_grid(3, float(k)) for k in kappas]
    kls = [k * law.mean - law.log_z + math.log(4 * math.pi) for k, law in zip(kappas, laws, strict=True)]
    ax.plot(kappas, [law.mean for law in laws], color=COLORS.green, label="A(κ), length of the mean")
    ax.plot(kappas, kls, color=COLORS.vermillion, label="KL to uniform, nats")
    ax.set_xscale("function", functions=(np.sqrt, np.square))
    ax.set(xlim=(0, 500), xlabel="κ", ylim=(0, 6.5), title="in three dimensions")
    ax.set_xticks((0, 5, 20, 50, 100, 200, 500))
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    line = ax.axvline(1, color=COLORS.grey, lw=1)
    dots = ax.plot([], [], "o", ms=7, mec="white", color=COLORS.ink)[0]

    def draw(kappa: float, mean: float, kl: float) -> None:
        line.set_xdata([kappa, kappa])
        dots.set_data([kappa, kappa], [mean, kl])

    return [line, dots], draw


# ---------------------------------------------------------------- 2: the law of w


def cosine_density() -> ipywidgets.VBox:
    """Show the density of w = ⟨μ, x⟩ for any dimension and κ, and draws from it."""
    return explore(
        cosine_density_scene(),
        dim=slider("log₂ dim", 1.0, 10.0, 2.0, 0.25),
        kappa=slider("log₁₀ κ", -1.0, 4.0, 1.3, 0.1, ".1f"),
    )


def cosine_density_figure() -> tuple[Figure, str]:
    """Return the density in six dimensions at κ = 20, and the sentence that says what there is to see."""
    fig, ax = figure(7.6, 3.2)
    for dim, color in zip((2, 3, 4, 16, 64, 256), CYCLE, strict=False):
        law = _grid(dim, 20.0)
        w, p = _density(law)
        ax.plot(w, p, color=color, label=f"{dim}")
        ax.plot([law.mean], [0.05], "^", color=color, ms=7, clip_on=False)
    ax.set(xlim=(-0.6, 1.0), ylim=(0, 8), xlabel="w = ⟨μ, x⟩", ylabel="density", title="κ = 20")
    ax.legend(title="dim", frameon=False, fontsize=9, ncols=2, loc="upper left")
    return fig, (
        "The density of w at κ = 20 in dimensions 2 to 256, with triangles at the means: in few dimensions the"
        " points are close to the mean direction, in many they are almost across it."
    )


def cosine_density_scene() -> Scene:
    """Draw the state (dim, kappa) of `cosine_density`: powers of two and of ten."""
    fig, ax = figure(7.6, 3.6)
    ax.set(xlim=(-0.02, 1.04), ylim=(0, 1.2), ylabel="density / highest shown", yticks=[0, 1])
    places = np.linspace(0, 1, 5)
    ax.set_xticks(places, [" "] * 5)  # what stands there moves with the law, see below
    ax.set_xlabel("w = ⟨μ, x⟩")
    bars = ax.stairs(
        np.zeros(60), np.linspace(0, 1, 61), fill=True, color=COLORS.sky, alpha=0.5, label="2000 draws"
    )
    curve = ax.plot([], [], color=COLORS.blue, label="density")[0]
    mean = ax.axvline(0, color=COLORS.vermillion, lw=1.5, label="mean A")
    mode = ax.axvline(0, color=COLORS.green, lw=1.5, ls="--", label="mode")
    ax.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0.06, 1))
    ticks = Labels(ax, [(place, -0.06) for place in places], transform=ax.get_xaxis_transform())
    ticks.set_clip_on(False)
    u = (np.arange(2000) + np.random.default_rng(0).uniform(size=2000)) / 2000

    def update(dim: Real, kappa: Real) -> str:
        d, k = round(2.0**dim), 10.0**kappa
        law = _grid(d, k)
        low, high = _window(law)
        w, p = _density(law)
        seen = (w >= low) & (w <= high)
        w, p = w[seen], p[seen]
        # In the plane the density is infinite at the ends.
        top = float(p.max()) if d > 2 else 3 * float(np.median(p))
        counts, edges = np.histogram(np.cos(law.ppf(u)), bins=60, range=(low, high))
        curve.set_data((w - low) / (high - low), np.minimum(p / top, 2))
        bars.set_data(np.minimum(counts / 2000 / np.diff(edges) / top, 2), np.linspace(0, 1, 61))
        for line, value in ((mean, law.mean), (mode, _mode(d, k))):
            line.set_xdata([(value - low) / (high - low)] * 2)
        decimals = 1 + math.ceil(-math.log10(high - low) + 0.5)
        ticks.write([f"{value:.{decimals}f}".replace("-", "−") for value in low + places * (high - low)])
        accepted = _acceptance(law)
        near = f", that is 1 - {_digits(1 - law.mean)}" if law.mean > 0.99 else ""
        return (
            f"dim = {d}, κ = {k:.4g}: mean A = {law.mean:.3f}{near}; mode {_mode(d, k):.3f}; standard"
            f" deviation {_digits(math.sqrt(law.variance))}. Wood's rejection sampler would"
            f" accept {100 * accepted:.0f} % of its proposals."
        ).replace("-", "−")

    return Scene(fig, [bars, curve, mean, mode, ticks], update)


def _window(law: AngularGrid) -> tuple[float, float]:
    """The part of the axis of w that is shown: all of it, unless the law is narrower than one could see there."""
    deviation = math.sqrt(law.variance)
    if deviation > 0.02:
        return -1.0, 1.0
    return law.mean - 6 * deviation, min(1.0, law.mean + 6 * deviation)


def _mode(dim: int, kappa: float) -> float:
    """Where the density of w is highest: κ (1 - w²) = (d - 3) w, or 1 if that is beyond the end."""
    other = dim - 3
    return min(1.0, 2 * kappa / (other + math.hypot(other, 2 * kappa)))


# ---------------------------------------------------------------- 3: the KL over dimension and κ


def kl_landscape() -> ipywidgets.VBox:
    """Show the KL to the uniform distribution over dimension and κ, and where it has a chosen value."""
    return explore(
        kl_landscape_scene(),
        dim=slider("log₂ dim", 1.0, 10.0, 2.0, 0.25),
        kappa=slider("log₁₀ κ", 0.0, 3.0, 1.3, 0.05),
        nats=slider("contour, nats", 0.5, 50.0, 3.0, 0.5, ".1f"),
    )


def kl_landscape_figure() -> tuple[Figure, str]:
    """Return the still picture of `kl_landscape`, and the sentence that says what it shows."""
    fig, sentence = still(kl_landscape_scene(), dim=2.0, kappa=math.log10(20), nats=3.0)
    return fig, f"{sentence} The dashed line is the ridge, where the KL at that κ is highest."


def kl_landscape_scene() -> Scene:
    """Draw the state (dim, kappa, nats) of `kl_landscape`: powers of two and of ten, and nats."""
    dims, kappas, table = _landscape()
    fig, ax = figure(7.6, 3.9)
    image = ax.pcolormesh(dims, kappas, np.log10(table.T), cmap=SEQUENTIAL, vmin=-3, vmax=3, rasterized=True)
    bar = fig.colorbar(image, ax=ax, label="KL, nats", ticks=(-3, -2, -1, 0, 1, 2, 3))
    bar.ax.set_yticklabels(["0.001", "0.01", "0.1", "1", "10", "100", "1000"], fontsize=9)
    bar.outline.set_visible(False)
    ridge = dims[np.argmax(table, axis=0)]
    inside = (ridge > dims[0]) & (ridge < dims[-1])
    ax.plot(ridge[inside], kappas[inside], color="white", lw=1.2, ls="--")
    ax.set(
        xscale="log",
        yscale="log",
        xlabel="dimension of the space",
        ylabel="κ",
        xlim=(2, 1024),
        ylim=(1, 1000),
    )
    ax.set_xticks([2, 4, 16, 64, 256, 1024], ["2", "4", "16", "64", "256", "1024"])
    ax.minorticks_off()
    contour = ax.plot([], [], color=COLORS.vermillion, lw=2)[0]
    point = ax.plot([], [], "o", ms=10, mec="white", mew=1.5, color=COLORS.ink)[0]

    def update(dim: Real, kappa: Real, nats: Real) -> str:
        d, k = round(2.0**dim), 10.0**kappa
        level = [np.exp(np.interp(nats, row, np.log(kappas), left=np.nan, right=np.nan)) for row in table]
        contour.set_data(dims, level)
        point.set_data([d], [k])
        kl = float(kl_to_uniform(d, torch.tensor(k, dtype=torch.float64)))
        return (
            f"dim = {d}, κ = {k:.4g}: KL = {_digits(kl)} nats; κ²/2d is {_digits(k * k / 2 / d)}. On the red line the"
            f" KL is {nats:.1f} nats."
        )

    return Scene(fig, [contour, point], update)


@cache
def _landscape() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dims = np.unique(np.round(2 ** np.linspace(1, 10, 60)))
    kappas = np.logspace(0, 3, 60)
    table = [kl_to_uniform(int(d), torch.from_numpy(kappas)).numpy() for d in dims]
    return dims, kappas, np.array(table)


# ---------------------------------------------------------------- 4: decode the sphere


def decode_sphere() -> ipywidgets.VBox:
    """Show which digit a trained decoder makes of each point of the sphere."""
    return explore(
        decode_sphere_scene(),
        longitude=slider("longitude", -180, 180, 0, 5),
        latitude=slider("latitude", -90, 90, 0, 5),
        noise=slider("noise 1/√κ", 0.0, 0.45, 0.2, 0.05, ".2f"),
    )


def decode_sphere_figure() -> tuple[Figure, str]:
    """Return a map of decoded digits over the whole sphere, and the sentence that says what there is to see."""
    longitudes, latitudes = range(-165, 180, 30), range(75, -90, -30)
    points = np.array([direction(a, b) for b in latitudes for a in longitudes])
    pictures = np.pad(sphere_decoder()(points), ((0, 0), (1, 1), (1, 1)), constant_values=1)
    pictures = pictures.reshape(len(latitudes), len(longitudes), 10, 10)
    fig, ax = figure(8.6, 4.4)
    ax.imshow(
        pictures.transpose(0, 2, 1, 3).reshape(10 * len(latitudes), -1),
        cmap="gray",
        extent=(-180, 180, -90, 90),
    )
    ax.set(xlabel="longitude", ylabel="latitude", xticks=range(-150, 180, 60), yticks=(-90, -45, 0, 45, 90))
    return fig, (
        "Digits decoded on a grid of longitudes and latitudes that covers the whole sphere: neighbours are alike,"
        " some regions are clearly one digit, and between two such regions lie blends of both."
    )


def decode_sphere_scene() -> Scene:
    """Draw the state (longitude, latitude, noise) of `decode_sphere`; without noise a draw is the point."""
    fig, axes = mosaic("ABBB;ACDE", 8.2, 4.2, width_ratios=(3.4, 1, 1, 1), height_ratios=(2.2, 1))
    decoder = sphere_decoder()
    _globe(axes["A"], "codes of the test pictures, by class")
    codes, choose = _codes(axes["A"])
    axes["B"].set_title("the point, decoded")
    axes["D"].set_title("three draws around it")
    pictures = []
    for name in "BCDE":
        axes[name].set(xticks=[], yticks=[])
        pictures.append(axes[name].imshow(np.zeros((8, 8)), cmap="gray", vmin=0, vmax=1))
    u, turn = np.random.default_rng(1).uniform(size=(2, 3)) * np.array([[1.0], [2 * np.pi]])

    def update(longitude: Real, latitude: Real, noise: Real) -> str:
        center = direction(longitude, latitude)
        noisy = noise >= 0.01  # less would not be seen
        w = closed_form_cosines(1 / noise**2, u) if noisy else np.ones(3)
        points = np.concatenate([center[None], around(center, w, turn)])
        choose(center, points)
        for picture, pixels in zip(pictures, decoder(points), strict=True):
            picture.set_data(pixels)
        near = decoder.labels[decoder.codes @ center > math.cos(math.radians(20))]
        digits = ", ".join(f"{digit} ({(near == digit).sum()})" for digit in np.unique(near)) or "none"
        draws = f"with κ = {1 / noise**2:.0f}" if noisy else "without noise"
        return (
            f"Longitude {longitude}°, latitude {latitude}°, draws {draws}. Test pictures within 20° by class"
            f" (how many): {digits}."
        ).replace("-", "−")

    return Scene(fig, [*codes, *pictures], update)


def _codes(ax: Axes) -> Panel:
    """The codes of the test pictures turned so that the chosen point faces the reader."""
    decoder = sphere_decoder()
    colors = (*CYCLE, "#8C564B", COLORS.grey, "#A6CE39")
    classes = [
        ax.plot([], [], marker=f"${digit}$", ls="", ms=5.5, mew=0.3, color=color)[0]
        for digit, color in enumerate(colors)
    ]
    drawn = ax.plot([], [], "o", ms=8, mfc="none", mec=COLORS.vermillion, mew=2)[0]

    def draw(center: np.ndarray, points: Points) -> None:
        turned = _facing(center)
        x, y, z = (
            decoder.codes @ turned.T @ np.eye(3)[:, :1],
            decoder.codes @ turned[1],
            decoder.codes @ turned[2],
        )
        for digit, line in enumerate(classes):
            rows = (decoder.labels == digit) & (z > 0)
            line.set_data(x[rows], y[rows])
        drawn.set_data(points @ turned[0], points @ turned[1])

    return [*classes, drawn], draw


def _facing(center: np.ndarray) -> Float[np.ndarray, "3 3"]:
    """The rotation that turns a point to the front and keeps the poles up."""
    flat = math.hypot(center[0], center[2])
    right = np.array([center[2], 0.0, -center[0]]) / flat if flat > 1e-9 else np.array([1.0, 0.0, 0.0])
    return np.stack([right, np.cross(center, right), center])


# ---------------------------------------------------------------- 5: the gradient in κ


def kappa_gradient() -> ipywidgets.VBox:
    """Show how a draw of w moves with κ: implicitly, and as the accepted proposal does."""
    return explore(
        kappa_gradient_scene(),
        dim=slider("dim", 2, 64, 5),
        kappa=slider("log₁₀ κ", -1.0, 2.5, 0.3, 0.1, ".1f"),
    )


def kappa_gradient_figure() -> tuple[Figure, str]:
    """Return the still picture of `kappa_gradient`, and the sentence that says what it shows."""
    return still(kappa_gradient_scene(), dim=5, kappa=math.log10(2))


def kappa_gradient_scene() -> Scene:
    """Draw the state (dim, kappa) of `kappa_gradient`; kappa is a power of ten."""
    fig, axes = mosaic("AB", 8.4, 3.6, width_ratios=(1.7, 1))
    lines, trace = _slopes(axes["A"])
    bars, raise_bars = _gradient_bars(axes["B"])

    def update(dim: int, kappa: Real) -> str:
        law = _grid(dim, 10.0**kappa)
        w = np.cos(law.phi)
        implicit, naive = law.dw_dkappa(w), (1 - w**2) / math.hypot(2 * law.kappa, dim - 1)
        means = [float(np.trapezoid(values, law.cdf)) for values in (implicit, naive)]
        trace(law, implicit / law.variance, naive / law.variance)
        raise_bars(law.variance, *means)
        error = 100 * (means[1] / law.variance - 1)
        return (
            f"dim = {dim}, κ = {10.0**kappa:.4g}: A′ = {_digits(law.variance)}. The mean of the implicit derivative is"
            f" {_digits(means[0])}, that of the accepted proposal's {_digits(means[1])}: off by {error:+.1f} %."
        ).replace("-", "−")

    return Scene(fig, [*lines, *bars], update)


def _slopes(ax: Axes) -> Panel:
    """dw/dκ of a draw at each w, both ways, in units of A′; the density of w is shaded."""
    ax.set(xlim=(-1, 1), ylim=(0, 3), xlabel="w", ylabel="dw/dκ, in units of A′")
    shade = ax.plot([], [], color=COLORS.faint, lw=4, label="where w lies (density)")[0]
    first = ax.plot([], [], color=COLORS.blue, label="implicit")[0]
    second = ax.plot([], [], color=COLORS.vermillion, ls="--", label="accepted proposal")[0]
    ax.legend(frameon=False, fontsize=9, loc="upper left")

    def draw(law: AngularGrid, implicit: np.ndarray, naive: np.ndarray) -> None:
        rows = np.linspace(1, len(law.phi) - 2, 150).astype(int)
        w, p = (values[rows - 1] for values in _density(law))
        shade.set_data(w, np.minimum(p / np.quantile(p, 0.9), 3.5))
        first.set_data(w, implicit[rows])
        second.set_data(w, naive[rows])

    return [shade, first, second], draw


def _gradient_bars(ax: Axes) -> Panel:
    """A′ and what the two derivatives give for it on average, in units of A′."""
    ax.set(ylim=(0, 1.3), xlim=(-0.6, 2.6), ylabel="mean, in units of A′")
    ax.set_xticks((0, 1, 2), ("exact", "implicit", "accepted\nproposal"))
    bars = list(ax.bar((0, 1, 2), (1, 1, 1), width=0.6, color=(COLORS.grey, COLORS.blue, COLORS.vermillion)))
    labels = Labels(ax, [(0, 1.1), (1, 1.1), (2, 1.1)])

    def draw(*values: float) -> None:
        for bar, value in zip(bars, values, strict=True):
            bar.set_height(value / values[0])
        labels.write([f"{value / values[0]:.3f}" for value in values])

    return [*bars, labels], draw


# ---------------------------------------------------------------- helpers


@lru_cache(256)
def _grid(dim: int, kappa: float) -> AngularGrid:
    return AngularGrid(dim, kappa)


def _acceptance(law: AngularGrid) -> float:
    """As `theory.wood_acceptance`, with the normaliser that the grid has at hand."""
    b, _, c = wood_parameters(law.dim, law.kappa)
    m = law.dim - 1
    share = m / 2 * (math.log(4 * b) - 2 * math.log1p(b)) - math.lgamma(m / 2) - math.lgamma(0.5)
    return math.exp(law.log_z - _log_slice_area(law.dim) - c + share + math.lgamma((m + 1) / 2))


def _log_slice_area(dim: int) -> float:
    """The logarithm of the area of the unit sphere in R^(dim-1)."""
    half = (dim - 1) / 2
    return math.log(2) + half * math.log(math.pi) - math.lgamma(half)


def _density(law: AngularGrid) -> tuple[np.ndarray, np.ndarray]:
    """Return w and its density at the inner angles of a grid."""
    phi = law.phi[1:-1]
    shape = law.kappa * np.cos(phi) + (law.dim - 3) * np.log(np.sin(phi))
    log = shape + _log_slice_area(law.dim) - law.log_z
    return np.cos(phi), np.exp(log)


def _digits(value: float) -> str:
    """Three digits of a number that may be small."""
    if value >= 100:
        return f"{value:.0f}"
    if value >= 0.001:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}·10{str(int(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"
