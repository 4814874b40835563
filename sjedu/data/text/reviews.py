"""Reviews with a sentiment, from a seeded grammar: text and meaning, there and back.

A review is an opening, three to five clauses and in some reviews a verdict::

    上周去了这家餐厅，味道很鲜美，上菜速度并不慢，虽然菜价有点贵，但是服务员特别热情，总之我很满意。

A clause is an aspect, a degree and a word; the word may be negated (不好吃, 一点也不贵). Where 虽然 concedes
something, the clause after 但是 counts and the conceded one does not. The label of a review is the majority of
the clauses that count, so it can be read off the text, and the verdict (很满意, 不满意, ...) agrees
with it at a rate that the caller sets: 0.95 in the corpus, 0.5 in its control (`sample_review`).

This is a toy. Nobody wrote these reviews, there is no irony and no world behind them, and verdicts and words
agree because the grammar makes them. It can show how a mechanism works, not how well it works on real reviews.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from sjedu.checks import check_choice, check_share
from sjedu.data.text.meanings import meanings

#: Of each domain a paragraph: how a review may begin; then, of each aspect, its names / its good words / its bad words.
_GRAMMAR = """
restaurant  上周去了这家餐厅 和朋友去这家店吃饭 中午在这里吃的 第一次来这家饭店 点了他们的外卖
taste       味道 口味 / 好吃 鲜美 地道 / 难吃 太咸 油腻
speed       上菜速度 上菜 / 快 及时 / 慢 拖拉
portion     菜量 分量 / 足 大 / 少 小
waiters     服务员 店员 / 热情 周到 / 冷淡 不耐烦
room        店里环境 用餐环境 / 干净 安静 / 脏 吵
price       菜价 人均消费 / 便宜 实惠 / 贵 坑人

hotel       上个月住过这家酒店 出差住在这里 带家人住了两晚 第一次住这家宾馆 假期在这里住的
bed         床 床垫 / 舒服 柔软 / 硬 潮湿
room        房间 客房 / 宽敞 整洁 / 狭窄 破旧
desk        前台 前台态度 / 友好 专业 / 傲慢 生硬
breakfast   早餐 自助早餐 / 丰富 新鲜 / 单调 凉
place       酒店位置 地理位置 / 方便 理想 / 偏 难找
price       房费 房价 / 划算 合理 / 高 离谱

phone       上周买的手机 给爸爸买的手机 新手机用了一个月 刚收到这部手机 换了这个牌子的手机
screen      屏幕 显示屏 / 清晰 细腻 / 模糊 暗
battery     电池 电量 / 耐用 持久 / 不耐用 掉电快
system      系统 运行速度 / 流畅 稳定 / 卡 迟钝
camera      拍照效果 摄像头 / 清楚 漂亮 / 粗糙 失真
looks       外观 机身 / 好看 精致 / 难看 笨重
price       手机价格 售价 / 便宜 公道 / 贵 虚高

book        周末读完了这本书 朋友推荐的书 给孩子买的书 在书店看到这本书 刚读完这本小说
story       故事 情节 / 精彩 动人 / 无聊 老套
style       文笔 语言 / 优美 生动 / 生涩 啰嗦
content     内容 观点 / 深刻 有用 / 空洞 肤浅
print       印刷 纸张 / 清楚 精美 / 模糊 发黄
translation 翻译 译文 / 准确 通顺 / 生硬 混乱
price       书价 定价 / 便宜 合适 / 贵 离谱

film        昨天看了这部电影 和家人去看的电影 周末看的这部片子 首映那天看的 陪朋友看了这部电影
plot        剧情 剧本 / 精彩 紧凑 / 拖沓 老套
acting      演技 演员表演 / 自然 出彩 / 浮夸 尴尬
music       配乐 音乐 / 好听 动人 / 刺耳 难听
picture     画面 特效 / 震撼 漂亮 / 粗糙 廉价
ending      结局 结尾 / 感人 巧妙 / 无聊 仓促
price       票价 电影票 / 便宜 实惠 / 贵 高

