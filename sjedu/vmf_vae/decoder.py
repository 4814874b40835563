"""A trained decoder small enough to come with the package: from points on the ordinary sphere to digits."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load, save_file

if TYPE_CHECKING:
    from sjedu.vmf_vae.experiment import Config

FILE = "decoder.safetensors"


@dataclass(frozen=True, eq=False)
class SphereDecoder:
    """The decoder of a vMF-VAE in R^3, in NumPy.

    Attributes:
        layers: weight and bias of each linear layer; a ReLU stands between them.
        codes: the mean directions of the test pictures, (pictures, 3).
        labels: their classes.
    """

    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    codes: Float[np.ndarray, "pictures 3"]
    labels: np.ndarray

    def __call__(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 8 8"]:
        """Return the picture that belongs to each point of the sphere, grey levels in [0, 1]."""
        values = np.asarray(points, np.float32)
        for index, (weight, bias) in enumerate(self.layers):
            values = (np.maximum(values, 0) if index else values) @ weight.T + bias
        return np.asarray(1 / (1 + np.exp(-values.astype(np.float64)))).reshape(-1, 8, 8)


@cache
def sphere_decoder() -> SphereDecoder:
    """Return the decoder that comes with the package."""
    tensors = load((resources.files("sjedu.vmf_vae") / "recorded" / FILE).read_bytes())
    layers = tuple(
        (tensors[f"weight{i}"], tensors[f"bias{i}"])
        for i in itertools.takewhile(lambda i: f"weight{i}" in tensors, itertools.count())
    )
    return SphereDecoder(layers, tensors["codes"], tensors["labels"])


def export(config: Config, directory: str | Path, target: str | Path) -> Path:
    """Write the decoder of a finished run, and the codes of the test pictures, as one small file.

    Args:
        config: of the run, with latent "vmf" in 3 dimensions and a decoder of pixels.
        directory: where the run left its checkpoint.
        target: the folder to write into.

    Raises:
        ValueError: if the config is of another kind of model.
    """
    import torch  # which nobody needs who only looks at the decoder's pictures

    from sjedu.records.record import plain
    from sjedu.training.checkpoint import load_checkpoint
    from sjedu.vmf_vae.examples import load_examples
    from sjedu.vmf_vae.experiment import build_model

    if (config.latent, config.dim, config.decoder) != ("vmf", 3, "pixels"):
        raise ValueError(f"config: got {config.name}; expected latent 'vmf', dim 3 and decoder 'pixels'")
    settings = plain(dataclasses.asdict(config), "config")
    state = load_checkpoint(Path(directory) / "checkpoint.safetensors", "vmf_vae", settings).state
    examples = load_examples(config.dataset, config.pixels)
    model = build_model(config, examples.train.shape[1])
    model.load_state_dict(state["parts"][0])
    tensors = {
        f"{kind}{index}": getattr(layer, kind).detach().numpy()
        for index, layer in enumerate(m for m in model.decoder.modules() if isinstance(m, torch.nn.Linear))
        for kind in ("weight", "bias")
    }
    with torch.no_grad():
        tensors["codes"] = torch.nn.functional.normalize(model.posterior(examples.test).mean, dim=-1).numpy()
    tensors["labels"] = examples.test_labels.numpy()
    path = Path(target) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"run": config.name})
    return path
