"""Published text by name: what a folder gives, what the hub gives, what a damaged file is called. No net is used."""

import gzip
import hashlib
import inspect
import sys
from types import SimpleNamespace

import pytest

from sjedu.data import DamagedData, DataNotFound
from sjedu.data.text import TEXT_SETS, load_texts

load = inspect.unwrap(load_texts)


def write(path, *rows, compress=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join("\t".join(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if compress else content)
    return path


PAIRS = (("text_a", "text_b", "label"), ('他说"你好', "你好\u2028吗", "1"), ("天", "地", "0"))


@pytest.mark.parametrize("compress", [True, False])
def test_pairs_are_read_as_they_are(tmp_path, compress):
    name = "train.tsv.gz" if compress else "train.tsv"
    write(tmp_path / "pairs/lcqmc" / name, *PAIRS, compress=compress)
    texts = load("lcqmc", folder=tmp_path)
    assert texts.first == ('他说"你好', "天")  # a quote is a character like others
    assert texts.second == ("你好\u2028吗", "地")  # and so is a separator of lines
    assert (texts.labels, texts.classes, len(texts)) == ((1, 0), ("0", "1"), 2)
    assert "LCQMC" in texts.source
    assert f"pairs/lcqmc/{name}" in texts.source


def test_single_texts_and_folds(tmp_path):
    rows = (
        ("text", "label", "fold"),
        ("好", "Positive", "0"),
        ("坏", "Negative", "1"),
        ("棒", "Positive", "1"),
    )
    write(tmp_path / "fewclue/eprstmt/train.tsv.gz", *rows)
    texts = load("eprstmt", folder=tmp_path)
    assert texts.second is None
    assert texts.fold(1).first == ("坏", "棒")
    assert texts.fold(1).labels == (0, 1)
    with pytest.raises(ValueError, match="number: got 2; expected one of 0, 1"):
        texts.fold(2)


def test_texts_without_labels(tmp_path):
    write(tmp_path / "fewclue/bustm/unlabeled.tsv.gz", ("text_a", "text_b"), ("一", "二"))
    assert load("bustm", "unlabeled", folder=tmp_path).labels is None
    write(
        tmp_path / "corpus/tatoeba_zh_en.tsv.gz", ("text_zh", "text_en", "attribution"), ("嗨。", "Hi.", "CC")
    )
    assert load("tatoeba", folder=tmp_path).first == ("嗨。",)


def test_classes_are_those_of_the_training_file(tmp_path):
    write(tmp_path / "fewclue/tnews/train.tsv.gz", ("text", "label"), ("a", "x"), ("b", "y"), ("c", "z"))
    write(tmp_path / "fewclue/tnews/test.tsv.gz", ("text", "label"), ("d", "z"))
    texts = load("tnews", "test", folder=tmp_path)
    assert (texts.classes, texts.labels) == (("x", "y", "z"), (2,))


def test_a_larger_training_file_comes_first(tmp_path):
    for name, text in (("train_10k", "short"), ("train_50k", "long")):
        write(tmp_path / f"nli/ocnli/{name}.tsv.gz", PAIRS[0], (text, "b", "neutral"))
    assert load("ocnli", folder=tmp_path).first == ("long",)


def test_the_folder_may_be_named_by_the_environment(tmp_path, monkeypatch):
    write(tmp_path / "pairs/bq/valid.tsv.gz", *PAIRS)
    monkeypatch.setenv("SJEDU_DATA", str(tmp_path))
    assert len(load_texts("bq", "valid")) == 2


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("text_a", "label"), ("a", "1")), "has the columns text_a, label; text_b is missing"),
        ((PAIRS[0], ("a", "b")), "line 2 has 2 fields, the first has 3"),
        ((PAIRS[0], ("a", "b", "2")), "has the labels 2, expected 0, 1"),
        ((PAIRS[0],), "a table without rows"),
    ],
)
def test_damaged_tables_are_named(tmp_path, rows, message):
    write(tmp_path / "pairs/lcqmc/train.tsv.gz", *rows)
    with pytest.raises(DamagedData, match=message):
        load("lcqmc", folder=tmp_path)


def test_damaged_files_are_named(tmp_path):
    path = write(tmp_path / "pairs/lcqmc/train.tsv.gz", *PAIRS)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DamagedData, match="not a whole UTF-8 text"):
        load("lcqmc", folder=tmp_path)
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(b'').hexdigest()}  pairs/lcqmc/train.tsv.gz\n")
    with pytest.raises(DamagedData, match="its SHA-256 is not"):
        load("lcqmc", folder=tmp_path)


@pytest.mark.parametrize("name", [name for name, each in TEXT_SETS.items() if each.hub is None])
def test_without_a_file_the_error_says_how_to_get_one(name, tmp_path, monkeypatch):
    with pytest.raises(DataNotFound) as caught:
        load(name, folder=tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{name}, train: no local file {TEXT_SETS[name].folder}/train.tsv.gz")
    assert TEXT_SETS[name].how in message
    monkeypatch.delenv("SJEDU_DATA", raising=False)
    with pytest.raises(DataNotFound, match=r"\(SJEDU_DATA names no folder\)"):
        load(name)


class Rows(list):
    def __init__(self, rows, names=None, label="label"):
        super().__init__(rows)
        self.features = {label: SimpleNamespace(names=names)}


@pytest.fixture
def hub(monkeypatch):
    """A stand-in for 🤗 Datasets; set `hub.answer` to what it gives or raises."""
    stand_in = SimpleNamespace(asked=[], answer=None)

    def load_dataset(repository, config, *, split):
        stand_in.asked.append((repository, config, split))
        if isinstance(stand_in.answer, Exception):
            raise stand_in.answer
        return stand_in.answer

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    return stand_in


def test_open_sets_come_from_the_hub(hub, tmp_path):
    hub.answer = Rows(
        [{"sentence1": "a", "sentence2": "b", "label": 1}, {"sentence1": "", "sentence2": "", "label": 0}]
    )
    texts = load("paws_x", "valid", folder=tmp_path)
    assert (texts.first, texts.second, texts.labels) == (("a",), ("b",), (1,))  # empty pairs are no pairs
    assert hub.asked == [("google-research-datasets/paws-x", "zh", "validation")]
    assert "Hugging Face hub" in texts.source


def test_numbers_of_the_hub_become_names(hub, tmp_path):
    names = ["neutral", "entailment", "contradiction"]
    rows = [{"sentence1": "a", "sentence2": "b", "label": label} for label in (1, -1, 2)]
    hub.answer = Rows(rows, names)
    texts = load("ocnli", folder=tmp_path)
    assert [texts.classes[label] for label in texts.labels] == ["entailment", "contradiction"]


def test_without_a_net_the_error_says_what_to_do(hub, tmp_path):
    hub.answer = ConnectionError("no route")
    with pytest.raises(
        DataNotFound, match=r"C-MTEB/ATEC could not be had .*ConnectionError: no route.*try again"
    ):
        load("atec", folder=tmp_path)


def test_without_datasets_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataNotFound, match=r"pip install 'sjedu\[data\]'"):
        load("paws_x", folder=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("imdb",), "name: got 'imdb'; expected one of 'lcqmc', "),
        (
            ("lcqmc", "dev"),
            "split of lcqmc: got 'dev'; expected one of 'train', 'valid', 'test', 'unlabeled'",
        ),
        (("tatoeba", "test"), "split of tatoeba: got 'test'; expected one of 'train'"),
    ],
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load(*arguments)
