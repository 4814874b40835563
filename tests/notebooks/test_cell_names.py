"""That a cell cannot be run again later is found by its names alone."""

import pytest
from cell_names import faults


@pytest.mark.parametrize(
    ("cells", "name"),
    [
        (["k = 1", "print(k)", "for k in range(3): pass"], "k"),
        (["k = 1", "k = k + 1"], "k"),
        (["k = 1", "k += 1"], "k"),
        (["k = 1", "def f():\n    return k", "k = 2"], "k"),
        (["k = 1\nf = lambda: k", "k = 2"], "k"),
        (["k = 1", "[k * x for x in range(3)]", "k = 2"], "k"),
        (["from a import f", "f()", "def f():\n    return ..."], "f"),
        (["from a import f", "f()", "from b import f"], "f"),
        (["import a.b", "a.b()", "with open(x) as a: pass"], "a"),
        (["k = 1", "def f(x=k): pass", "(k := 2)"], "k"),
        (["k = 1", "print(f'{k}')", "a, (k, *b) = 1, (2, 3)"], "k"),
    ],
)
def test_a_name_with_two_meanings_is_found(cells, name):
    (fault,) = faults(cells)
    assert fault.startswith(f"{name}: ")


@pytest.mark.parametrize(
    "cells",
    [
        ["k = 1\nprint(k)", "k = 2\nprint(k)"],
        ["k = 1", "print([k for k in range(3)], {k: 1 for k in ''}, lambda k: k)"],
        ["k = 1", "print(k)", "def f(k):\n    for i in range(k):\n        k = i"],
        ["import a.b", "a.b()", "import a.c", "from a import f", "f()", "from a import f"],
        ["%matplotlib inline\nk = 1", "!ls {k}", "for i in range(2):\n    print(i)", "i = 3"],
        ["def f():\n    return k", "k = 1", "f()"],
    ],
)
def test_names_with_one_meaning_pass(cells):
    assert list(faults(cells)) == []
