"""The experiment: autoencoders with a code on the sphere, in the plane or none, and what each code carries.

`PRESETS` holds the numbers, `train` the whole loop::

    cpu         digits, pixels independent given the code (C6, C7, C8)
    collapse    digits, an autoregressive decoder that could do without the code (C4, C5, C10, C11)
    quick       the same in seconds
    circle      a circle hidden in 100 dimensions (C9)
    article     MNIST at the article's settings
    mnist       Davidson et al.'s settings on MNIST, but 5 epochs only; with --sampler "public code" also the
                samples that their public code draws
    gpu         Davidson et al.'s settings in full

`study` lists the variants of a preset that belong together, and `sweep` trains them with several seeds.
Nothing is tuned on the test pictures: `evaluate="validation"` keeps a sixth of the training pictures apart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor

from sjedu.checks import check_count, check_fields, check_not_negative, check_positive
from sjedu.measures.frechet import frechet_distance
from sjedu.records import Record
from sjedu.training import Run, batch_indices
from sjedu.vmf_vae import quality
from sjedu.vmf_vae.distribution import VonMisesFisher
from sjedu.vmf_vae.examples import CIRCLE_NOISE, Dataset, Examples, Pixels, load_examples
from sjedu.vmf_vae.vae import (
    VAE,
    AutoregressiveDecoder,
    CodeAt,
    Decoder,
    Latent,
    PixelDecoder,
    PlaneLatent,
    PointDecoder,
    Sampler,
    SphereLatent,
    check_kappas,
    perceptron,
)

Code: TypeAlias = Literal["vmf", "gaussian", "none"]

#: How many test pictures the information in the code is estimated on; the estimate cannot exceed its logarithm.
INFORMATION_PICTURES = 2000


@dataclass(frozen=True)
class Config:
    """All numbers of one run.

    Attributes:
        study: what the run is part of; its record's name begins with it.
        latent: where the code lies: on the sphere, in the plane, or nowhere.
        dim: of the space around the code; the sphere in it has dimension dim - 1.
        concentration: κ of the code on the sphere; None: learned, for each picture.
        concentration_floor: the smallest κ that can be learned.
        concentration_start: the learned κ at the beginning; None: where the weights happen to start.
        sampler: "public code" for that code's wrong constant and biased gradient, see `public_code`.
        decoder: "pixels" independent given the code, or "autoregressive".
        code_at: where an autoregressive decoder gets the code.
        dataset: what is learnt.
        pixels: grey levels, 0 and 1 by threshold, or 0 and 1 drawn anew at each step.
        hidden: widths of the encoder's hidden layers; a decoder of pixels has them in reverse order.
        width: of an autoregressive decoder.
        seed: of weights, data order and samples.
        precision: "no" (float32), "bf16" or "fp16".
        evaluate: on the test pictures, or on a part of the training pictures that is then not trained on.
        kl_weight: of the KL in the loss of the training; the test counts it once.
        kl_warmup: steps over which this weight rises from 0.
        steps: of the optimiser.
        batch_size: pictures a step, over all processes together.
        learning_rate: of Adam.
        clip: the largest norm of a gradient, to which longer ones are shortened; None: as long as they are. A GRU
            over 64 pixels needs it: without, its loss leaps now and then.
        likelihood_samples: of the importance sampling that estimates log q(x); 0: no estimate.
    """

    study: str = "cpu"
    latent: Code = "vmf"
    dim: int = 4
    concentration: float | None = 20.0
    concentration_floor: float = 0.0
    concentration_start: float | None = None
    sampler: Sampler = "exact"
    decoder: Literal["pixels", "autoregressive"] = "pixels"
    code_at: CodeAt = "start"
    dataset: Dataset = "digits"
    pixels: Pixels = "grey"
    hidden: tuple[int, ...] = (128,)
    width: int = 64
    seed: int = 0
    precision: Literal["no", "bf16", "fp16"] = "no"
    evaluate: Literal["test", "validation"] = "test"
    kl_weight: float = 1.0
    kl_warmup: int = 0
    steps: int = 1800  # 150 epochs of the digits
    batch_size: int = 100
    learning_rate: float = 1e-3
    clip: float | None = None
    likelihood_samples: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        self._check_numbers()
        if self.latent == "none" and self.decoder == "pixels":
            raise ValueError("decoder: got 'pixels' with latent 'none'; expected 'autoregressive'")
        binary = self.pixels != "grey" and self.dataset != "circle"
        if not binary and (self.decoder == "autoregressive" or self.likelihood_samples):
            raise ValueError(
                f"pixels: got {self.pixels!r} of {self.dataset!r}; an autoregressive decoder and"
                " likelihood_samples need pixels of 0 and 1: 'threshold' or 'dynamic'"
            )
        if self.latent != "vmf" and self.sampler != "exact":
            raise ValueError(f"sampler: got {self.sampler!r} with latent {self.latent!r}; expected 'exact'")

    def _check_numbers(self) -> None:
        """Refuse a number that no run can have; the latent's own are its to refuse."""
        check_count("dim", self.dim, 2 if self.latent == "vmf" else 1)
        for name in ("width", "steps", "batch_size"):
            check_count(name, getattr(self, name))
        for name in ("seed", "kl_warmup", "likelihood_samples"):
            check_count(name, getattr(self, name), 0)
        check_not_negative("kl_weight", self.kl_weight)
        check_positive("learning_rate", self.learning_rate)
        if self.clip is not None:
            check_positive("clip", self.clip)
        if not self.hidden:
            raise ValueError("hidden: got no width; expected at least one")
        for width in self.hidden:
            check_count("hidden", width)
        check_kappas(self.concentration, self.concentration_floor, self.concentration_start, "concentration_")

    @property
    def code(self) -> str:
        """The code in a few words, without spaces: "vmf-d4-k20", "vmf-d4-learned", "gaussian-d4", "none".

        What is as in the study's preset goes without saying.
        """
        own = PRESETS.get(self.study, self)
        kappa = "learned" if self.concentration is None else f"k{self.concentration:g}"
        parts: list[str] = [self.latent]
        parts += [f"d{self.dim}"] * (self.latent != "none")
        parts += [kappa] * (self.latent == "vmf")
        parts += ["public_code"] * (self.sampler == "public code")
        parts += ["every_step"] * (self.code_at == "every step")
        parts += [f"warmup{self.kl_warmup}"] * (self.kl_warmup != own.kl_warmup)
        parts += [f"kl{self.kl_weight:g}"] * (self.kl_weight != 1)
        parts += [f"steps{self.steps}"] * (self.steps != own.steps)
        return "-".join(parts)

    @property
    def name(self) -> str:
        """Of the run's record; a data set other than the study's own is named."""
        dataset = () if self.dataset == PRESETS.get(self.study, self).dataset else (self.dataset,)
        return "-".join((self.study, *dataset, self.code, f"seed{self.seed}"))


