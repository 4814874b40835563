"""Statements and requests with meanings, from a seeded grammar: text and meaning, there and back.

The meaning is a frame, a subject, an entity with or without a colour, and a value, yes or no::

    like     我喜欢北京 / 北京我很喜欢            我不喜欢北京 / 我讨厌北京 / 北京我一点也不喜欢
    want     妈妈想买一辆红色的车 / ...           妈妈不想买红车 / 妈妈没打算买红色的车
    good     这部手机不错 / 手机很好              手机不好 / 手机很差 / 手机真糟糕
    request  给我推荐一款红色的车 / 麻烦来一辆红车  (always yes)
    thing    红色的苹果 / 红苹果                   (always yes)

A no is said in several ways: 不, 没, 并不, 一点也不, or by a word of its own (讨厌, 差). So meaning and wording
come apart: 我喜欢北京 and 我不喜欢北京 differ in one character and mean the opposite; 我讨厌北京 and 北京我不喜欢
share little and mean the same. Labels follow from meanings (`relation`, `same_topic`), nobody typed them. This
is a toy: nothing else of what negation does in Chinese is here.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, TypeAlias, get_args

from sjedu.checks import check_choice
from sjedu.data.text.meanings import meanings

Frame: TypeAlias = Literal["like", "want", "good", "request", "thing"]
Relation: TypeAlias = Literal["entailment", "neutral", "contradiction"]
StatementLevel: TypeAlias = Literal["train", "combination", "entity"]

#: Entities by kind. Things have a measure word, come in colours and can be bought.
THINGS: dict[str, str] = {
    "车": "辆", "手机": "部", "苹果": "个", "衣服": "件", "裙子": "条", "帽子": "顶", "杯子": "个",
    "花": "束", "鞋子": "双",
    "沙发": "张", "气球": "个", "围巾": "条", "书包": "个", "自行车": "辆", "椅子": "把",
}  # fmt: skip
PLACES = ("北京", "上海", "广州", "成都", "杭州", "西安", "南京", "青岛", "苏州", "厦门")
PASTIMES = ("电影", "音乐", "足球", "游泳", "下棋", "跑步", "画画", "唱歌", "爬山", "摄影")
JUDGED = ("天气", "电影", "音乐", "手机", "车", "酒店", "饭菜", "老师", "学校", "沙发", "自行车", "风景")
COLOURS = ("红", "黑", "白", "绿", "蓝", "黄", "紫", "粉")
SUBJECTS = ("我", "他", "她", "妈妈", "爸爸", "小明", "老师", "我们")
#: The subject that every other one is a case of.
SOMEBODY = "有人"
HELD_OUT_STATEMENT_ENTITIES = frozenset({"自行车", "椅子", "书包", "苏州", "厦门", "爬山", "摄影", "风景"})

#: Of each frame and value: the ways to say it; {s} is the subject, {e} the entity with its colour, {m} the same
#: with a measure word.
_GRAMMAR = """
like     yes  {s}喜欢{e} {s}很喜欢{e} {s}非常喜欢{e} {s}爱{e} {e}{s}很喜欢 {s}对{e}很着迷
like     no   {s}不喜欢{e} {s}讨厌{e} {s}并不喜欢{e} {s}一点也不喜欢{e} {e}{s}不喜欢 {s}很反感{e} {s}没喜欢过{e}
want     yes  {s}想买{m} {s}要买{m} {s}打算买{m} {s}准备买{m} {s}想要{m} {m}{s}想买
want     no   {s}不想买{e} {s}不要{e} {s}没打算买{e} {s}不准备买{e} {s}并不想要{e} {e}{s}不想买 {s}拒绝买{e}
good     yes  {e}不错 {e}很好 {e}真棒 {e}挺好的 {e}非常好 这{e}好极了
good     no   {e}不好 {e}很差 {e}真糟糕 {e}不怎么好 {e}不行 {e}一点也不好 这{e}没那么好
request  yes  给我推荐一款{e} 推荐{m} 麻烦来{m} 请帮我找{m} 我需要{m}，有吗 有没有{e}推荐
thing    yes  {e} {m}
"""
_FORMS: dict[tuple[str, bool], tuple[str, ...]] = {
    (frame, value == "yes"): tuple(forms)
    for frame, value, *forms in map(str.split, _GRAMMAR.strip().splitlines())
}

_OPENINGS = ("", "其实", "说实话，", "听说")
_FRAMES: tuple[Frame, ...] = get_args(Frame)
_WITHOUT_SUBJECT = ("good", "request", "thing")


@dataclass(frozen=True)
class Statement:
    """The meaning of a statement.

    Attributes:
        frame: "like", "want", "good", "request" or "thing".
        entity: what it is about.
        value: yes or no; requests and things are always True.
        subject: who likes or wants; None in the other frames.
        colour: of the entity, or None where it is left open.

    Raises:
        ValueError: if the parts do not go together; says which.
    """

    frame: Frame
    entity: str
    value: bool = True
    subject: str | None = None
    colour: str | None = None

    def __post_init__(self) -> None:
        check_choice("frame", self.frame, _FRAMES)
        check_choice(f"entity of {self.frame}", self.entity, statement_entities(self.frame))
        if self.colour is not None and (self.colour not in COLOURS or self.entity not in THINGS):
            raise ValueError(
                f"colour of {self.entity}: only things have one of {COLOURS}, got {self.colour!r}"
            )
        if self.frame in ("request", "thing") and not self.value:
            raise ValueError(f"value of a {self.frame} is always True, got {self.value}")
        if self.frame == "thing" and self.colour is None:
            raise ValueError("colour: a thing is named with its colour, got None")
        check_choice(f"subject of {self.frame}", self.subject, _subjects(self.frame))


def statement_entities(frame: Frame) -> tuple[str, ...]:
    """Return what a frame's statements may be about."""
    return {
        "like": (*THINGS, *PLACES, *PASTIMES),
        "want": tuple(THINGS),
        "good": JUDGED,
        "request": tuple(THINGS),
        "thing": tuple(THINGS),
    }[frame]