clothes     网上买的衣服 给妈妈买的外套 刚收到这件衣服 打折时买的裙子 这件衣服穿了几天
cloth       面料 布料 / 柔软 透气 / 粗糙 扎人
size        尺码 大小 / 合适 标准 / 偏小 不准
colour      颜色 色彩 / 好看 鲜艳 / 难看 暗
seams       做工 针脚 / 精细 结实 / 马虎 毛糙
cut         款式 版型 / 时尚 大方 / 土气 过时
price       衣服价格 标价 / 便宜 公道 / 贵 虚高
"""

_OPENINGS: dict[str, tuple[str, ...]] = {}
_ASPECTS: dict[str, dict[str, tuple[tuple[str, ...], ...]]] = {}
for _paragraph in _GRAMMAR.strip().split("\n\n"):
    (_domain, *_openings), *_aspects = map(str.split, _paragraph.splitlines())
    _OPENINGS[_domain] = tuple(_openings)
    _ASPECTS[_domain] = {
        name: tuple(tuple(part.split()) for part in " ".join(words).split("/")) for name, *words in _aspects
    }

_GOOD = ("好", "不错", "棒", "出色", "让人满意")
_BAD = ("差", "糟糕", "不行", "让人失望")

#: Around a word that says it outright, and around one that is denied.
_PLAIN = ("{}", "很{}", "非常{}", "特别{}", "真{}", "确实{}")
_DENIED = ("不{}", "并不{}", "一点也不{}")
_FORMS = {
    # (the word is good, it is denied)
    (True, False): (*_PLAIN, "挺{}的", "相当{}"),
    (True, True): (*_DENIED, "不太{}", "不怎么{}", "算不上{}"),
    (False, False): (*_PLAIN, "有点{}", "实在{}"),
    (False, True): _DENIED,
}

_CONCEDING, _CONTRADICTING, _ADDING = ("虽然", "尽管"), ("但是", "不过"), ("而且", "另外")

#: Verdict words of the corpus: 很 before them praises, 不 blames. And such that reviews of the corpus never use.
VERDICTS: tuple[str, ...] = ("满意", "喜欢", "推荐", "值得")
HELD_OUT_VERDICTS: tuple[str, ...] = ("高兴", "开心")

_LEADS = ("", "我", "总之", "总之我", "总的来说", "总的来说我", "整体上", "整体上我", "对此我")
_AFFIRMING, _DENYING = ("很", "非常"), ("不", "并不")

#: The domains, and the one whose reviews carry no verdict in the corpus: a verdict there has to be transferred.
DOMAINS: tuple[str, ...] = tuple(_ASPECTS)
HELD_OUT_DOMAIN = "hotel"


@dataclass(frozen=True)
class Opinion:
    """What a clause says of an aspect; a conceded clause (after 虽然) does not count."""

    aspect: str
    positive: bool
    conceded: bool = False


@dataclass(frozen=True)
class Review:
    """The meaning of a review.

    Attributes:
        domain: what is reviewed, one of `DOMAINS`.
        opinions: in the text's order; a conceded one is followed by one that counts and says the opposite.
        verdict: whether the reviewer is pleased, None where the review does not say so.

    Raises:
        ValueError: if domain or aspect is unknown, if a concession is not followed by its opposite, or if as
            many opinions are positive as negative.
    """

    domain: str
    opinions: tuple[Opinion, ...]
    verdict: bool | None = None

    def __post_init__(self) -> None:
        check_choice("domain", self.domain, DOMAINS)
        for opinion, following in itertools.pairwise((*self.opinions, None)):
            assert opinion is not None
            check_choice(f"aspect of {self.domain}", opinion.aspect, aspects(self.domain))
            if opinion.conceded and (
                following is None or following.conceded or following.positive == opinion.positive
            ):
                raise ValueError(f"opinions: a concession must be followed by its opposite, got {following}")
        if self._balance() == 0:
            raise ValueError(f"opinions: as many are positive as negative, got {self.opinions}")

    @property
    def label(self) -> bool:
        """Whether most of the opinions that count are positive."""
        return self._balance() > 0

    def _balance(self) -> int:
        return sum(1 if opinion.positive else -1 for opinion in self.opinions if not opinion.conceded)


def aspects(domain: str) -> tuple[str, ...]:
    """Return what a domain's reviews may judge."""
    return tuple(_ASPECTS[domain])


