"""The exercises of the lesson, each with checks that say what is wrong.

A check tries the reader's function on small inputs and rejects one kind of wrong answer, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sjedu.course.exercises import Answer, Exercises, WrongAnswer, expect, judged_by
from sjedu.p_tuning import theory

EXERCISES = Exercises()


# ---------------------------------------------------------------- 1: fill a template


_MASK = 103


def _fill_order(answer: Answer) -> None:
    ids, place = answer([5, _MASK], [7, 8, 9], [6], _MASK, 20)
    expect(ids[:1] == [101] and ids[-1:] == [102], "begin with [CLS] = 101 and end with [SEP] = 102.")
    expect(
        list(ids) == [101, 5, _MASK, 7, 8, 9, 6, 102],
        "the order is [CLS], before, text, after, [SEP]; there is room for all of it here.",
    )
    expect(place == 2, f"the blank stands at position 2 (counted from 0), you returned {place}.")


def _fill_after(answer: Answer) -> None:
    ids, place = answer([5], [7, 8, 9], [6, _MASK], _MASK, 20)
    expect(
        list(ids)[place] == _MASK,
        "right for a blank before the text, wrong for one behind it: look for the blank.",
    )


def _fill_truncation(answer: Answer) -> None:
    ids, place = answer([5], list(range(200, 260)), [6, _MASK], _MASK, 16)
    expect(len(ids) <= 16, f"max_length is 16; your result has {len(ids)} tokens.")
    expect(_MASK in ids, "a long text pushed the blank out: cut the *text*, never the template.")
    expect(ids[-1] == 102, "a long text pushed [SEP] out: count the special tokens too.")
    expect(len(ids) == 16, f"there is room for 16 tokens, you used {len(ids)}: keep as much text as fits.")
    expect(list(ids)[place] == _MASK, "after truncation the returned position is not that of the blank.")


def _fill_refuse(answer: Answer) -> None:
    try:
        answer([5, 5, 5], [7], [6, _MASK], _MASK, 7)
    except ValueError:
        return
    raise WrongAnswer(
        "five tokens of template and two special ones leave no room for text in 7: raise a ValueError."
    )


@EXERCISES.add("1", "Fill in a template", minutes=8, difficulty="easy")
@judged_by(_fill_order, _fill_after, _fill_truncation, _fill_refuse)
def fill_template(before: list[int], text: list[int], after: list[int], mask: int, max_length: int) -> Any:
    """before, text, after: lists of ids -> (ids, position of the blank)

    Return the token ids `[CLS] before text after [SEP]` (101 and 102) and the position of the blank, whose id
    is `mask`. The result has at most `max_length` tokens: cut the end of the text where it must be, never the
    template. Raise a `ValueError` where not even one token of text fits.

    Hint: First compute how many tokens of text there is room for.

    Shows: however long the review, the model sees the question.
    """
    room = max_length - 2 - len(before) - len(after)
    if room < 1:
        raise ValueError(f"max_length: got {max_length}; expected room for a token of text")
    ids = [101, *before, *text[:room], *after, 102]
    return ids, ids.index(mask)


# ---------------------------------------------------------------- 2: verbaliser logits


def _logits() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(3, 5, 11, generator=generator), torch.tensor([1, 4, 0])


def _verbalizer_shape(answer: Answer) -> None:
    logits, places = _logits()
    scores = answer(logits, places, [[2], [7]])
    expect(isinstance(scores, Tensor), "return a torch.Tensor.")
    expect(
        scores.shape == (3, 2),
        f"three texts and two classes want the shape (3, 2), got {tuple(scores.shape)}.",
    )


def _verbalizer_single(answer: Answer) -> None:
    logits, places = _logits()
    scores = answer(logits, places, [[2], [7]])
    at_first = logits[:, 1][:, [2, 7]]
    expect(
        not torch.allclose(scores, at_first),
        "every text has its own blank: `places` differs from text to text.",
    )
    expected = torch.stack([logits[i, p, [2, 7]] for i, p in enumerate(places.tolist())])
    expect(
        not torch.allclose(scores, expected.softmax(1)), "return logits; the softmax is the loss's affair."
    )
    expect(torch.allclose(scores, expected), "the scores are the logits of the classes' words in the blank.")


def _verbalizer_many(answer: Answer) -> None:
    logits, places = _logits()
    scores = answer(logits, places, [[2, 3], [7]])
    rows = [logits[i, p] for i, p in enumerate(places.tolist())]
    total = torch.stack([torch.stack([row[2] + row[3], row[7]]) for row in rows])
    expect(
        not torch.allclose(scores, total),
        "a class with more words must not win by their number: take the mean, not the sum.",
    )
    expected = torch.stack([torch.stack([(row[2] + row[3]) / 2, row[7]]) for row in rows])
    expect(torch.allclose(scores, expected), "the score of a class is the mean of its words' logits.")


@EXERCISES.add("2", "From words to classes", minutes=8, difficulty="easy")
@judged_by(_verbalizer_shape, _verbalizer_single, _verbalizer_many)
def verbalizer_logits(logits: Tensor, places: Tensor, words: list[list[int]]) -> Tensor:
    """logits: (batch, tokens, vocabulary), places: (batch,),
    words: a list of ids for each class -> (batch, classes)

    `logits` are a language model's, for every token of every text. Return the scores of the classes: in each
    text's blank, at `places`, the mean of the logits of the words that stand for a class.

    Hint: Index with two tensors at once: `logits[torch.arange(batch), places]`.

    Shows: a cloze is a classifier whose last layer came with the model.
    """
    blank = logits[torch.arange(len(logits)), places]
    return torch.stack([blank[:, ids].mean(dim=1) for ids in words], dim=1)


# ---------------------------------------------------------------- 3: the stopped gradient


def _table() -> tuple[Tensor, list[int], Callable[[Tensor], Tensor]]:
    E = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([1, 5, 5, 2, 0])
    return E, [1, 2], lambda table: (table[ids] - 1).square().sum() + (table @ table.T).logsumexp(0).sum()


def _rows_shape(answer: Answer) -> None:
    E, rows, loss = _table()
    trained = answer(E, rows, loss, 3)
    expect(
        isinstance(trained, Tensor) and trained.shape == E.shape,
        "return the whole table, with the shape of E.",
    )
    expect(not trained.requires_grad, "return numbers, detached from their history.")


def _rows_learn(answer: Answer) -> None:
    E, rows, loss = _table()
    before = E.clone()
    trained = answer(E, rows, loss, 5)
    expect(torch.equal(E, before), "you changed the table that you were given: work on a copy.")
    expect(not torch.equal(trained[rows], E[rows]), "the prompt's rows did not move.")
    expect(
        loss(trained) < loss(E), "the loss did not fall: step against the gradient, and zero it each time."
    )


def _rows_frozen(answer: Answer) -> None:
    E, rows, loss = _table()
    trained = answer(E, rows, loss, 5)
    frozen = [row for row in range(len(E)) if row not in rows]
    moved = [row for row in frozen if not torch.equal(trained[row], E[row])]
    decayed = torch.tensor(theory.decayed(E[frozen].double().numpy(), 0.1, 0.1, 5), dtype=E.dtype)
    expect(
        not (moved and torch.allclose(trained[frozen], decayed, atol=1e-5)),
        "the gradient of the other rows is zero, and still they shrank: AdamW decays whatever it is given. Give it"
        " the prompt's rows alone.",
    )
    expect(not moved, f"row {moved[:1]} is not the prompt's and must keep every bit.")


@EXERCISES.add("3", "Train a few rows, and nothing else", minutes=15, difficulty="hard")
@judged_by(_rows_shape, _rows_learn, _rows_frozen)
def train_prompt_rows(E: Tensor, rows: list[int], loss: Callable[..., Any], steps: int = 5) -> Tensor:
    r"""E: (vocabulary, dim), rows: a list of row numbers,
    loss: a function of a table -> (vocabulary, dim)

    Minimise `loss(table)` over the rows `rows` of a table that begins as `E`, with `steps` steps of
    `torch.optim.AdamW(..., lr=0.1, weight_decay=0.1)`. Return the table. Every other row must come back **bit
    for bit**. The loss uses the table twice, as a model with tied embeddings does.

    Why is $E\odot m+\mathrm{sg}(E)\odot(1-m)$ with AdamW on all of $E$ not enough?

    Hint: What is not in the optimiser cannot be decayed. Make a parameter of the rows alone, and put the
    table together in every step.

    Shows: a stopped gradient is a promise about gradients, not about weights: decay does not ask for one.
    """
    prompt = nn.Parameter(E[rows].clone())
    optimizer = torch.optim.AdamW([prompt], lr=0.1, weight_decay=0.1)
    for _ in range(steps):
        table = E.clone()
        table[rows] = prompt
        optimizer.zero_grad()
        loss(table).backward()
        optimizer.step()
    table = E.clone()
    table[rows] = prompt.detach()
    return table


# ---------------------------------------------------------------- 4: a prompt encoder


def _vectors_plain(answer: Answer) -> None:
    Z = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    vectors = answer(Z)
    expect(
        isinstance(vectors, Tensor) and torch.equal(vectors, Z),
        "without LSTM and MLP the vectors are Z itself.",
    )


def _modules() -> tuple[Tensor, nn.LSTM, nn.Module]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        lstm = nn.LSTM(6, 4, bidirectional=True, batch_first=True)
        return torch.randn(5, 6), lstm, nn.Linear(8, 6)


def _vectors_lstm(answer: Answer) -> None:
    Z, lstm, mlp = _modules()
    vectors = answer(Z, lstm, mlp)
    expect(
        vectors.shape == (5, 6), f"five tokens of six numbers go in and come out; got {tuple(vectors.shape)}."
    )
    apart = torch.cat([mlp(lstm(z[None, None])[0][0]) for z in Z])
    expect(
        not torch.allclose(vectors, apart, atol=1e-6),
        "the LSTM read each token alone. The tokens are one sequence: Z[None] has the shape (1, tokens, dim).",
    )
    turned = mlp(lstm(Z[:, None])[0][:, 0])
    expect(
        not torch.allclose(vectors, turned, atol=1e-6) or torch.allclose(turned, mlp(lstm(Z[None])[0][0])),
        "with batch_first=True the tokens are the *second* axis.",
    )
    expect(torch.allclose(vectors, mlp(lstm(Z[None])[0][0]), atol=1e-6), "the vectors are MLP(LSTM(Z)).")


def _vectors_gradient(answer: Answer) -> None:
    Z, lstm, mlp = _modules()
    Z.requires_grad_()
    answer(Z, lstm, mlp)[0].sum().backward()
    expect(Z.grad is not None, "no gradient reaches Z: do not detach it.")
    assert Z.grad is not None
    expect(
        Z.grad[4].abs().max() > 0, "the first vector must depend on the last token of Z, through the LSTM."
    )


@EXERCISES.add("4", "A prompt encoder", minutes=10, difficulty="medium")
@judged_by(_vectors_plain, _vectors_lstm, _vectors_gradient)
def prompt_vectors(Z: Tensor, lstm: nn.LSTM | None = None, mlp: nn.Module | None = None) -> Tensor:
    """Z: (tokens, dim) -> (tokens, dim)

    Return the vectors of a prompt: `Z` itself, or what `lstm` (an `nn.LSTM` with `batch_first=True`) makes of
    the sequence of its rows, or what `mlp` makes of that. Where one of the two is None, leave it out.

    Hint: The LSTM wants a batch of sequences and returns its outputs and its state.

    Shows: with both left out it is the plain embedding; with them, each vector depends on all tokens.
    """
    vectors = Z if lstm is None else lstm(Z[None])[0][0]
    return vectors if mlp is None else mlp(vectors)


# ---------------------------------------------------------------- 5: choosing on the test set


def _measurements(templates: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    quality = 0.8 + spread * np.linspace(-1, 1, templates)
    noise = 0.05 * rng.normal(size=(2, 4000, templates))
    return quality + noise[0], quality + noise[1]


def _reported_shape(answer: Answer) -> None:
    pair = answer(*_measurements(4, 0.0))
    expect(len(pair) == 2, "return two numbers: the honest accuracy, and by how much the other is too high.")


def _reported_equal(answer: Answer) -> None:
    validation, test = _measurements(5, 0.0)
    honest, optimism = answer(validation, test)
    expected = reported_accuracy(validation, test)
    expect(
        abs(honest - test.max(axis=1).mean()) > 1e-9,
        "you chose on the test measurements: choose each row's template on `validation`, then look it up in `test`.",
    )
    expect(
        abs(honest - validation.max(axis=1).mean()) > 1e-9,
        "what is reported is a *test* accuracy, that of the template chosen on validation.",
    )
    expect(abs(honest - expected[0]) < 1e-9, "choose in every row, and take the mean over the rows.")
    expect(
        abs(optimism - expected[1]) < 1e-9,
        "the optimism is the mean of the best test accuracies minus the honest figure.",
    )


def _reported_unequal(answer: Answer) -> None:
    validation, test = _measurements(3, 0.2)
    expect(
        np.allclose(answer(validation, test), reported_accuracy(validation, test)),
        "right for templates that are equally good, wrong for others: the best one may differ from row to row.",
    )


@EXERCISES.add("5", "The best template, honestly", minutes=10, difficulty="medium")
@judged_by(_reported_shape, _reported_equal, _reported_unequal)
def reported_accuracy(validation: np.ndarray, test: np.ndarray) -> tuple[float, float]:
    """validation, test: (draws, templates) -> (honest accuracy, optimism)

    Each row of `validation` and `test` is one draw of labels, each column one template; the entries are
    accuracies. Return the mean test accuracy of the template chosen on validation, and by how much the figure
    would be too high if the template were chosen on the test set.

    Hint: `argmax` of one table, then a look into the other.

    Shows: with five equal templates and a noise of five points, choosing on the test set invents almost six.
    """
    rows = np.arange(len(test))
    honest = test[rows, validation.argmax(axis=1)].mean()
    optimistic = test.max(axis=1).mean()
    return float(honest), float(optimistic - honest)


# ---------------------------------------------------------------- 6: how many parameters


def _counts(answer: Answer, kind: str) -> tuple[int, int]:
    return int(answer(kind, 6, 16)), theory.prompt_parameters(kind, 6, 16)


def _count_embedding(answer: Answer) -> None:
    count, expected = _counts(answer, "embedding")
    expect(count == expected, f"six vectors of 16 numbers are {expected} parameters, not {count}.")


def _count_mlp(answer: Answer) -> None:
    count, expected = _counts(answer, "mlp")
    expect(count != expected - 6 * 16, "the table Z is learnt too.")
    expect(count != expected - 3 * 16, "each linear layer has a bias.")
    expect(count == expected, f"three linear layers of width 16 and the table make {expected}, not {count}.")


def _count_lstm(answer: Answer) -> None:
    count, expected = _counts(answer, "lstm")
    one = 4 * (16 * 16 + 16 * 16 + 2 * 16)
    expect(
        count != expected - one - 4 * (16 * 32 + 16 * 16 + 2 * 16),
        "the LSTM is bidirectional: every layer counts twice.",
    )
    expect(
        count == expected,
        f"got {count}, expected {expected}: two bidirectional layers (the second reads 2·dim numbers; four gates with"
        " two biases each), then 2·dim → 2·dim → dim, then the table.",
    )


@EXERCISES.add("6", "How many parameters?", minutes=10, difficulty="medium")
@judged_by(_count_embedding, _count_mlp, _count_lstm)
def trainable_parameters(kind: str, tokens: int, dim: int) -> int:
    """kind: "embedding", "mlp" or "lstm" -> a whole number

    Count what is learnt in a prompt of `tokens` vectors of `dim` numbers, for the kinds `embedding`, `mlp`
    (three linear layers dim → dim with a ReLU between) and `lstm` (a bidirectional LSTM of two layers and
    width dim, then linear layers 2·dim → 2·dim → dim). PyTorch's LSTM has two biases for each gate.

    Hint: One direction of one LSTM layer: four gates, each with a matrix for its input, one for its state,
    and two biases.

    Shows: a prompt of six tokens of 768 numbers is 4,608 parameters; with the LSTM they are 27 million.
    """
    table = tokens * dim
    if kind == "embedding":
        return table
    if kind == "mlp":
        return table + 3 * (dim * dim + dim)
    first = 2 * 4 * (dim * dim + dim * dim + 2 * dim)  # two directions, four gates
    second = 2 * 4 * (dim * 2 * dim + dim * dim + 2 * dim)  # reads both directions
    return table + first + second + (2 * dim * 2 * dim + 2 * dim) + (2 * dim * dim + dim)
