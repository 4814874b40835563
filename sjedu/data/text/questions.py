"""Questions in paraphrase families, from a seeded grammar: text and meaning, there and back.

The meaning of a question is an intent and an entity; all questions of one meaning are paraphrases::

    请问红烧肉怎么做呢   红烧肉的做法是什么   谁能教我烧红烧肉   想学着做红烧肉，有菜谱吗

25 intents, five for each of five types of entity, with six ways each to ask; they share as few words as may be.
Likeness is graded (`grade`): the same family, the same intent, the same entity, neither. Three levels are held
out of everything that is trained here (`level`): combinations of an intent and an entity that both are known
otherwise, entities, and whole intents.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias, get_args

from sjedu.checks import check_choice
from sjedu.data.text.meanings import meanings

Level: TypeAlias = Literal["train", "combination", "entity", "intent"]

#: Of each type of entity a paragraph: its entities, of which the last three are held out; then, of each intent, the
#: ways to ask, where {} is the entity.
_GRAMMAR = """
product   耳机 手机壳 充电宝 背包 台灯 键盘 水杯 雨伞 鼠标 手表 相机 音箱 毛巾 平板电脑 剃须刀 电饭锅
price     {}多少钱 {}什么价位 {}卖多少 买一个{}要花多少 {}的价格是多少 {}报个价吧
delivery  {}什么时候发货 {}几天能到 下单后{}多久送来 {}寄出了没有 我买的{}怎么还没收到 {}走的哪家快递
return    {}可以退货吗 {}不想要了怎么退 收到的{}能退吗 怎样申请{}退款 {}不合适给换吗 {}支持七天无理由吗
warranty  {}保修多久 {}坏了找谁修 {}有质保吗 {}出了问题能免费修吗 {}的保修期是几年 {}在哪里维修
colour    {}有什么颜色 {}有别的颜色吗 {}有没有黑色的 {}都有哪些配色 白色的{}还有货吗 {}能选颜色吗

city      北京 上海 广州 深圳 杭州 成都 西安 南京 武汉 重庆 青岛 苏州 天津 厦门 昆明 哈尔滨
weather   {}今天天气怎么样 {}会下雨吗 {}现在冷不冷 去{}要带伞吗 {}的气温是多少度 {}明天是晴天吗
route     去{}怎么走 到{}坐什么车 {}有高铁吗 怎样前往{} 从这里到{}要多久 飞{}的航班多吗
sights    {}有什么好玩的 {}哪些景点值得看 到{}旅游该去哪里 {}有哪些名胜 推荐几个{}的景区 {}哪里适合拍照
stay      {}住哪里方便 {}有便宜的宾馆吗 在{}怎么订房 {}哪家酒店好 到{}过夜住什么地方 {}的民宿贵吗
people    {}有多少人 {}的人口是多少 住在{}的居民有几百万 {}人多吗 {}常住人口有多少 {}人口数量是几位数

app       微信 支付宝 淘宝 微博 抖音 美团 知乎 百度地图 网易云音乐 京东 哔哩哔哩 高德地图 滴滴 豆瓣 小红书 钉钉
install   {}怎么下载 在哪里安装{} {}安装包去哪找 手机上怎么装{} 电脑能装{}吗 想下载{}，给个链接
password  {}密码忘了怎么办 怎么找回{}的密码 {}登录不上去 如何重设{}密码 {}的密码在哪里改 {}总说密码错误
cancel    怎么注销{}账号 {}的账号能删除吗 不用{}了如何销户 想把{}的账号注销掉 {}销号的步骤是什么 彻底删掉{}账户要怎么做
fee       {}收费吗 用{}要交钱吗 {}是免费的吗 {}会员一个月几块 开通{}会员怎么付款 {}为什么扣了我的钱
slow      {}打开很慢怎么办 {}老是闪退 {}卡住不动了 为什么{}一直转圈 {}反应太慢怎么解决 {}用着用着就死机

food      红烧肉 西红柿炒鸡蛋 饺子 牛肉面 蛋炒饭 麻婆豆腐 豆浆 糖醋鱼 鸡汤 包子 粥 土豆丝 月饼 粽子 烤鸭 汤圆
recipe    {}怎么做 {}的做法是什么 谁能教我烧{} 想学着做{}，有菜谱吗 做{}需要哪些材料 {}如何烹饪
calories  {}热量高吗 吃{}会胖吗 {}有多少卡路里 减肥能吃{}吗 一份{}多少大卡 {}脂肪多不多
storage   {}怎么保存 {}能放几天 {}可以冷冻吗 {}放冰箱会坏吗 剩下的{}隔夜还能吃吗 {}的保质期多长
children  小孩能吃{}吗 {}适合宝宝吃吗 孩子几岁可以吃{} 婴儿吃{}好不好 给小朋友吃{}安全吗 一岁的娃能不能喂{}
place     哪里的{}好吃 附近有卖{}的吗 哪家店的{}最正宗 想吃{}该去哪家 推荐一家做{}的馆子 这条街上谁家{}有名