def sample_review(
    rng: random.Random,
    *,
    domain: str | None = None,
    label: bool | None = None,
    agreement: float = 0.95,
    verdict_rate: float = 0.3,
    verdict_agreement: float = 0.95,
    contrast_rate: float = 0.25,
) -> Review:
    """Draw the meaning of a review.

    Args:
        rng: where the draws come from.
        domain: one of `DOMAINS`; drawn if None.
        label: of the review; drawn if None.
        agreement: probability that an opinion that counts is the label's.
        verdict_rate: probability of a verdict; 0 for bare lists of opinions.
        verdict_agreement: probability that a verdict is the label's. At 0.5 it says nothing: the control.
        contrast_rate: probability that one opinion is preceded by a concession.
    """
    check_share("agreement", agreement)
    check_share("verdict_rate", verdict_rate)
    check_share("verdict_agreement", verdict_agreement)
    check_share("contrast_rate", contrast_rate)
    domain = rng.choice(DOMAINS) if domain is None else domain
    check_choice("domain", domain, DOMAINS)
    label = rng.random() < 0.5 if label is None else label
    names = rng.sample(aspects(domain), rng.choice((3, 4, 5)))
    values = [label == (rng.random() < agreement) for _ in names]
    if sum(1 if value else -1 for value in values) * (1 if label else -1) <= 0:
        values = [label] * len(names)  # the majority is the label, always
    opinions = [Opinion(name, value) for name, value in zip(names, values, strict=True)]
    if rng.random() < contrast_rate and len(opinions) < 5:
        place = rng.randrange(len(opinions))
        rest = [name for name in aspects(domain) if name not in names]
        opinions.insert(place, Opinion(rng.choice(rest), not values[place], conceded=True))
    says = rng.random() < verdict_rate
    verdict = (label == (rng.random() < verdict_agreement)) if says else None
    return Review(domain, tuple(opinions), verdict)


def write_review(
    review: Review, rng: random.Random, *, verdicts: Sequence[str] = VERDICTS, opening: float = 0.6
) -> str:
    """Put a meaning into words. `parse_review` is the inverse, whatever the generator draws.

    A verdict's word is one of `verdicts`; `opening` is the probability of an opening.
    """
    clauses = [_write_opinion(review.domain, opinion, rng) for opinion in review.opinions]
    for place, opinion in enumerate(review.opinions):
        if opinion.conceded:
            clauses[place] = rng.choice(_CONCEDING) + clauses[place]
            clauses[place + 1] = rng.choice(_CONTRADICTING) + clauses[place + 1]
        elif place > 0 and not review.opinions[place - 1].conceded and rng.random() < 0.15:
            clauses[place] = rng.choice(_ADDING) + clauses[place]
    if review.verdict is not None:
        verdict = write_verdict(review.verdict, rng, verdicts)
        clauses.insert(0 if rng.random() < 0.4 else len(clauses), verdict)
    if rng.random() < opening:
        clauses.insert(0, rng.choice(_OPENINGS[review.domain]))
    return "，".join(clauses) + "。"


def write_verdict(pleased: bool, rng: random.Random, verdicts: Sequence[str] = VERDICTS) -> str:
    """Put a verdict into words: a lead, a word of degree or a negation, a verdict word."""
    word = rng.choice(verdicts)
    check_choice("verdicts", word, VERDICTS + HELD_OUT_VERDICTS)
    usual, other = _AFFIRMING if pleased else _DENYING
    return rng.choice(_LEADS) + (usual if rng.random() < 0.9 else other) + word


