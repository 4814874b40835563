"""The experiment: what is learnt, that it resumes exactly, and that every preset runs."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from interrupted import assert_resumes

from sjedu.data import Images
from sjedu.records.record import plain
from sjedu.training import sweep
from sjedu.training.checkpoint import load_checkpoint
from sjedu.vmf_vae import experiment, kl_to_uniform
from sjedu.vmf_vae.decoder import export, sphere_decoder
from sjedu.vmf_vae.examples import baselines, circle_examples, circle_map, load_examples
from sjedu.vmf_vae.experiment import PRESETS, Config, kl_weight, train, variants


def config(preset="quick", **numbers):
    return dataclasses.replace(PRESETS[preset], **numbers)


def test_the_gaussian_collapses_and_the_sphere_does_not():
    gaussian = train(config(latent="gaussian"), progress=False).metrics
    sphere = train(config(), progress=False).metrics
    assert gaussian["kl"] < 0.1
    assert gaussian["gap"] < 0.2
    assert sphere["kl"] == pytest.approx(float(kl_to_uniform(4, 20.0)), abs=1e-3)
    assert sphere["gap"] > 0.4  # a decoder that does not listen has 0
    assert 0.5 < sphere["information"] < sphere["kl"] + 0.1


def test_a_learned_concentration_collapses():
    metrics = train(config(concentration=None, concentration_start=20.0), progress=False).metrics
    assert metrics["concentration"] < 2
    assert metrics["kl"] < 0.1


def test_digits_are_learnt():
    metrics = train(config("cpu", steps=200), progress=False).metrics
    # The mean picture gives 26.8, the entropy of the grey levels 13.4.
    assert metrics["reconstruction"] < 24
    assert metrics["gap"] > 5
    assert metrics["frechet real"] < metrics["frechet"] < 40


@pytest.mark.parametrize("kappa", [20.0, None])
def test_half_precision_learns_what_single_precision_does(kappa):
    numbers = config("cpu", pixels="dynamic", concentration=kappa, steps=60, likelihood_samples=5)
    single, half = (
        train(dataclasses.replace(numbers, precision=precision), progress=False).metrics
        for precision in ("no", "bf16")
    )
    assert single.keys() == half.keys()
    for name in ("bound", "likelihood"):
        assert half[name] == pytest.approx(single[name], abs=0.5)
    assert half["likelihood"] < half["bound"]


def test_a_circle_is_found():
    metrics = train(config("circle", steps=400), progress=False).metrics
    assert abs(metrics["winding"]) == pytest.approx(1, abs=0.01)
    assert metrics["radius spread"] < 1e-3


@pytest.mark.parametrize("latent", ["vmf", "gaussian"])
def test_a_run_that_was_interrupted_ends_like_one_that_was_not(tmp_path, latent):
    numbers = config("cpu", pixels="dynamic", latent=latent, steps=12, kl_warmup=10)
    assert_resumes(train, numbers, tmp_path, experiment, "batch_indices", 6)


@pytest.mark.parametrize("code_at", ["start", "every step"])
@pytest.mark.parametrize("latent", ["vmf", "gaussian", "none"])
def test_a_record_says_what_was_measured(latent, code_at):
    metrics = train(
        config(latent=latent, code_at=code_at, steps=2, likelihood_samples=2), progress=False
    ).metrics
    expected = {"reconstruction", "kl", "bound"}
    if latent != "none":
        expected |= {"likelihood", "information", "gap", "frechet", "frechet reconstructed", "frechet real"}
    if latent == "vmf":
        expected |= {"concentration", "spread least", "spread largest"}
    assert metrics.keys() == expected
    assert metrics["bound"] == pytest.approx(metrics["reconstruction"] + metrics["kl"], abs=1e-3)


def test_flawed_samples_are_tested_both_ways():
    numbers = config("cpu", pixels="dynamic", dim=41, concentration=12.0, steps=2, likelihood_samples=2)
    exact = train(numbers, progress=False).metrics
    flawed = train(dataclasses.replace(numbers, sampler="public code"), progress=False).metrics
    assert flawed.keys() == exact.keys() | {"bound as sampled", "likelihood as sampled"}
    assert flawed["kl"] == exact["kl"]


def test_the_weight_of_the_kl_is_whole_at_the_last_step_of_the_warm_up():
    numbers = config("cpu", kl_weight=2.0, kl_warmup=10)
    assert [kl_weight(numbers, step) for step in (0, 4, 8, 9, 10)] == [0.2, 1.0, 1.8, 2.0, 2.0]
    assert kl_weight(config("cpu"), 0) == 1.0


def test_the_weight_of_the_kl_rises():
    heavy = train(config("cpu", latent="gaussian", steps=30, kl_weight=10.0), progress=False)
    light = train(
        config("cpu", latent="gaussian", steps=30, kl_weight=10.0, kl_warmup=10_000), progress=False
    )
    assert light.metrics["kl"] > 2 * heavy.metrics["kl"]


def test_a_long_run_keeps_a_short_curve():
    record = train(config("cpu", steps=130, batch_size=2, hidden=(4,)), progress=False)
    assert 50 <= len(record.curves["kl"]) <= 100
    assert len(json.dumps(dataclasses.asdict(record))) < 10_000


def test_validation_keeps_the_test_pictures_out():
    whole, part = (load_examples("digits", "grey", validation=flag) for flag in (False, True))
    assert len(part.train) + len(part.test) == len(whole.train) == 1297
    assert torch.equal(torch.cat([part.train, part.test]), whole.train)
    assert torch.equal(torch.cat([part.train_labels, part.test_labels]), whole.train_labels)


def test_pixels_are_grey_or_binary_and_the_drawn_test_is_the_same_for_all():
    grey, threshold, dynamic = (load_examples("digits", kind) for kind in ("grey", "threshold", "dynamic"))
    assert torch.equal(threshold.train, (grey.train > 0.5).float())
    assert torch.equal(dynamic.train, grey.train)
    assert set(dynamic.test.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(dynamic.test, load_examples("digits", "dynamic").test)
    assert torch.equal(dynamic.reference, grey.test)


def test_a_decoder_lies_between_the_mean_picture_and_the_entropy_of_the_grey_levels():
    found = baselines(load_examples("digits", "grey"))
    assert found["mean picture"] == pytest.approx(26.82, abs=0.01)
    assert found["entropy of the grey levels"] == pytest.approx(13.37, abs=0.01)
    binary = baselines(load_examples("digits", "threshold"))
    assert binary["entropy of the grey levels"] == 0


def test_the_circle_is_closed_and_bent():
    turn = circle_map(np.linspace(0, 2 * np.pi, 100))
    assert torch.allclose(turn[0], turn[-1], atol=1e-5)
    assert int(torch.linalg.matrix_rank(turn - turn.mean(dim=0), rtol=1e-3)) > 2
    assert circle_examples(50).train.shape == (50, 100)


@pytest.mark.parametrize("preset", ["article", "mnist", "gpu"])
def test_the_presets_of_mnist_run(preset, monkeypatch):
    rng = np.random.default_rng(0)

    def drawn(name, split):
        count = {"train": 80, "test": 20}[split]
        pictures = torch.from_numpy(rng.integers(0, 256, (count, 1, 28, 28), dtype=np.uint8))
        return Images(pictures, torch.arange(count) % 10, tuple("0123456789"), f"{name} in miniature")

    monkeypatch.setattr("sjedu.vmf_vae.examples.load_images", drawn)
    samples = min(2, PRESETS[preset].likelihood_samples)
    small = config(preset, hidden=(8,), steps=2, batch_size=10, likelihood_samples=samples)
    record = train(small, progress=False)
    assert record.data == "mnist in miniature"
    assert record.config["dim"] == PRESETS[preset].dim


@pytest.mark.parametrize("preset", PRESETS)
def test_the_presets_fit_together(preset):
    assert PRESETS[preset].study == preset


def test_davidsons_settings_count_epochs_of_sixty_thousand():
    assert PRESETS["gpu"].kl_warmup == 100 * (60_000 // 64)
    assert PRESETS["gpu"].steps == 300 * (60_000 // 64)
    assert PRESETS["mnist"].steps == 5 * (60_000 // 64)
    assert PRESETS["article"].steps == 50 * 600


def test_the_names_of_records_differ_where_the_runs_do():
    runs = [each for name in ("cpu", "collapse", "circle", "article", "mnist") for each in variants(name)]
    names = [each.name for each in runs]
    assert len(set(names)) == len(names)
    assert PRESETS["cpu"].name == "cpu-vmf-d4-k20-seed0"
    assert config("mnist", sampler="public code").name == "mnist-vmf-d41-learned-public_code-seed0"
    assert config("cpu", dataset="mnist").name == "cpu-mnist-vmf-d4-k20-seed0"
    longer = config("collapse", latent="gaussian", steps=1440)
    assert longer.name == "collapse-gaussian-d4-steps1440-seed0"


def test_a_sweep_trains_every_config_with_every_seed(tmp_path):
    runs = [config(steps=1, latent=latent, seed=seed) for latent in ("vmf", "gaussian") for seed in (0, 1)]
    records = sweep(train, runs, tmp_path, progress=False)
    assert [record.seed for record in records] == [0, 1, 0, 1]
    assert all((tmp_path / record.name / "record.json").is_file() for record in records)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"latent": "none"}, "decoder: got 'pixels' with latent 'none'; expected 'autoregressive'"),
        ({"decoder": "autoregressive"}, "pixels: got 'grey' of 'digits'"),
        ({"likelihood_samples": 5}, "pixels: got 'grey' of 'digits'"),
        (
            {"latent": "gaussian", "sampler": "public code"},
            "sampler: got 'public code' with latent 'gaussian'",
        ),
    ],
)
def test_numbers_that_do_not_fit_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        Config(**numbers)


def test_a_study_that_compares_nothing_has_no_variants():
    with pytest.raises(ValueError, match="study: got 'gpu'; expected one of 'cpu', 'collapse', 'circle', "):
        variants("gpu")


# ---------------------------------------------------------------- the decoder that comes with the package


def test_an_exported_decoder_decodes_as_the_model_does(tmp_path, monkeypatch):
    numbers = config("cpu", dim=3, steps=3)
    train(numbers, tmp_path, progress=False)
    path = export(numbers, tmp_path, tmp_path)
    assert path.stat().st_size < 100_000
    monkeypatch.setattr("sjedu.vmf_vae.decoder.resources.files", lambda _: tmp_path / "x")
    (tmp_path / "x" / "recorded").mkdir(parents=True)
    path.rename(tmp_path / "x" / "recorded" / path.name)
    decoder = sphere_decoder.__wrapped__()
    model = experiment.build_model(numbers, 64)
    stored = load_checkpoint(
        tmp_path / "checkpoint.safetensors", "vmf_vae", plain(dataclasses.asdict(numbers), "config")
    )
    model.load_state_dict(stored.state["parts"][0])
    with torch.no_grad():
        expected = torch.sigmoid(model.decoder.logits(torch.from_numpy(decoder.codes)))
    assert np.allclose(decoder(decoder.codes).reshape(-1, 64), expected.numpy(), atol=1e-5)


def test_only_a_model_on_the_ordinary_sphere_is_exported(tmp_path):
    with pytest.raises(ValueError, match=r"config: got .*; expected latent 'vmf', dim 3"):
        export(config("cpu"), tmp_path, tmp_path)


def test_the_decoder_of_the_package_knows_its_digits():
    decoder = sphere_decoder()
    assert decoder.codes.shape == (500, 3)
    assert np.allclose(np.linalg.norm(decoder.codes, axis=1), 1, atol=1e-5)
    test = load_examples("digits", "grey").test.numpy()
    pictures = decoder(decoder.codes).reshape(-1, 64)
    assert np.array_equal(decoder.labels, load_examples("digits", "grey").test_labels.numpy())
    loss = -(test * np.log(pictures + 1e-9) + (1 - test) * np.log(1 - pictures + 1e-9)).sum(axis=1).mean()
    assert loss < 24  # the mean picture gives 26.8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("latent", "vMF"),
        ("pixels", "gray"),
        ("sampler", "public"),
        ("decoder", "pixel"),
        ("code_at", "each step"),
        ("evaluate", "train"),
        ("dataset", "emnist"),
        ("precision", "fp32"),
        ("steps", 0),
        ("batch_size", 0),
        ("width", 0),
        ("seed", -1),
        ("kl_weight", -1.0),
        ("kl_warmup", -1),
        ("likelihood_samples", -1),
        ("learning_rate", 0.0),
        ("max_grad_norm", 0.0),
        ("hidden", ()),
        ("hidden", (64, 0)),
        ("dim", 1),
        ("concentration", -1.0),
        ("concentration_floor", -1.0),
        ("concentration_start", 0.0),
    ],
)
def test_what_no_run_can_have_is_refused_by_name(name, value):
    config = Config()
    object.__setattr__(config, name, value)  # past the tests' own check of annotations
    with pytest.raises(ValueError, match=rf"^(config\.)?{name}(\[1\])?: got .*; expected "):
        config.__post_init__()


def test_a_plane_may_be_a_line():
    assert Config(latent="gaussian", dim=1).dim == 1
    with pytest.raises(ValueError, match=r"config\.dim: got 0; expected at least 1"):
        Config(latent="gaussian", dim=0)