service   信用卡 护照 驾照 社保卡 公积金 身份证 签证 居住证 医保 宽带 校园卡 健身卡 图书证 老年卡 营业执照 公交卡
apply     怎么办理{} {}在哪里办 如何申请{} 我想办一张{}，找谁 {}的办理流程是什么 网上能申办{}吗
papers    办{}要什么材料 {}需要哪些证件 申请{}得带什么 办理{}要准备哪些文件 {}要交照片吗 办{}要不要复印件
lost      {}丢了怎么办 {}遗失如何补办 怎么挂失{} 我的{}不见了 补一张{}去哪里 {}被偷了该找谁
time      {}几天能办好 办{}需要多长时间 {}多久可以拿到 申请{}要等几周 {}什么时候能下来 {}审批快不快
expiry    {}过期了怎么办 {}的有效期是几年 {}到期后如何续 怎么给{}延期 {}快到期了还能用吗 {}失效了要重新办吗
"""

ENTITIES: dict[str, tuple[str, ...]] = {}
_INTENTS: dict[str, dict[str, tuple[str, ...]]] = {}
for _paragraph in _GRAMMAR.strip().split("\n\n"):
    (_kind, *_entities), *_intents = map(str.split, _paragraph.splitlines())
    ENTITIES[_kind] = tuple(_entities)
    _INTENTS[_kind] = {name: tuple(ways) for name, *ways in _intents}

_PREFIXES = ("", "请问", "你好，", "想问一下", "麻烦问下", "打扰了，", "请教一下，")
_SUFFIXES = ("", "？", "呢", "呀", "，谢谢", "，急")

INTENTS: tuple[tuple[str, str], ...] = tuple((kind, name) for kind in _INTENTS for name in _INTENTS[kind])
#: One intent of each type, and the last three entities of each, are held out.
HELD_OUT_INTENTS = frozenset(
    {
        ("product", "warranty"),
        ("city", "people"),
        ("app", "cancel"),
        ("food", "storage"),
        ("service", "expiry"),
    }
)
HELD_OUT_ENTITIES = frozenset(entity for names in ENTITIES.values() for entity in names[-3:])


@dataclass(frozen=True)
class Question:
    """The meaning of a question: all questions with equal ones are paraphrases of each other.

    Attributes:
        kind: the type of the entity, a key of `ENTITIES`.
        intent: what is asked, one of the type's five intents.
        entity: about what.
    """

    kind: str
    intent: str
    entity: str

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, tuple(ENTITIES))
        check_choice(f"intent of a {self.kind}", self.intent, tuple(_INTENTS[self.kind]))
        check_choice(f"entity of type {self.kind}", self.entity, ENTITIES[self.kind])


def all_questions(level: Level | None = None) -> list[Question]:
    """Return all meanings, or those of one level of novelty, in a fixed order."""
    everything = [Question(kind, name, entity) for kind, name in INTENTS for entity in ENTITIES[kind]]
    return [each for each in everything if level is None or level_of(each) == level]


def level_of(question: Question) -> Level:
    """Return what is new about a question to a model that was trained on the level "train".

    "intent" where nobody asked that before, else "entity" where nobody asked about it, else "combination"
    where both are known, but not together.
    """
    if (question.kind, question.intent) in HELD_OUT_INTENTS:
        return "intent"
    if question.entity in HELD_OUT_ENTITIES:
        return "entity"
    row = list(_INTENTS[question.kind]).index(question.intent)
    # A Latin pattern: each intent misses some entities, and each entity some intents.
    return "combination" if (ENTITIES[question.kind].index(question.entity) + row) % 5 == 0 else "train"


def grade(a: Question, b: Question) -> int:
    """Return how alike two questions are: 3 a family, 2 the same intent, 1 the same entity, 0 neither."""
    if a == b:
        return 3
    if (a.kind, a.intent) == (b.kind, b.intent):
        return 2
    return 1 if a.entity == b.entity else 0


def sample_question(rng: random.Random, level: Level = "train") -> Question:
    """Draw a meaning of one level."""
    check_choice("level", level, get_args(Level))
    return rng.choice(_of_level(level))


def write_question(
    question: Question, rng: random.Random, *, politeness: float = 0.5, form: str | None = None
) -> str:
    """Ask it in one of its ways, or in this form of its `family`; `parse_question` is the inverse.

    Politeness is the probability of a beginning like 请问, and of an end like 呢 or 谢谢.
    """
    core = rng.choice(family(question)) if form is None else form
    check_choice("form", core, family(question))
    before = rng.choice(_PREFIXES[1:]) if rng.random() < politeness else ""
    after = rng.choice(_SUFFIXES[1:]) if rng.random() < politeness else ""
    return before + core + after


def family(question: Question) -> list[str]:
    """Return the ways to ask it, without politeness."""
    return [form.format(question.entity) for form in _INTENTS[question.kind][question.intent]]


def parse_question(text: str) -> Question:
    """Read the meaning back from a text of the grammar.

    Raises:
        ValueError: if the text is not one of the grammar.
    """
    for core in _cores(text):
        if core in _table():
            return _table()[core]
    raise ValueError(f"text: {text!r} is no question of this grammar")


def question_words() -> tuple[str, ...]:
    """Return the entities: for whole-word masking."""
    return tuple(entity for names in ENTITIES.values() for entity in names if len(entity) > 1)


def _cores(text: str) -> Iterator[str]:
    for prefix in _PREFIXES:
        if text.startswith(prefix):
            rest = text.removeprefix(prefix)
            yield from (rest.removesuffix(suffix) for suffix in _SUFFIXES if rest.endswith(suffix))


@cache
def _of_level(level: Level) -> tuple[Question, ...]:
    return tuple(all_questions(level))


@cache
def _table() -> dict[str, Question]:
    """Every question that the grammar can ask, but for politeness, with its meaning."""
    return meanings((text, question) for question in all_questions() for text in family(question))
