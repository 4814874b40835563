"""Published Chinese text by name: ``load_texts("paws_x", "train")``.

Looked for in the folder named by SJEDU_DATA::

    pairs/atec/, pairs/lcqmc/, pairs/bq/, pairs/pawsx_zh/, pairs/stsb_zh/                       text_a, text_b, label
    nli/ocnli/, nli/cmnli/, nli/cnli/, nli/snli_zh/                                             text_a, text_b, label
    sentiment/reviews_bojone/, hotel_chnsenticorp/, waimai_10k/, online_shopping_10_cats/        text, label
    fewclue/eprstmt/, tnews/, csldcp/, bustm/, ocnli/                                            and a column fold
    corpus/tatoeba_zh_en.tsv.gz                                                                  text_zh, attribution

each a ``train.tsv.gz``, ``valid.tsv.gz``, ``test.tsv.gz`` (or plain ``.tsv``): UTF-8, a line of column names, tab
separated, no quoting. Some sets also stand on the Hugging Face hub and come from there with 🤗 Datasets
(``pip install 'sjedu[data]'``). Others are handed out by their owners only: the error says by whom.
"""

from __future__ import annotations

import dataclasses
import gzip
import itertools
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from sjedu.checks import check_choice
from sjedu.data.files import (
    FOLDER_VARIABLE,
    DamagedData,
    DataNotFound,
    check_stated_digest,
    find,
    local_folder,
)

TextSplit: TypeAlias = Literal["train", "valid", "test", "unlabeled"]

_NLI = ("entailment", "neutral", "contradiction")
_BINARY = ("0", "1")


@dataclass(frozen=True)
class Texts:
    """Texts or pairs of texts, with or without labels.

    Attributes:
        first: the texts, or the first text of each pair.
        second: the second text of each pair; None for single texts.
        labels: of each, an index into `classes`; None without labels.
        classes: their names; of graded pairs "0" .. "5", how alike they are.
        folds: of few-shot sets, which of the official draws an example belongs to; else None.
        source: in a sentence, whose texts these are, how many, on what terms, and where they came from.
    """

    first: tuple[str, ...]
    second: tuple[str, ...] | None
    labels: tuple[int, ...] | None
    classes: tuple[str, ...]
    folds: tuple[int, ...] | None
    source: str

    def __len__(self) -> int:
        return len(self.first)

    def fold(self, number: int) -> Texts:
        """Return the examples of one official draw."""
        folds = self.folds or ()
        check_choice("number", number, sorted(set(folds)))
        chosen = [each == number for each in folds]
        return dataclasses.replace(
            self,
            first=tuple(itertools.compress(self.first, chosen)),
            second=self.second and tuple(itertools.compress(self.second, chosen)),
            labels=self.labels and tuple(itertools.compress(self.labels, chosen)),
            folds=tuple(itertools.compress(folds, chosen)),
            source=f"{self.source}, fold {number}",
        )


@dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub: its columns are sentence1, sentence2 and one of labels."""

    repository: str
    config: str | None
    label: str


@dataclass(frozen=True)
class TextSet:
    """A published set.

    Attributes:
        folder: in the folder of data sets.
        about: whose it is, and on what terms.
        how: how to get it.
        classes: names of the labels; empty where the training file says them.
        columns: of the text, or of the two texts of a pair.
        files: names of a split's file, other than <split>.tsv.gz, that will do as well.
        hub: where it stands on the hub.
    """

    folder: str
    about: str
    how: str
    classes: tuple[str, ...] = _BINARY
    columns: tuple[str, ...] = ("text_a", "text_b")
    files: tuple[str, ...] = ()
    hub: Hub | None = None


_COMMUNITY = "github.com/SophonPlus/ChineseNlpCorpus"
_FEWCLUE = "FewCLUE (Xu et al., arXiv 2107.07498, terms not stated)"
_GET_FEWCLUE = "get it from github.com/CLUEbenchmark/FewCLUE"
_SINGLE = ("text",)

#: The data sets by name.
TEXT_SETS: dict[str, TextSet] = {
    "lcqmc": TextSet(
        "pairs/lcqmc",
        "LCQMC (Liu et al. 2018, Harbin Institute of Technology, Shenzhen; on application)",
        "apply for it at icrc.hitsz.edu.cn/Article/show/171.html",
    ),
    "bq": TextSet(
        "pairs/bq",
        "BQ corpus (Chen et al. 2018, Harbin Institute of Technology, Shenzhen; on application)",
        "apply for it at icrc.hitsz.edu.cn/Article/show/175.html",
    ),
    "atec": TextSet(
        "pairs/atec",
        "ATEC semantic similarity competition (Ant Financial 2018, terms not stated)",
        "get it from huggingface.co/datasets/C-MTEB/ATEC",
        hub=Hub("C-MTEB/ATEC", None, "score"),
    ),
    "paws_x": TextSet(
        "pairs/pawsx_zh",
        "PAWS-X, Chinese (Yang et al., arXiv 1908.11828; free for any purpose, Google asks to be named)",
        "get it from github.com/google-research-datasets/paws",
        hub=Hub("google-research-datasets/paws-x", "zh", "label"),
    ),
    "sts_b": TextSet(
        "pairs/stsb_zh",
        "Chinese STS-B (CNSD, translated from the STS benchmark, terms not stated)",
        "get it from github.com/pluto-junzeng/CNSD",
        classes=tuple("012345"),
        hub=Hub("C-MTEB/STSB", None, "score"),
    ),
    "ocnli": TextSet(
        "nli/ocnli",
        "OCNLI (Hu et al., arXiv 2010.05444, CC BY-NC 2.0)",
        "get it from github.com/CLUEbenchmark/OCNLI",
        classes=_NLI,
        files=("train_50k", "train_10k"),
        hub=Hub("clue/clue", "ocnli", "label"),
    ),
    "cmnli": TextSet(
        "nli/cmnli",
        "CMNLI of CLUE (Xu et al., arXiv 2004.05986; translated, for research)",
        "get it from github.com/CLUEbenchmark/CLUE",
        classes=_NLI,
        hub=Hub("clue/clue", "cmnli", "label"),
    ),
    "cnli": TextSet(
        "nli/cnli",
        "CNLI (CCL 2018 shared task, translated SNLI and MultiNLI, terms not stated)",
        "get it from github.com/blcunlp/CNLI",
        classes=_NLI,
    ),
    "snli_zh": TextSet(
        "nli/snli_zh",
        "Chinese SNLI (CNSD, translated, for research)",
        "get it from github.com/pluto-junzeng/CNSD",
        classes=_NLI,
    ),
    "reviews": TextSet(
        "sentiment/reviews_bojone",
        "the reviews of bert4keras' examples (Su Jianlin, terms not stated)",
        "get sentiment.zip from github.com/bojone/bert4keras/tree/master/examples/datasets",
        columns=_SINGLE,
    ),
    "hotel": TextSet(
        "sentiment/hotel_chnsenticorp",
        "ChnSentiCorp hotel reviews (Tan Songbo, terms not stated)",
        f"get ChnSentiCorp_htl_all from {_COMMUNITY}",
        columns=_SINGLE,
    ),
    "waimai": TextSet(
        "sentiment/waimai_10k",
        "waimai_10k, reviews of food deliveries (terms not stated)",
        f"get it from {_COMMUNITY}",
        columns=_SINGLE,
    ),
    "shopping": TextSet(
        "sentiment/online_shopping_10_cats",
        "online_shopping_10_cats, reviews of ten kinds of goods (terms not stated)",
        f"get it from {_COMMUNITY}",
        columns=_SINGLE,
    ),
    "eprstmt": TextSet("fewclue/eprstmt", _FEWCLUE, _GET_FEWCLUE, ("Negative", "Positive"), _SINGLE),
    "tnews": TextSet("fewclue/tnews", _FEWCLUE, _GET_FEWCLUE, (), _SINGLE),
    "csldcp": TextSet("fewclue/csldcp", _FEWCLUE, _GET_FEWCLUE, (), _SINGLE),
    "bustm": TextSet("fewclue/bustm", _FEWCLUE, _GET_FEWCLUE),
    "fewclue_ocnli": TextSet("fewclue/ocnli", f"{_FEWCLUE}, OCNLI CC BY-NC 2.0", _GET_FEWCLUE, _NLI),
    "tatoeba": TextSet(
        "corpus",
        "Tatoeba sentences (tatoeba.org, CC BY 2.0 FR, attribution in the file)",
        "get cmn-eng.zip from manythings.org/anki and name its columns text_en, text_zh, attribution",
        classes=(),
        columns=("text_zh",),
        files=("tatoeba_zh_en",),
    ),
}


def load_texts(name: str, split: TextSplit = "train", *, folder: str | Path | None = None) -> Texts:
    """Return one split of a published set.

    Args:
        name: a key of `TEXT_SETS`.
        split: "train", "valid", "test", or "unlabeled" for the texts without labels of few-shot sets. Tatoeba
            has only "train".
        folder: of data sets; by default the one that the environment variable SJEDU_DATA names.

    Raises:
        DataNotFound: if it is neither in the folder nor to be had from the hub; says what was looked for,
            where, and how to get it.
        DamagedData: if a file is not what it should be; says which and where.
    """
    check_choice("name", name, tuple(TEXT_SETS))
    check_choice(f"split of {name}", split, ("train",) if name == "tatoeba" else get_args(TextSplit))
    wanted, root = TEXT_SETS[name], local_folder(folder)
    stems = (split, *(wanted.files if split == "train" else ()))
    patterns = [f"{wanted.folder}/{stem}.tsv{gz}" for stem in stems for gz in (".gz", "")]
    path = find(root, patterns)
    if path is None or root is None:
        return _from_hub(name, wanted, split, root, patterns)
    check_stated_digest(root, path)
    return _texts(wanted, split, path, read_tsv(path), f"from {path.relative_to(root).as_posix()}")


def read_tsv(path: Path) -> dict[str, tuple[str, ...]]:
    """Read a table of UTF-8 text, gzipped or not: a line of column names, tabs, no quoting. Columns by name.

    Raises:
        DamagedData: if it is not such a table; says in which line.
    """
    try:
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DamagedData(path, f"not a whole UTF-8 text ({error})") from error
    # Not splitlines: that also splits at characters that sentences may contain.
    rows = [line.removesuffix("\r").split("\t") for line in text.removesuffix("\n").split("\n")]
    names = rows[0]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(names):
            raise DamagedData(path, f"line {number} has {len(row)} fields, the first has {len(names)}")
    if len(rows) < 2:
        raise DamagedData(path, "a table without rows")
    return dict(zip(names, zip(*rows[1:], strict=True), strict=True))


def _texts(wanted: TextSet, split: str, path: Path, columns: dict[str, tuple[str, ...]], where: str) -> Texts:
    if missing := [name for name in wanted.columns if name not in columns]:
        raise DamagedData(path, f"has the columns {', '.join(columns)}; {', '.join(missing)} is missing")
    first = columns[wanted.columns[0]]
    second = columns[wanted.columns[1]] if len(wanted.columns) > 1 else None
    labels, classes = None, wanted.classes
    if "label" in columns:
        classes = classes or _classes_of_training(path)
        if unknown := sorted(set(columns["label"]) - set(classes)):
            raise DamagedData(path, f"has the labels {', '.join(unknown)}, expected {', '.join(classes)}")
        places = {label: place for place, label in enumerate(classes)}
        labels = tuple(places[label] for label in columns["label"])
    folds = tuple(map(int, columns["fold"])) if "fold" in columns else None
    source = f"{wanted.about}: {len(first)} {split} {'pairs' if second else 'texts'}, {where}"
    return Texts(first, second, labels, classes, folds, source)


def _classes_of_training(path: Path) -> tuple[str, ...]:
    """The labels of the training file beside another split's, which may lack some."""
    training = path.with_name("train" + path.name[path.name.index(".") :])
    return tuple(sorted(set(read_tsv(training if training.is_file() else path)["label"])))


