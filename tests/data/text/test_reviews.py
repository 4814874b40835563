"""Reviews: every text means what it was made from; labels and verdicts are what they are said to be."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sjedu.data.text import (
    DOMAINS,
    HELD_OUT_VERDICTS,
    VERDICTS,
    Opinion,
    Review,
    aspects,
    parse_review,
    sample_review,
    write_review,
    write_verdict,
)

SEEDS = st.integers(0, 2**32)


@given(seed=SEEDS, domain=st.sampled_from(DOMAINS), words=st.sampled_from([VERDICTS, HELD_OUT_VERDICTS]))
def test_a_text_is_read_as_what_was_written(seed, domain, words):
    rng = random.Random(seed)
    review = sample_review(rng, domain=domain, verdict_rate=0.8, contrast_rate=0.5)
    assert parse_review(write_review(review, rng, verdicts=words)) == review


def test_every_clause_of_the_grammar_is_read():
    rng = random.Random(0)
    for domain in DOMAINS:
        for aspect in aspects(domain):
            for positive in (True, False):
                review = Review(domain, (Opinion(aspect, positive),))
                texts = {write_review(review, rng, opening=0.0) for _ in range(60)}
                assert len(texts) > 20
                assert {parse_review(text) for text in texts} == {review}


@given(seed=SEEDS, label=st.booleans())
def test_the_label_is_the_majority_of_what_counts(seed, label):
    review = sample_review(random.Random(seed), label=label, contrast_rate=0.5)
    counted = [opinion.positive for opinion in review.opinions if not opinion.conceded]
    assert review.label == label == (sum(counted) * 2 > len(counted))


def test_a_concession_does_not_count():
    review = parse_review(
        "菜价很便宜，虽然味道很好吃，但是上菜很慢，分量太少了。".replace("太少了", "有点少")
    )
    assert review.opinions == (
        Opinion("price", True),
        Opinion("taste", True, conceded=True),
        Opinion("speed", False),
        Opinion("portion", False),
    )
    assert not review.label


@pytest.mark.parametrize(
    ("text", "positive"), [("菜价一点也不贵。", True), ("味道不怎么好吃。", False), ("菜价有点贵。", False)]
)
def test_a_denied_word_turns_around(text, positive):
    assert parse_review(text).label is positive


@pytest.mark.parametrize("agreement", [0.5, 0.95])
def test_verdicts_agree_as_often_as_they_should(agreement):
    rng = random.Random(0)
    drawn = [sample_review(rng, verdict_rate=1.0, verdict_agreement=agreement) for _ in range(4000)]
    found = sum(review.verdict == review.label for review in drawn) / len(drawn)
    assert found == pytest.approx(agreement, abs=0.04)  # five standard deviations


def test_opinions_agree_as_often_as_they_should():
    rng = random.Random(0)
    drawn = [sample_review(rng, contrast_rate=0.0) for _ in range(4000)]
    pairs = [opinion.positive == review.label for review in drawn for opinion in review.opinions]
    # Rather more often than 0.95: where the majority would be against the label, all are made to agree.
    assert 0.94 < sum(pairs) / len(pairs) < 0.97


@given(seed=SEEDS, pleased=st.booleans(), word=st.sampled_from(VERDICTS))
def test_a_verdict_says_whether_one_is_pleased(seed, pleased, word):
    text = write_verdict(pleased, random.Random(seed), [word])
    assert text.endswith(word)
    assert ("不" in text) != pleased


def test_equal_seeds_give_equal_reviews():
    texts = [write_review(sample_review(rng), rng) for rng in (random.Random(3), random.Random(3))]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Review("car", ()), "domain: got 'car'; expected one of 'restaurant', "),
        (
            lambda: Review("book", (Opinion("taste", True),)),
            "aspect of book: got 'taste'; expected one of 'story', ",
        ),
        (lambda: Review("book", ()), "as many are positive as negative"),
        (
            lambda: Review("book", (Opinion("story", True, conceded=True),)),
            "a concession must be followed by its opposite, got None",
        ),
        (
            lambda: Review("book", (Opinion("story", True, conceded=True), Opinion("style", True))),
            "a concession must be followed by its opposite",
        ),
        (
            lambda: sample_review(random.Random(0), agreement=1.5),
            "agreement: got 1.5; expected a number from 0 to 1",
        ),
        (lambda: sample_review(random.Random(0), domain="car"), "domain: got 'car'; expected one of"),
        (
            lambda: write_verdict(True, random.Random(0), ["好"]),
            "verdicts: got '好'; expected one of '满意', ",
        ),
        (lambda: parse_review("今天天气不错。"), "'今天天气不错' is no clause of this grammar"),
        (
            lambda: parse_review("味道很好吃，屏幕很清晰。"),
            r"its clauses are of the domains \['phone', 'restaurant'\]",
        ),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