def _subjects(frame: Frame) -> Sequence[str | None]:
    return (None,) if frame in _WITHOUT_SUBJECT else (*SUBJECTS, SOMEBODY)


def statement_level(statement: Statement) -> StatementLevel:
    """Return what is new about a statement to a model that was trained on the level "train".

    "entity" where the entity is held out, else "combination" where this colour, or this subject, was never
    said of this entity, else "train". Frame and value do not matter: who knows 我喜欢北京 has met its negation.
    """
    if statement.entity in HELD_OUT_STATEMENT_ENTITIES:
        return "entity"
    place = [*THINGS, *PLACES, *PASTIMES, *JUDGED].index(statement.entity)
    if statement.colour is not None and (place + COLOURS.index(statement.colour)) % 5 == 0:
        return "combination"
    if statement.subject in SUBJECTS and (place + SUBJECTS.index(statement.subject)) % 7 == 3:
        return "combination"
    return "train"


def sample_statement(
    rng: random.Random, *, frame: Frame | None = None, level: StatementLevel = "train"
) -> Statement:
    """Draw a meaning of one level, of one frame or of any."""
    check_choice("frame", frame, (*_FRAMES, None))
    check_choice("level", level, get_args(StatementLevel))
    chosen = frame or rng.choices(_FRAMES, (4, 3, 3, 2, 1))[0]
    while True:
        drawn = _draw(chosen, rng)
        if statement_level(drawn) == level:
            return drawn
        if frame is None and chosen == "good" and level == "combination":
            chosen = "like"  # judgements have no subject, and few have a colour


def _draw(frame: Frame, rng: random.Random) -> Statement:
    entity = rng.choice(statement_entities(frame))
    coloured = entity in THINGS and (frame == "thing" or rng.random() < 0.5)
    return Statement(
        frame,
        entity,
        value=frame in ("request", "thing") or rng.random() < 0.5,
        subject=None if frame in _WITHOUT_SUBJECT else rng.choice((*SUBJECTS, SOMEBODY)),
        colour=rng.choice(COLOURS) if coloured else None,
    )