def _from_hub(name: str, wanted: TextSet, split: str, root: Path | None, patterns: Sequence[str]) -> Texts:
    where = f"in {root}" if root is not None else f"({FOLDER_VARIABLE} names no folder)"
    missing = f"{name}, {split}: no local file {' or '.join(patterns)} {where}"
    remedy = f"{wanted.how} and put it there, as text with the columns {', '.join(wanted.columns)} and label"
    if wanted.hub is None or split == "unlabeled":
        raise DataNotFound(f"{missing}; {remedy}")
    try:
        from datasets import load_dataset
    except ImportError:
        raise DataNotFound(
            f"{missing}, and the hub needs 🤗 Datasets: run `pip install 'sjedu[data]'`; or {remedy}"
        ) from None
    hub = wanted.hub
    try:
        rows = load_dataset(hub.repository, hub.config, split="validation" if split == "valid" else split)
    except Exception as error:  # whatever the transport raises when there is no net
        raise DataNotFound(
            f"{missing}, and {hub.repository} could not be had from the Hugging Face hub"
            f" ({type(error).__name__}: {error}); try again with a connection, or {remedy}"
        ) from error
    return _hub_texts(wanted, hub, split, rows)


def _hub_texts(wanted: TextSet, hub: Hub, split: str, rows: Any) -> Texts:
    names = getattr(rows.features[hub.label], "names", None)  # NLI labels are numbers with names
    kept = [row for row in rows if row[hub.label] != -1 and row["sentence1"] and row["sentence2"]]
    labels = [str(names[row[hub.label]] if names else row[hub.label]) for row in kept]
    columns = {
        "text_a": tuple(row["sentence1"] for row in kept),
        "text_b": tuple(row["sentence2"] for row in kept),
        "label": tuple(labels),
    }
    where = f"from {hub.repository} on the Hugging Face hub"
    return _texts(wanted, split, Path(hub.repository), columns, where)
