"""Each check rejects the mistake that it is there for, with its reason."""

import re

import numpy as np
import pytest
import torch

from sjedu.p_tuning import exercises, theory
from sjedu.p_tuning.exercises import EXERCISES

# ---------------------------------------------------------------- wrong answers


def cut_at_the_end(before, text, after, mask, max_length):
    ids = [101, *before, *text, *after, 102][:max_length]
    return ids, ids.index(mask) if mask in ids else 0


def special_tokens_forgotten(before, text, after, mask, max_length):
    ids = [*before, *text, *after]
    return ids, ids.index(mask)


def specials_not_counted(before, text, after, mask, max_length):
    room = max_length - len(before) - len(after)
    ids = [101, *before, *text[:room], *after, 102]
    return ids, ids.index(mask)


def too_cautious(before, text, after, mask, max_length):
    ids = [101, *before, *text[: max_length - 4 - len(before) - len(after)], *after, 102]
    return ids, ids.index(mask)


def blank_before(before, text, after, mask, max_length):
    return exercises.fill_template(before, text, after, mask, max_length)[0], 1 + before.index(
        mask
    ) if mask in before else 1


def never_refuses(before, text, after, mask, max_length):
    room = max(1, max_length - 2 - len(before) - len(after))
    ids = [101, *before, *text[:room], *after, 102]
    return ids, ids.index(mask)


def first_place_for_all(logits, places, words):
    return exercises.verbalizer_logits(logits, places[:1].expand(len(places)), words)


def probabilities(logits, places, words):
    return exercises.verbalizer_logits(logits, places, words).softmax(1)


def summed(logits, places, words):
    blank = logits[torch.arange(len(logits)), places]
    return torch.stack([blank[:, ids].sum(dim=1) for ids in words], dim=1)


def one_class(logits, places, words):
    return exercises.verbalizer_logits(logits, places, words)[:, :1]


def masked_gradient(E, rows, loss, steps=5):
    table = torch.nn.Parameter(E.clone())
    optimizer = torch.optim.AdamW([table], lr=0.1, weight_decay=0.1)
    keep = torch.zeros(len(E), 1)
    keep[rows] = 1
    for _ in range(steps):
        optimizer.zero_grad()
        loss(table).backward()
        table.grad *= keep
        optimizer.step()
    return table.detach()


def stopped_input_only(E, rows, loss, steps=5):
    table = torch.nn.Parameter(E.clone())
    optimizer = torch.optim.SGD([table], lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(table).backward()
        optimizer.step()
    return table.detach()


def in_place(E, rows, loss, steps=5):
    E[rows] = exercises.train_prompt_rows(E, rows, loss, steps)[rows]
    return E


def does_nothing(E, rows, loss, steps=5):
    return E.clone()


def rows_only(E, rows, loss, steps=5):
    return exercises.train_prompt_rows(E, rows, loss, steps)[rows]


def with_history(E, rows, loss, steps=5):
    return exercises.train_prompt_rows(E, rows, loss, steps).requires_grad_()


def token_by_token(Z, lstm=None, mlp=None):
    if lstm is None:
        return Z
    return torch.cat([mlp(lstm(z[None, None])[0][0]) for z in Z])


def detached(Z, lstm=None, mlp=None):
    return exercises.prompt_vectors(Z.detach().requires_grad_() if lstm is not None else Z, lstm, mlp)


def always_doubled(Z, lstm=None, mlp=None):
    return 2 * exercises.prompt_vectors(Z, lstm, mlp)


def without_mlp(Z, lstm=None, mlp=None):
    return exercises.prompt_vectors(Z, lstm)


def on_the_test_set(validation, test):
    return test.max(axis=1).mean(), 0.0


def reports_validation(validation, test):
    _, optimism = exercises.reported_accuracy(validation, test)
    return validation.max(axis=1).mean(), optimism


def one_template_for_all(validation, test):
    column = validation.mean(axis=0).argmax()
    honest = test[:, column].mean()
    return honest, test.max(axis=1).mean() - honest


def wrong_optimism(validation, test):
    honest, _ = exercises.reported_accuracy(validation, test)
    return honest, validation.max(axis=1).mean() - honest


def table_forgotten(kind, tokens, dim):
    return theory.prompt_parameters(kind, tokens, dim) - (tokens * dim if kind != "embedding" else 0)


def biases_forgotten(kind, tokens, dim):
    return theory.prompt_parameters(kind, tokens, dim) - (3 * dim if kind == "mlp" else 0)


def one_direction(kind, tokens, dim):
    missing = 4 * (2 * dim * dim + 2 * dim) + 4 * (3 * dim * dim + 2 * dim)
    return theory.prompt_parameters(kind, tokens, dim) - (missing if kind == "lstm" else 0)


@pytest.mark.parametrize(
    ("id", "wrong", "reason"),
    [
        ("1", special_tokens_forgotten, r"begin with \[CLS\]"),
        ("1", cut_at_the_end, "pushed the blank out"),
        ("1", specials_not_counted, "has 18 tokens"),
        ("1", too_cautious, "keep as much text as fits"),
        ("1", blank_before, "wrong for one behind it"),
        ("1", never_refuses, "raise a ValueError"),
        ("2", one_class, r"the shape \(3, 2\)"),
        ("2", first_place_for_all, "differs from text to text"),
        ("2", probabilities, "return logits"),
        ("2", summed, "the mean, not the sum"),
        ("3", masked_gradient, "AdamW decays whatever it is given"),
        ("3", stopped_input_only, "must keep every bit"),
        ("3", in_place, "work on a copy"),
        ("3", does_nothing, "did not move"),
        ("3", rows_only, "the whole table"),
        ("3", with_history, "detached"),
        ("4", always_doubled, "Z itself"),
        ("4", token_by_token, "read each token alone"),
        ("4", without_mlp, "of six numbers"),
        ("4", detached, "no gradient reaches Z"),
        ("5", on_the_test_set, "you chose on the test measurements"),
        ("5", reports_validation, "what is reported is a \\*test\\* accuracy"),
        ("5", one_template_for_all, "in every row"),
        ("5", wrong_optimism, "the optimism is"),
        ("6", table_forgotten, "the table Z is learnt too"),
        ("6", biases_forgotten, "has a bias"),
        ("6", one_direction, "every layer counts twice"),
        ("6", lambda kind, tokens, dim: 1, "six vectors of 16 numbers"),
    ],
)
def test_wrong_answers_get_their_reason(id, wrong, reason):
    feedback = EXERCISES[id].check(wrong)
    assert feedback.correct is False
    assert re.search(reason, feedback.message), feedback.message


def test_what_the_exercises_say_is_true():
    validation, test = exercises._measurements(5, 0.0)
    assert exercises.reported_accuracy(validation, test)[1] == pytest.approx(
        0.05 * theory.expected_maximum(5), abs=0.002
    )
    assert exercises.trainable_parameters("embedding", 6, 768) == 4608
    assert round(exercises.trainable_parameters("lstm", 6, 768) / 1e6) == 27
    assert isinstance(validation, np.ndarray)