def write_statement(statement: Statement, rng: random.Random, *, opening: float = 0.15) -> str:
    """Put a meaning into words; `parse_statement` is the inverse."""
    before = rng.choice(_OPENINGS[1:]) if rng.random() < opening and statement.frame != "thing" else ""
    return before + rng.choice(wordings(statement))


@cache
def wordings(statement: Statement) -> tuple[str, ...]:
    """Return every way to say it, without an opening."""
    forms = _FORMS[statement.frame, statement.value]
    return tuple(dict.fromkeys(text for form in forms for text in _fill(form, statement)))


def parse_statement(text: str) -> Statement:
    """Read the meaning back from a text of the grammar.

    Raises:
        ValueError: if the text is not one of the grammar.
    """
    for opening in _OPENINGS:
        if text.startswith(opening) and text.removeprefix(opening) in _table():
            return _table()[text.removeprefix(opening)]
    raise ValueError(f"text: {text!r} is no statement of this grammar")


def opposite(statement: Statement) -> Statement:
    """Return the same statement with the other value, which requests and things do not have."""
    return replace(statement, value=not statement.value)


def same_topic(a: Statement, b: Statement) -> bool:
    """Whether both are about the same entity: what a careless label calls alike."""
    return a.entity == b.entity


def relation(premise: Statement, hypothesis: Statement) -> Relation:
    """Return what the premise says about the hypothesis, as in natural language inference.

    With the same frame and entity: a case of it entails it (妈妈 for 有人; 红色的车 for 车 where something is liked,
    wanted or asked for, 车 for 红色的车 where it is refused); the same with the other value contradicts it, and so
    does another colour asked for or named. Everything else is neutral.
    """
    if (premise.frame, premise.entity) != (hypothesis.frame, hypothesis.entity):
        return "neutral"
    if premise.value == hypothesis.value:
        narrow, wide = (premise, hypothesis) if premise.value else (hypothesis, premise)
        # Of a thing that is good nothing follows for all of its kind, nor the other way round.
        drops_colour = wide.colour is None and premise.frame != "good"
        covers = hypothesis.subject in (premise.subject, SOMEBODY)
        if covers and (narrow.colour == wide.colour or drops_colour):
            return "entailment"
        recoloured = premise.frame in ("request", "thing") and None not in (premise.colour, hypothesis.colour)
        return "contradiction" if recoloured else "neutral"
    same = (premise.subject, premise.colour) == (hypothesis.subject, hypothesis.colour)
    # That somebody likes it and that somebody does not may both be true.
    return "contradiction" if same and premise.subject != SOMEBODY else "neutral"


def statement_words() -> tuple[str, ...]:
    """Return entities of more than one character, and the verbs: for whole-word masking."""
    words = {*THINGS, *PLACES, *PASTIMES, *JUDGED, "喜欢", "讨厌", "打算", "准备", "推荐", "糟糕", "不错"}
    return tuple(sorted(word for word in words if len(word) > 1))


def _fill(form: str, statement: Statement) -> Iterator[str]:
    measure = THINGS.get(statement.entity, "")
    for noun in _nouns(statement):
        yield form.format(s=statement.subject, e=noun, m=f"一{measure}{noun}")


def _nouns(statement: Statement) -> tuple[str, ...]:
    if statement.colour is None:
        return (statement.entity,)
    return f"{statement.colour}色的{statement.entity}", f"{statement.colour}{statement.entity}"


@cache
def _table() -> dict[str, Statement]:
    """Every statement that the grammar can make, but for openings, with its meaning."""
    return meanings((text, statement) for statement in _all() for text in wordings(statement))


def _all() -> Iterator[Statement]:
    for frame in _FRAMES:
        values = (True,) if frame in ("request", "thing") else (True, False)
        for entity in statement_entities(frame):
            colours: tuple[str | None, ...] = COLOURS if entity in THINGS else ()
            if frame != "thing":
                colours = (None, *colours)
            for subject, colour, value in itertools.product(_subjects(frame), colours, values):
                yield Statement(frame, entity, value, subject, colour)
