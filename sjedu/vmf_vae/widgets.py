"""The five widgets of the lesson. Each answers a question that the text has just asked.

Random numbers are drawn once, so that a cloud of points moves with a slider instead of jumping.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sjedu.figures.numbers import about, fixed, percent, point
from sjedu.figures.scene import Labels, Panel, Scene
from sjedu.figures.style import COLORS, CYCLE, SEQUENTIAL, Real, figure, mosaic
from sjedu.figures.widgets import Widget, slider
from sjedu.vmf_vae import theory
from sjedu.vmf_vae.decoder import sphere_decoder
from sjedu.vmf_vae.theory import AngularGrid, direction

Points: TypeAlias = Float[np.ndarray, "n 3"]

POINTS = 700

# ---------------------------------------------------------------- the sphere, seen from the front


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


def _cloud_points(law: AngularGrid, center: np.ndarray) -> Points:
    """Points around the front, turned to the center all together."""
    u, front = (np.arange(POINTS) + 0.5) / POINTS, direction(0, 0)
    noise = np.random.default_rng(1).normal(
        size=(POINTS, 3)
    )  # with seed 0 the mean at κ = 0 is three errors off
    return np.asarray(theory.around(law.ppf(u), front, noise) @ theory.facing(center))


# ---------------------------------------------------------------- 1: what κ does on the sphere


def concentrations_figure() -> tuple[Figure, str]:
    """Return the distribution at four κ, and the sentence that says what there is to see."""
    fig, axes = figure(8.6, 2.6, cols=4)
    center = direction(30, 20)
    for ax, kappa in zip(axes, (0.0, 2.0, 20.0, 200.0), strict=True):
        _globe(ax, f"κ = {kappa:g}")
        _cloud(ax)[1](_cloud_points(_law(3, kappa), center), center)
    return fig, (
        "Points on the sphere for four concentrations: at κ = 0 they are everywhere, and they close in on the mean"
        " direction as κ grows through 2 and 20 to 200."
    )


def concentration_scene() -> Scene:
    """Draw points of a vMF distribution on the ordinary sphere; the state has √κ, so that κ may be 0."""
    fig, axes = mosaic("AB", 7.6, 3.8, width_ratios=(1, 1))
    _globe(axes["A"], f"{POINTS} points of vMF(μ, κ)")
    cloud, place = _cloud(axes["A"])
    curves, mark = _kl_curve(axes["B"])

    def update(root_kappa: Real, longitude: Real, latitude: Real) -> str:
        law, center = _law(3, float(root_kappa) ** 2), direction(longitude, latitude)
        points = _cloud_points(law, center)
        place(points, center)
        mark(law)
        mean = points.mean(axis=0)
        return (
            f"κ = {fixed(law.kappa)}: the mean of the points is {point(*mean, digits=2)}, of length"
            f" {fixed(np.linalg.norm(mean))}; A(κ) = {fixed(law.mean)}, and the KL to the uniform distribution is"
            f" {fixed(law.kl)} nats, wherever μ points."
        )

    return Scene(fig, [*cloud, *curves], update)


concentration = Widget(
    concentration_scene,
    root_kappa=slider("√κ", 0.0, 22.0, 4.5, 0.25),
    longitude=slider("longitude of μ", -180, 180, 30, 5),
    latitude=slider("latitude of μ", -90, 90, 20, 5),
)


def _kl_curve(ax: Axes) -> Panel:
    """A and KL over κ in three dimensions, and the chosen κ on both."""
    laws = [_law(3, float(root) ** 2) for root in np.linspace(0, 22, 80)]
    kappas = [law.kappa for law in laws]
    ax.plot(kappas, [law.mean for law in laws], color=COLORS.green, label="A(κ), length of the mean")
    ax.plot(kappas, [law.kl for law in laws], color=COLORS.vermillion, label="KL to uniform, nats")
    ax.set_xscale("function", functions=(np.sqrt, np.square))
    ax.set(xlim=(0, 500), xlabel="κ", ylim=(0, 6.5), title="in three dimensions")
    ax.set_xticks((0, 5, 20, 50, 100, 200, 500))
    ax.legend(frameon=False, fontsize=9, loc="upper left")
    line = ax.axvline(1, color=COLORS.grey, lw=1)
    dots = ax.plot([], [], "o", ms=7, mec="white", color=COLORS.ink)[0]

    def draw(law: AngularGrid) -> None:
        line.set_xdata([law.kappa, law.kappa])
        dots.set_data([law.kappa, law.kappa], [law.mean, law.kl])

    return [line, dots], draw


# ---------------------------------------------------------------- 2: the law of w


def cosine_densities_figure() -> tuple[Figure, str]:
    """Return the density in six dimensions at κ = 20, and the sentence that says what there is to see."""
    fig, ax = figure(7.6, 3.2)
    for dim, color in zip((2, 3, 4, 16, 64, 256), CYCLE, strict=False):
        law = _law(dim, 20.0)
        ax.plot(*law.cosine_density(), color=color, label=f"{dim}")
        ax.plot([law.mean], [0.05], "^", color=color, ms=7, clip_on=False)
    ax.set(xlim=(-0.6, 1.0), ylim=(0, 8), xlabel="w = ⟨μ, x⟩", ylabel="density", title="κ = 20")
    ax.legend(title="dim", frameon=False, fontsize=9, ncols=2, loc="upper left")
    return fig, (
        "The density of w at κ = 20 in dimensions 2 to 256, with triangles at the means: in few dimensions the"
        " points are close to the mean direction, in many they are almost across it."
    )


def cosine_density_scene() -> Scene:
    """Draw the density of w = ⟨μ, x⟩ for any dimension and κ, and draws from it."""
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

    def update(log2_dim: Real, log10_kappa: Real) -> str:
        dim, kappa = round(2.0**log2_dim), 10.0**log10_kappa
        law = _law(dim, kappa)
        low, high = _window(law)
        w, density = law.cosine_density()
        seen = (w >= low) & (w <= high)
        w, density = w[seen], density[seen]
        # In the plane the density is infinite at the ends.
        top = float(density.max()) if dim > 2 else 3 * float(np.median(density))
        counts, edges = np.histogram(np.cos(law.ppf(u)), bins=60, range=(low, high))
        curve.set_data((w - low) / (high - low), np.minimum(density / top, 2))
        bars.set_data(np.minimum(counts / 2000 / np.diff(edges) / top, 2), np.linspace(0, 1, 61))
        highest = theory.cosine_mode(dim, kappa)
        for line, value in ((mean, law.mean), (mode, highest)):
            line.set_xdata([(value - low) / (high - low)] * 2)
        decimals = 1 + math.ceil(-math.log10(high - low) + 0.5)
        ticks.write([fixed(value, decimals) for value in low + places * (high - low)])
        accepted = theory.wood_acceptance(dim, kappa, log_z=law.log_z)
        near = f", that is 1 − {about(1 - law.mean, 3)}" if law.mean > 0.99 else ""
        return (
            f"dim = {dim}, κ = {about(kappa, 4)}: mean A = {fixed(law.mean, 3)}{near}; mode {fixed(highest, 3)};"
            f" standard deviation {about(math.sqrt(law.variance), 3)}. Wood's rejection sampler would accept"
            f" {percent(accepted)} of its proposals."
        )

    return Scene(fig, [bars, curve, mean, mode, ticks], update)


cosine_density = Widget(
    cosine_density_scene,
    log2_dim=slider("log₂ dim", 1.0, 10.0, 2.0, 0.25),
    log10_kappa=slider("log₁₀ κ", -1.0, 4.0, 1.3, 0.1, ".1f"),
)


def _window(law: AngularGrid) -> tuple[float, float]:
    """The part of the axis of w that is shown: all of it, unless the law is narrower than one could see there."""
    deviation = math.sqrt(law.variance)
    if deviation > 0.02:
        return -1.0, 1.0
    return law.mean - 6 * deviation, min(1.0, law.mean + 6 * deviation)


# ---------------------------------------------------------------- 3: the KL over dimension and κ


def kl_landscape_scene() -> Scene:
    """Draw the KL to the uniform distribution over dimension and κ, and where it has a chosen value."""
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
    chosen = ax.plot([], [], "o", ms=10, mec="white", mew=1.5, color=COLORS.ink)[0]

    def update(log2_dim: Real, log10_kappa: Real, nats: Real) -> str:
        dim, kappa = round(2.0**log2_dim), 10.0**log10_kappa
        level = [np.exp(np.interp(nats, row, np.log(kappas), left=np.nan, right=np.nan)) for row in table]
        contour.set_data(dims, level)
        chosen.set_data([dim], [kappa])
        return (
            f"dim = {dim}, κ = {about(kappa, 4)}: KL = {about(_law(dim, kappa).kl, 3)} nats; κ²/2d is"
            f" {about(theory.kl_small(dim, kappa), 3)}. On the red line the KL is {fixed(nats, 1)} nats; the dashed"
            " line is the ridge, where the KL at that κ is highest."
        )

    return Scene(fig, [contour, chosen], update)


kl_landscape = Widget(
    kl_landscape_scene,
    log2_dim=slider("log₂ dim", 1.0, 10.0, 2.0, 0.25),
    log10_kappa=slider("log₁₀ κ", 0.0, 3.0, 1.3, 0.05),
    nats=slider("contour, nats", 0.5, 50.0, 3.0, 0.5, ".1f"),
)


@cache
def _landscape() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dims = np.unique(np.round(2 ** np.linspace(1, 10, 60)))
    kappas = np.logspace(0, 3, 40)
    # A coarse grid of angles gives the KL to six digits, which is more than a colour shows.
    table = [[AngularGrid(int(dim), float(kappa), points=65).kl for kappa in kappas] for dim in dims]
    return dims, kappas, np.array(table)


# ---------------------------------------------------------------- 4: decode the sphere


def decoded_sphere_figure() -> tuple[Figure, str]:
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
    """Draw which digit a trained decoder makes of a point of the sphere, and of draws around it."""
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
    rng = np.random.default_rng(1)
    u, noises = rng.uniform(size=3), rng.normal(size=(3, 3))

    def update(longitude: Real, latitude: Real, noise: Real) -> str:
        center = direction(longitude, latitude)
        noisy = noise >= 0.01  # less would not be seen
        phi = _law(3, 1 / noise**2).ppf(u) if noisy else np.zeros(3)
        points = np.concatenate([center[None], theory.around(phi, center, noises)])
        choose(center, points)
        for picture, pixels in zip(pictures, decoder(points), strict=True):
            picture.set_data(pixels)
        near = decoder.labels[decoder.codes @ center > math.cos(math.radians(20))]
        digits = ", ".join(f"{digit} ({(near == digit).sum()})" for digit in np.unique(near)) or "none"
        draws = f"with κ = {1 / noise**2:.0f}" if noisy else "without noise"
        return (
            f"Longitude {fixed(longitude, 0)}°, latitude {fixed(latitude, 0)}°, draws {draws}. Test pictures within"
            f" 20° by class (how many): {digits}."
        )

    return Scene(fig, [*codes, *pictures], update)


decode_sphere = Widget(
    decode_sphere_scene,
    longitude=slider("longitude", -180, 180, 0, 5),
    latitude=slider("latitude", -90, 90, 0, 5),
    noise=slider("noise 1/√κ", 0.0, 0.45, 0.2, 0.05, ".2f"),
)


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
        turned = theory.facing(center)
        x, y, z = turned @ decoder.codes.T
        for digit, line in enumerate(classes):
            rows = (decoder.labels == digit) & (z > 0)
            line.set_data(x[rows], y[rows])
        drawn.set_data(points @ turned[0], points @ turned[1])

    return [*classes, drawn], draw


# ---------------------------------------------------------------- 5: the gradient in κ


def kappa_gradient_scene() -> Scene:
    """Draw how a draw of w moves with κ: implicitly, and as the accepted proposal does."""
    fig, axes = mosaic("AB", 8.4, 3.6, width_ratios=(1.7, 1))
    lines, trace = _slopes(axes["A"])
    bars, raise_bars = _gradient_bars(axes["B"])

    def update(dim: int, log10_kappa: Real) -> str:
        law = _law(dim, 10.0**log10_kappa)
        means = theory.kappa_gradients(dim, law.kappa)
        implicit, naive = means["implicit"].mean, means["naive"].mean
        trace(law)
        raise_bars(law.variance, implicit, naive)
        return (
            f"dim = {dim}, κ = {about(law.kappa, 4)}: A′ = {about(law.variance, 3)}. The mean of the implicit"
            f" derivative is {about(implicit, 3)}, that of the accepted proposal's {about(naive, 3)}: off by"
            f" {percent(naive / law.variance - 1, 1, sign=True)}."
        )

    return Scene(fig, [*lines, *bars], update)


kappa_gradient = Widget(
    kappa_gradient_scene,
    dim=slider("dim", 2, 64, 5),
    log10_kappa=slider("log₁₀ κ", -1.0, 2.5, 0.3, 0.1, ".1f"),
)


def _slopes(ax: Axes) -> Panel:
    """dw/dκ of a draw at each w, both ways, in units of A′; the density of w is shaded."""
    ax.set(xlim=(-1, 1), ylim=(0, 3), xlabel="w", ylabel="dw/dκ, in units of A′")
    shade = ax.plot([], [], color=COLORS.faint, lw=4, label="where w lies (density)")[0]
    first = ax.plot([], [], color=COLORS.blue, label="implicit")[0]
    second = ax.plot([], [], color=COLORS.vermillion, ls="--", label="accepted proposal")[0]
    ax.legend(frameon=False, fontsize=9, loc="upper left")

    def draw(law: AngularGrid) -> None:
        w, density = (values[:: len(values) // 150] for values in law.cosine_density())
        shade.set_data(w, np.minimum(density / np.quantile(density, 0.9), 3.5))
        first.set_data(w, law.dw_dkappa(w) / law.variance)
        second.set_data(w, theory.naive_derivative(law.dim, law.kappa, w) / law.variance)

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


@lru_cache(256)
def _law(dim: int, kappa: float) -> AngularGrid:
    return AngularGrid(dim, kappa)
