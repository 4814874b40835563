"""python -m sjedu claims: what it prints and writes, and what its check says."""

from __future__ import annotations

from pathlib import Path

import pytest

from sjedu.course import claims_command
from sjedu.course.claims_command import main, page, readme
from sjedu.course.lessons import LESSONS, lesson
from sjedu.records import Check, Claim, Evidence, Ledger, Source, Theorem

README = "# sjedu\n\n<!-- lessons:begin -->\n<!-- lessons:end -->\n\nmore\n"
SOURCE = Source("course", "section 1")


def toy(room: str) -> Ledger:
    theorem = Theorem("T1", "1 + 1 = 2.", SOURCE, "By counting.", lambda: Check("Counted."))
    claim = Claim("C1", "It helps.", SOURCE, "p < 0.05", lambda: Evidence("0.5", True, "digits"))
    return Ledger(room, [theorem], [claim])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose rooms all have the same small ledger."""
    monkeypatch.setattr(claims_command, "ledger", toy)
    (tmp_path / "README.md").write_text(README, "utf-8")
    return tmp_path


def test_all_rooms_are_measured_printed_and_written(root, capsys):
    assert main([], root) == 0
    printed = capsys.readouterr().out
    for each in LESSONS:
        assert f"{each.title}\n\nProved here\n\nT1\n" in printed
        text = (root / "docs" / "claims" / f"{each.room}.md").read_text("utf-8")
        assert text == page(each, toy(each.room))
    assert "| [1 proved · 1 reproduced](docs/claims/wgan.md) |" in (root / "README.md").read_text("utf-8")


def test_what_was_written_is_not_stale(root, capsys):
    main([], root)
    capsys.readouterr()
    assert main(["--check"], root) == 0
    assert capsys.readouterr() == ("", "")


def test_check_names_what_is_stale_and_leaves_it(root, capsys):
    main([], root)
    stale = ["docs/claims/rope_2d.md", "README.md"]
    for name in stale:
        (root / name).write_text(
            (root / name).read_text("utf-8").replace("1 reproduced", "2 reproduced"), "utf-8"
        )
    (root / "docs" / "claims" / "wgan.md").unlink()
    capsys.readouterr()
    before = (root / "README.md").read_text("utf-8")
    assert main(["--check"], root) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(" is not what")[0] for line in told] == ["docs/claims/wgan.md", *stale]
    assert all(line.endswith("run python -m sjedu claims") for line in told)
    assert (root / "README.md").read_text("utf-8") == before


def test_a_named_room_is_printed_and_nothing_is_written(root, capsys):
    assert main(["rope_2d"], root) == 0
    printed = capsys.readouterr().out
    assert "RoPE in two dimensions" in printed
    assert "WGAN" not in printed
    assert (root / "README.md").read_text("utf-8") == README
    assert not (root / "docs").exists()
    assert main(["rope_2d", "--check"], root) == 1
    assert capsys.readouterr().err.startswith("docs/claims/rope_2d.md is not what")


def test_an_unknown_room_is_named(root, capsys):
    assert main(["rope_3d"], root) == 2
    assert "got 'rope_3d'; expected one of wgan, p_tuning" in capsys.readouterr().err


def test_the_table_of_lessons_is_slim():
    ledgers = {each.room: toy(each.room) for each in LESSONS}
    text = readme(README, ledgers)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[0] == "|  | lesson | question | minutes | what came out |"
    assert len(rows) == 2 + len(LESSONS)
    about = lesson("dirac_smoothing")
    assert rows[6] == (
        f"| 5 | [{about.title}](notebooks/05_dirac_smoothing.ipynb), after"
        f" [《{about.article.title_zh}》](https://kexue.fm/archives/8718) | {about.question} | {about.minutes} |"
        " [1 proved · 1 reproduced](docs/claims/dirac_smoothing.md) |"
    )
    assert text.endswith("<!-- lessons:end -->\n\nmore\n")


def test_a_page_says_whose_it_is_and_has_anchors():
    text = page(lesson("rope_2d"), toy("rope_2d"))
    assert "\n# Lesson 3: RoPE in two dimensions\n" in text
    assert '<a id="rope_2d-C1"></a>**C1 ✓ reproduced.** It helps.' in text
