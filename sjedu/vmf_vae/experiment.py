"""The experiment: autoencoders with a code on the sphere, in the plane or none, and what each code carries.

`PRESETS` holds the numbers, `train` the whole loop::

    cpu         digits, pixels independent given the code (C7, C13)
    collapse    digits, an autoregressive decoder that could do without the code (C4, C5a, C10)
    quick       the same in seconds
    circle      a circle hidden in 100 dimensions (C9)
    article     MNIST at the article's settings (C6)
    mnist       Davidson et al.'s settings on MNIST, but 5 epochs only (C8); with --sampler "public code" also the
                samples that their public code draws (C12)
    gpu         Davidson et al.'s settings in full

`variants` lists the configs of a study, which the lesson compares; `sjedu.training.sweep` trains them.
Nothing is tuned on the test pictures: `evaluate="validation"` keeps a sixth of the training pictures apart.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import torch
from annotated_types import MinLen
from torch import Tensor

from sjedu.checks import (
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    check_choice,
    check_count,
    check_fields,
)
from sjedu.measures.frechet import frechet_distance
from sjedu.records import Record
from sjedu.training import Precision, Run, Seed, batch_indices, presets
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
        study: the preset, or the question that the run helps to answer.
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
        max_grad_norm: longer gradients are shortened to it; None: none are. A GRU over 64 pixels needs it: without,
            its loss leaps now and then.
        likelihood_samples: of the importance sampling that estimates log q(x); 0: no estimate.
    """

    study: str = "cpu"
    latent: Code = "vmf"
    dim: PositiveInt = 4
    concentration: NonNegativeFloat | None = 20.0
    concentration_floor: NonNegativeFloat = 0.0
    concentration_start: NonNegativeFloat | None = None
    sampler: Sampler = "exact"
    decoder: Literal["pixels", "autoregressive"] = "pixels"
    code_at: CodeAt = "start"
    dataset: Dataset = "digits"
    pixels: Pixels = "grey"
    hidden: Annotated[tuple[PositiveInt, ...], MinLen(1)] = (128,)
    width: PositiveInt = 64
    seed: Seed = 0
    precision: Precision = "no"
    evaluate: Literal["test", "validation"] = "test"
    kl_weight: NonNegativeFloat = 1.0
    kl_warmup: NonNegativeInt = 0
    steps: PositiveInt = 1800  # 150 epochs of the digits
    batch_size: PositiveInt = 100
    learning_rate: PositiveFloat = 1e-3
    max_grad_norm: PositiveFloat | None = None
    likelihood_samples: NonNegativeInt = 0

    def __post_init__(self) -> None:
        check_fields(self)
        if self.latent == "vmf":
            check_count("dim", self.dim, least=2)
        check_kappas(self.concentration, self.concentration_floor, self.concentration_start, "concentration_")
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
        """The name of the run's record; a data set other than the study's own is named."""
        dataset = () if self.dataset == PRESETS.get(self.study, self).dataset else (self.dataset,)
        return "-".join((self.study, *dataset, self.code, f"seed{self.seed}"))


_COLLAPSE = Config(
    decoder="autoregressive",
    pixels="threshold",
    steps=720,  # 60 epochs
    learning_rate=3e-3,
    max_grad_norm=5.0,
    likelihood_samples=16,
)
_DAVIDSON = Config(
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

PRESETS = presets(
    cpu=Config(),
    collapse=_COLLAPSE,
    quick=dataclasses.replace(_COLLAPSE, steps=120, likelihood_samples=0),
    circle=Config(dim=2, concentration=500.0, dataset="circle", hidden=(64,), steps=1000),
    article=Config(dataset="mnist", hidden=(256,), steps=30_000),  # 50 epochs
    mnist=dataclasses.replace(  # 5 epochs, the first 2 of them with a growing weight of the KL
        _DAVIDSON, precision="no", kl_warmup=1874, steps=4685, likelihood_samples=100
    ),
    gpu=_DAVIDSON,
)


def train(
    config: Config, directory: str | Path | None = None, *, resume: bool = False, progress: bool = True
) -> Record:
    """Train one model and test it; `evaluate` says what is measured."""
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
            run.backward((reconstruction + kl_weight(config, step) * kl).mean())
            if config.max_grad_norm is not None:
                run.clip(model.parameters(), config.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad()
            if run.logs(step):
                run.log(reconstruction=reconstruction.mean(), kl=kl.mean())

        bare: VAE = run.accelerator.unwrap_model(model, keep_fp32_wrapper=False)  # tested in float32
        return run.finish(evaluate(bare, examples, config), name=config.name, data=examples.source)


def kl_weight(config: Config, step: int) -> float:
    """Return the weight of the KL in a step; it grows evenly, and the last step of the warm-up has all of it."""
    return config.kl_weight * min(1.0, (step + 1) / max(1, config.kl_warmup))


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


def variants(study: str) -> list[Config]:
    """Return the configs of a study, which the lesson compares; "quick" and "gpu" are run by hand.

    Raises:
        ValueError: if the study compares nothing.
    """
    check_choice("study", study, tuple(_VARIANTS))
    return [dataclasses.replace(PRESETS[study], **changes) for changes in _VARIANTS[study]]


_VARIANTS: dict[str, list[dict[str, Any]]] = {
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