def parse_review(text: str) -> Review:
    """Read the meaning back from a text of the grammar.

    Raises:
        ValueError: if the text is not one of the grammar; says which part is not.
    """
    tables = _tables()
    domains: set[str] = set()
    opinions: list[Opinion] = []
    verdict: bool | None = None
    for place, clause in enumerate(text.removesuffix("。").split("，")):
        if place == 0 and clause in tables.openings:
            domains.add(tables.openings[clause])
        elif clause in tables.verdicts:
            verdict = tables.verdicts[clause]
        else:
            connectors = (*_CONCEDING, *_CONTRADICTING, *_ADDING)
            connector = next((each for each in connectors if clause.startswith(each)), "")
            bare = clause.removeprefix(connector)
            if bare not in tables.opinions:
                raise ValueError(f"text: {clause!r} is no clause of this grammar, in {text!r}")
            domain, aspect, positive = tables.opinions[bare]
            domains.add(domain)
            opinions.append(Opinion(aspect, positive, connector in _CONCEDING))
    if len(domains) != 1:
        raise ValueError(f"text: its clauses are of the domains {sorted(domains)}, expected one, in {text!r}")
    return Review(domains.pop(), tuple(opinions), verdict)


def review_words() -> tuple[str, ...]:
    """Return the words that clauses are made of: for whole-word masking."""
    words = {*_GOOD, *_BAD, *VERDICTS, *HELD_OUT_VERDICTS, *_CONCEDING, *_CONTRADICTING, *_ADDING}
    for judged in _ASPECTS.values():
        words |= {word for group in judged.values() for part in group for word in part}
    return tuple(sorted(word for word in words if len(word) > 1))


@dataclass(frozen=True)
class _Tables:
    openings: dict[str, str]
    opinions: dict[str, tuple[str, str, bool]]
    verdicts: dict[str, bool]


@cache
def _tables() -> _Tables:
    """Every clause that the grammar can write, with its meaning."""
    openings = {text: domain for domain, texts in _OPENINGS.items() for text in texts}
    opinions = meanings(
        (text, (domain, aspect, positive))
        for domain in DOMAINS
        for aspect in aspects(domain)
        for positive in (True, False)
        for text in _opinions(domain, aspect, positive)
    )
    verdicts = {
        lead + degree + word: degree in _AFFIRMING
        for lead in _LEADS
        for degree in (*_AFFIRMING, *_DENYING)
        for word in VERDICTS + HELD_OUT_VERDICTS
    }
    return _Tables(openings, opinions, verdicts)


def _opinions(domain: str, aspect: str, positive: bool) -> Iterator[str]:
    names, good, bad = _ASPECTS[domain][aspect]
    for name in names:
        for is_good, words in ((True, (*good, *_GOOD)), (False, (*bad, *_BAD))):
            denied = is_good != positive
            for form in _FORMS[is_good, denied]:
                yield from (name + form.format(word) for word in words if _fits(word, denied))


def _write_opinion(domain: str, opinion: Opinion, rng: random.Random) -> str:
    names, good, bad = _ASPECTS[domain][opinion.aspect]
    denied = rng.random() < 0.2
    is_good = opinion.positive != denied
    own, general = (good, _GOOD) if is_good else (bad, _BAD)
    words = [word for word in (general if rng.random() < 0.4 else own) if _fits(word, denied)]
    form = rng.choice(_FORMS[is_good, denied])
    return rng.choice(names) + form.format(rng.choice(words or [general[0]]))


def _fits(word: str, denied: bool) -> bool:
    """Whether a word can be denied: 不错 and 不准 deny already, 太咸 and 让人失望 do not take 不."""
    return not (denied and word.startswith(("不", "太", "让人", "掉")))
