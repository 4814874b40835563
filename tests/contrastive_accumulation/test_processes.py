"""Real processes: which of the ways to write a shared loss give the whole batch's gradient."""

import pytest

from sjedu.contrastive_accumulation import claims
from sjedu.contrastive_accumulation.processes import SCHEMES, measure_processes, scheme_loss


def test_two_processes_give_what_the_lesson_says():
    schemes = measure_processes(2)
    assert set(schemes) == set(SCHEMES)
    for name in ("rows", "accumulate"):
        assert schemes[name].relative_error < 1e-12
    assert schemes["global"].norm_ratio == pytest.approx(1 / 2)
    assert schemes["global"].cosine == pytest.approx(1)
    for name in ("own keys", "no keys", "alone"):
        assert schemes[name].cosine < 0.99
    assert "2 processes" in claims.process_factors(2).text


@pytest.mark.parametrize("processes", [0, 1, 3])
def test_bad_numbers_are_named(processes):
    with pytest.raises(ValueError, match=f"processes: got {processes}"):
        measure_processes(processes)


def test_a_process_that_does_not_end_is_ended():
    with pytest.raises(RuntimeError, match="did not end within"):
        measure_processes(2, timeout=0.1)


def test_an_unknown_scheme_is_named():
    import torch

    h = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="scheme: got 'other'"):
        scheme_loss("other", (h, h), lambda x: x, 0)
