"""The words of the course in English and Chinese: those that every lesson uses, and those of one lesson."""

from __future__ import annotations

from sjedu.course.lessons import Term, lesson
from sjedu.figures.tables import Table

COMMON = (
    Term("attention", "注意力", "a weighted mean of values; the weights come from queries and keys"),
    Term("batch", "批", "the samples that one step of training sees"),
    Term("checkpoint", "检查点", "a file from which a run goes on as if it had not stopped"),
    Term("embedding", "嵌入、向量", "a vector that stands for a token, a patch or a sentence"),
    Term("gradient", "梯度", "the derivative of the loss by the parameters"),
    Term("key", "键（key）", "what a token offers to be found by"),
    Term("learning rate", "学习率", "the size of a step of training"),
    Term("logit", "logit（未归一化分数）", "a score before the softmax"),
    Term("loss", "损失", "what training makes small"),
    Term("preset", "预设", "a named set of numbers for an experiment: cpu or gpu"),
    Term("query", "查询（query）", "what a token looks for"),
    Term("seed", "随机种子", "the number from which every random draw of a run follows"),
    Term("token", "词元（token）", "one position of a Transformer's input"),
)


def glossary(room: str | None = None) -> Table:
    """Return the terms of a lesson, by its room, or those that all lessons share, as a table."""
    terms = COMMON if room is None else lesson(room).terms
    return Table(
        ["English", "中文", "meaning"], [[term.english, term.chinese, term.meaning] for term in terms]
    )