_COLLAPSE = Config(
    study="collapse",
    decoder="autoregressive",
    pixels="threshold",
    steps=720,  # 60 epochs
    learning_rate=3e-3,
    clip=5.0,
    likelihood_samples=16,
)
_DAVIDSON = Config(
    study="gpu",
    dim=41,
    concentration=None,
    concentration_floor=1.0,
    dataset="mnist",
    pixels="dynamic",
    hidden=(256, 128),
    precision="bf16",
    kl_warmup=93_700,  # 100 epochs of 60,000 pictures
    steps=281_100,  # 300 epochs; the paper stops by a validation set
    batch_size=64,
    likelihood_samples=500,
)

PRESETS: dict[str, Config] = {
    "cpu": Config(),
    "collapse": _COLLAPSE,
    "quick": dataclasses.replace(_COLLAPSE, study="quick", steps=120, likelihood_samples=0),
    "circle": Config(study="circle", dim=2, concentration=500.0, dataset="circle", hidden=(64,), steps=1000),
    "article": Config(study="article", dataset="mnist", hidden=(256,), steps=30_000),  # 50 epochs
    "mnist": dataclasses.replace(  # 5 epochs, the first 2 of them with a growing weight of the KL
        _DAVIDSON, study="mnist", precision="no", kl_warmup=1874, steps=4685, likelihood_samples=100
    ),
    "gpu": _DAVIDSON,
}


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one model and test it.

    Args:
        config: all numbers.
        directory: where checkpoint, TensorBoard events and record go; None: nowhere.
        resume: continue the run in that directory.
        progress: show a bar.

    Returns:
        The record; `evaluate` says what its metrics are.

    Raises:
        ValueError: if a number does not fit; says which.
        DataNotFound, DamagedData: if the pictures cannot be read.
        CheckpointError: if the directory holds a run and `resume` is false, or none that fits and it is true.
        NonFiniteLoss: if the loss becomes NaN or infinite; names the step.
    """
    with Run("vmf_vae", config, directory, resume=resume, progress=progress) as run:
        examples = load_examples(config.dataset, config.pixels, config.evaluate == "validation", run.device)
        model = build_model(config, examples.train.shape[1])
        optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
        model, optimizer = run.prepare(model, optimizer)

        for step in run.steps(config.steps):
            rows = run.shard(batch_indices(step, len(examples.train), config.batch_size, config.seed))
            x = examples.train[rows]
            if config.pixels == "dynamic":
                x = torch.bernoulli(x)
            reconstruction, kl = model(x)
            weight = config.kl_weight * min(1.0, (step + 1) / max(1, config.kl_warmup))
            run.backward((reconstruction + weight * kl).mean())
            if config.clip is not None:
                run.accelerator.clip_grad_norm_(model.parameters(), config.clip)
            optimizer.step()
            optimizer.zero_grad()
            if step % max(1, config.steps // 40) == 0:
                run.log(reconstruction=reconstruction.mean(), kl=kl.mean())

        bare: VAE = run.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # tested in float32
        return run.finish(evaluate(bare, examples, config), name=config.name, data=examples.source)


def build_model(config: Config, pixels: int) -> VAE:
    """Return the untrained model; the global random number generator draws its weights.

    Args:
        config: all numbers.
        pixels: of a picture.
    """
    encoder = torch.nn.Sequential(perceptron([pixels, *config.hidden]), torch.nn.ReLU())
    latent: Latent | None = None
    if config.latent == "vmf":
        latent = SphereLatent(
            config.hidden[-1],
            config.dim,
            config.concentration,
            floor=config.concentration_floor,
            start=config.concentration_start,
            sampler=config.sampler,
        )
    elif config.latent == "gaussian":
        latent = PlaneLatent(config.hidden[-1], config.dim)
    decoder: Decoder
    if config.decoder == "autoregressive":
        decoder = AutoregressiveDecoder(config.dim, config.width, config.code_at)
    elif config.dataset == "circle":
        decoder = PointDecoder(config.dim, config.hidden[::-1], pixels, CIRCLE_NOISE)
    else:
        decoder = PixelDecoder(config.dim, config.hidden[::-1], pixels)
    return VAE(encoder, latent, decoder, config.dim)


# ---------------------------------------------------------------- the test


@torch.no_grad()
def evaluate(model: VAE, examples: Examples, config: Config) -> dict[str, float]:
    """Measure a model on the test pictures, with random numbers that are the same for every run.

    Returns:
        In nats a picture: "reconstruction", "kl", "bound" (their sum), "likelihood" (-log q(x) by importance
        sampling), "information" (I(x; z)), "gap" (what the reconstruction loses with another picture's code);
        "frechet" of prior samples, "frechet reconstructed" of reconstructions and "frechet real" of training
        pictures, each to the test pictures;
        "concentration", the mean κ; "spread least" and "spread largest" of the directions; on the circle
        "winding" and "radius spread". Of a model with flawed samples these are measured with exact ones, and
        "bound as sampled" and "likelihood as sampled" with its own.
    """
    model.eval()
    devices = [examples.test.device] if examples.test.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        metrics = _bound(model, examples, config, "exact")
        if config.sampler != "exact":
            own = _bound(model, examples, config, config.sampler)
            metrics |= {f"{name} as sampled": own[name] for name in ("bound", "likelihood") if name in own}
        if model.latent is not None:
            metrics |= _code(model, examples.test[:INFORMATION_PICTURES], config)
        if model.latent is not None and config.dataset != "circle":
            metrics |= _pictures(model, examples)
    return {name: round(value, 4) for name, value in metrics.items()}


def _bound(model: VAE, examples: Examples, config: Config, sampler: Sampler) -> dict[str, float]:
    if isinstance(model.latent, SphereLatent):
        model.latent.sampler = sampler
    parts = torch.split(examples.test, 1000)
    terms = [torch.cat(column) for column in zip(*(model(part) for part in parts), strict=True)]
    reconstruction, kl = (float(term.mean()) for term in terms)
    metrics = {"reconstruction": reconstruction, "kl": kl, "bound": reconstruction + kl}
    if config.likelihood_samples and model.latent is not None:
        few = torch.split(examples.test, max(1, 20_000 // config.likelihood_samples))
        logs = [quality.log_likelihood(model, part, config.likelihood_samples) * len(part) for part in few]
        metrics["likelihood"] = -sum(logs) / len(examples.test)
    if isinstance(model.latent, SphereLatent):
        model.latent.sampler = "exact"
    return metrics


def _code(model: VAE, x: Tensor, config: Config) -> dict[str, float]:
    posterior = model.posterior(x)
    metrics = {
        "information": quality.information(posterior, posterior.sample()),
        "gap": quality.shuffled_gap(model, x),
    }
    if isinstance(posterior, VonMisesFisher):
        least, largest = quality.spread(posterior.loc)
        metrics |= {"concentration": float(posterior.concentration.mean())}
        metrics |= {"spread least": least, "spread largest": largest}
    if config.dataset == "circle":
        codes = posterior.mean
        radii = codes.norm(dim=-1)
        metrics |= {"winding": quality.winding(codes), "radius spread": float(radii.std() / radii.mean())}
    return metrics


def _pictures(model: VAE, examples: Examples) -> dict[str, float]:
    features = quality.feature_classifier(examples.train, examples.train_labels).features
    autoregressive = isinstance(model.decoder, AutoregressiveDecoder)
    real = examples.test if autoregressive else examples.reference

    def decoded(z: Tensor) -> Tensor:
        if isinstance(model.decoder, AutoregressiveDecoder):
            return features(model.decoder.sample(z, real.shape[1]))
        assert isinstance(model.decoder, PixelDecoder)
        return features(torch.sigmoid(model.decoder.logits(z)))

    prior = model.prior(examples.test).sample((len(examples.test),))
    posterior = model.posterior(examples.test).sample()
    return {
        "frechet": frechet_distance(decoded(prior), features(real)),
        "frechet reconstructed": frechet_distance(decoded(posterior), features(real)),
        "frechet real": frechet_distance(features(examples.train), features(real)),
    }


# ---------------------------------------------------------------- studies


def study(name: str) -> list[Config]:
    """Return the variants of a preset that the lesson compares; "quick" and "gpu" are run by hand.

    Raises:
        ValueError: if the preset has no variants.
    """
    if name not in _STUDIES:
        raise ValueError(f"name must be one of {', '.join(_STUDIES)}, got {name!r}")
    return [dataclasses.replace(PRESETS[name], **changes) for changes in _STUDIES[name]]


_STUDIES: dict[str, list[dict[str, Any]]] = {
    "cpu": [
        *({"dim": dim} for dim in (2, 3, 4, 8, 16, 32, 64, 128)),
        *({"concentration": kappa} for kappa in (1.0, 5.0, 80.0, 320.0)),
        *({"dim": dim, "concentration": None, "concentration_floor": 1.0} for dim in (3, 4, 5, 9)),
        *({"latent": "gaussian", "dim": dim} for dim in (2, 3, 4, 8, 16, 32)),
    ],
    "collapse": [
        {"latent": "none"},
        {"latent": "gaussian"},
        {"latent": "gaussian", "kl_warmup": 360},
        {"latent": "gaussian", "steps": 1440},
        {"concentration": 20.0},
        {"concentration": 1.0},
        {"concentration": 80.0},
        {"concentration": None, "concentration_start": 20.0},
        {"latent": "none", "code_at": "every step"},
        {"latent": "gaussian", "code_at": "every step"},
        {"concentration": 20.0, "code_at": "every step"},
    ],
    "circle": [
        *({"latent": "gaussian", "kl_weight": weight} for weight in (1.0, 10.0, 50.0)),
        {},
    ],
    "article": [{}, {"latent": "gaussian"}],
    "mnist": [  # a sphere in R^(m+1) beside a Gaussian in R^m
        {"latent": "gaussian", "dim": 2},
        {"dim": 3},
        {"latent": "gaussian", "dim": 5},
        {"dim": 6},
        {"latent": "gaussian", "dim": 10},
        {"dim": 11},
        {"latent": "gaussian", "dim": 20},
        {"dim": 21},
        {"dim": 21, "sampler": "public code"},
        {"latent": "gaussian", "dim": 40},
        {"dim": 41},
        {"dim": 41, "sampler": "public code"},
    ],
}


def sweep(
    configs: Sequence[Config],
    seeds: tuple[int, ...],
    directory: str | Path | None = None,
    *,
    progress: bool = True,
) -> list[Record]:
    """Train every config with every seed; each run in a folder of its own.

    Raises:
        What `train` raises.
    """
    runs = [dataclasses.replace(config, seed=seed) for config in configs for seed in seeds]
    return [
        train(each, None if directory is None else Path(directory) / each.name, progress=progress)
        for each in runs
    ]
