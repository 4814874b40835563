"""What the experiment learns: to look two cells further among symbols, and to read pictures on a canvas.

Both make a batch from a seed and a step alone, so that a resumed run sees what an uninterrupted one sees, and
both can be asked for a test on any grid, also one of another size than they are trained on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor

from sjedu.data import Images
from sjedu.training import batch_indices

Grid: TypeAlias = tuple[int, int]
Arrangement: TypeAlias = Literal["place", "fill", "scale", "crop"]

SYMBOLS = 8
#: The four markers: which cell each of them asks for, (rows, columns) away from its own.
OFFSETS = {"right": (0, 2), "left": (0, -2), "down": (2, 0), "up": (-2, 0)}


class Batch(NamedTuple):
    """Inputs of the model, the labels it should give, and groups of examples to report on, by name."""

    inputs: Tensor
    labels: Int64[Tensor, " batch"]
    groups: dict[str, Bool[Tensor, " batch"]]


class Task(Protocol):
    """Something to learn."""

    @property
    def source(self) -> str:
        """In a sentence, what is learnt from."""
        ...

    def batch(self, step: int) -> Batch:
        """Return the training batch of a step."""
        ...

    def test(self, grid: Grid) -> Batch:
        """Return the test examples on a grid; the same ones for every run."""
        ...


def generator(*key: int) -> torch.Generator:
    """Return a generator of its own for each key, for instance (seed, step)."""
    (seed,) = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(seed))


# ---------------------------------------------------------------- symbols


@dataclass(frozen=True)
class SymbolTask:
    """A grid of eight random symbols and one marker; the label is the symbol that the marker asks for.

    The only thing that helps is to know which cell stands two to the right, left, below or above: the
    article's two neighbours, made a task. Guessing gives 1/8.
    """

    grid: Grid
    batch_size: int
    seed: int
    validation: bool = False
    test_size: int = 2048
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def source(self) -> str:
        """In a sentence, what is learnt from."""
        held_out = "validation" if self.validation else "test"
        return f"random symbols, drawn anew in each step; {self.test_size} for the {held_out} on each grid"

    def batch(self, step: int) -> Batch:
        """Return the training batch of a step."""
        return self._draw(self.grid, self.batch_size, generator(self.seed, step))

    def test(self, grid: Grid) -> Batch:
        """Return the test examples on a grid, grouped by the direction that the marker asks for."""
        # Training keys have two numbers, so that no run's seed and step can hit these.
        return self._draw(grid, self.test_size, generator(int(self.validation), *grid))

    def _draw(self, grid: Grid, count: int, generator: torch.Generator) -> Batch:
        cells, labels, vertical = draw_symbols(grid, count, generator)
        groups = {"vertical": vertical.to(self.device), "horizontal": (~vertical).to(self.device)}
        return Batch(cells.to(self.device), labels.to(self.device), groups)


def draw_symbols(
    grid: Grid, count: int, generator: torch.Generator
) -> tuple[Int64[Tensor, "count rows columns"], Int64[Tensor, " count"], Bool[Tensor, " count"]]:
    """Draw grids with a marker, the symbols asked for, and whether they are asked for along a column.

    Symbols are 0 .. 7, markers 8 .. 11 in the order of `OFFSETS`. A marker stands where the cell that it asks
    for is on the grid.

    Raises:
        ValueError: if a side of the grid is too short for an offset of two cells.
    """
    if min(grid) < 3:
        raise ValueError(f"grid: got {grid}; expected at least 3 rows and 3 columns, for offsets of 2 cells")
    example = torch.arange(count)
    cells = torch.randint(SYMBOLS, (count, *grid), generator=generator)
    asked = torch.randint(len(OFFSETS), (count,), generator=generator)
    offset = torch.tensor(list(OFFSETS.values()))[asked]
    room = torch.tensor(grid) - offset.abs()
    marker = (-offset).clamp(min=0) + (torch.rand(count, 2, generator=generator) * room).long()
    target = marker + offset
    labels = cells[example, target[:, 0], target[:, 1]]
    cells[example, marker[:, 0], marker[:, 1]] = SYMBOLS + asked
    return cells, labels, offset[:, 0] != 0


# ---------------------------------------------------------------- pictures


@dataclass(frozen=True)
class PictureTask:
    """Labelled pictures on a canvas of ``grid`` patches of ``patch`` x ``patch`` pixels.

    What is random is drawn on the CPU, so that it is the same everywhere; the painting is done where the
    pictures are.
    """

    train: Images
    held_out: Images
    grid: Grid
    patch: int
    arrangement: Arrangement
    flip: bool
    batch_size: int
    seed: int

    @property
    def source(self) -> str:
        """In a sentence, what is learnt from."""
        return f"trained on {self.train.source}; evaluated on {self.held_out.source}"

    def batch(self, step: int) -> Batch:
        """Return the training batch of a step."""
        indices = batch_indices(step, len(self.train), self.batch_size, self.seed)
        draw = generator(self.seed, step)
        pictures, pixels = self.train.images[indices], self._pixels(self.grid)
        canvas = arrange(pictures, pixels, self.arrangement, draw, self.flip)
        return Batch(canvas, self.train.labels[indices], {})

    def test(self, grid: Grid) -> Batch:
        """Return the test pictures on a canvas of another size; a cropped picture is shown whole."""
        arrangement: Arrangement = "fill" if self.arrangement == "crop" else self.arrangement
        canvas = arrange(self.held_out.images, self._pixels(grid), arrangement, generator(0, *grid))
        return Batch(canvas, self.held_out.labels, {})

    def _pixels(self, grid: Grid) -> Grid:
        return grid[0] * self.patch, grid[1] * self.patch


def arrange(
    pictures: UInt8[Tensor, "batch channels height width"],
    canvas: Grid,
    arrangement: Arrangement,
    generator: torch.Generator,
    flip: bool = False,
) -> Float[Tensor, "batch channels rows columns"]:
    """Draw pictures onto black canvases; pixels become numbers in [-1, 1].

    ========  ==================================================================
    place     as large as it is, at random, an even number of pixels from the edges
    fill      stretched to the canvas
    scale     between half as large as the canvas and just as large, at random
    crop      between 1 and 1.4 times as large as the canvas, which shows a part of it
    ========  ==================================================================

    Args:
        pictures: with values 0 .. 255.
        canvas: its rows and columns in pixels.
        arrangement: how the pictures lie on it.
        generator: draws sizes, places and flips.
        flip: whether to mirror half of the pictures left to right.

    Raises:
        ValueError: if a picture to be placed as it is does not fit the canvas.
    """
    count = len(pictures)
    own, size = torch.tensor(pictures.shape[-2:]), torch.tensor(canvas)
    if arrangement == "place" and bool((own > size).any()):
        raise ValueError(
            f"canvas: got {canvas} pixels; expected at least the pictures' {tuple(own.tolist())}"
        )
    u, v = torch.rand(count, 1, generator=generator), torch.rand(count, 2, generator=generator)
    zoom = {"place": own / size, "fill": torch.ones(2), "scale": (1 + u) / 2, "crop": 1 + 0.4 * u}[
        arrangement
    ]
    side = (zoom * size).expand(count, 2)
    corner = v * (size - side)
    if arrangement == "place":
        corner = 2 * torch.floor(v * ((size - own) // 2 + 1))
    mirror = torch.ones(count)
    if flip:
        mirror[torch.rand(count, generator=generator) < 0.5] = -1
    return _paint(pictures, canvas, *(drawn.to(pictures.device) for drawn in (corner, side, mirror)))


def _paint(
    pictures: Tensor, canvas: Grid, corner: Tensor, side: Tensor, mirror: Tensor
) -> Float[Tensor, "batch channels rows columns"]:
    # grid_sample asks, for each pixel of the canvas, where in the picture to look; both run from -1 to 1.
    size = torch.tensor(canvas, device=pictures.device)
    slope, shift = size / side, (size - 2 * corner - side) / side
    zero = torch.zeros_like(mirror)
    column = torch.stack([mirror * slope[:, 1], zero, mirror * shift[:, 1]], dim=-1)
    row = torch.stack([zero, slope[:, 0], shift[:, 0]], dim=-1)
    shape = [len(pictures), pictures.shape[1], *canvas]
    where = F.affine_grid(torch.stack([column, row], dim=-2), shape, align_corners=False)
    light = F.grid_sample(pictures / 255, where, align_corners=False, padding_mode="zeros")
    return 2 * light - 1
