"""What the course says of lesson 2: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
    Term("adapter", "适配器（Adapter）", "a small new part of a model that is otherwise kept"),
    Term("auxiliary objective", "辅助目标", "what is learnt besides, to keep the solution near to language"),
    Term("causal language model", "单向语言模型", "guesses each next token; GPT"),
    Term("cloze", "完形填空", "a text with a blank to fill in"),
    Term("few-shot, zero-shot", "小样本、零样本", "with a few labels, without any"),
    Term("fine-tuning", "微调", "training all weights of a pretrained model on a task"),
    Term("frozen", "冻结、固定权重", "not trained: every bit stays"),
    Term("label, verbaliser", "标签词（verbalizer）", "the word in the blank that stands for a class"),
    Term(
        "masked language model",
        "掩码语言模型（MLM）",
        "guesses hidden tokens from both sides; BERT, RoFormer",
    ),
    Term(
        "pattern-exploiting training", "模式利用训练（PET）", "fine-tuning on clozes made of natural language"
    ),
    Term("prefix, suffix", "前缀、后缀", "what a template puts before or behind the text"),
    Term("prompt token", "模版 token（[unused1] …）", "a token without meaning whose embedding is learnt"),
    Term("re-parameterisation", "重参数", "learning vectors through a network that makes them"),
    Term("stopped gradient", "停止梯度（stop_gradient）", "passes values forward and no gradient back"),
    Term("template, pattern", "模版", "where the text, the words and the blank stand"),
    Term("tied embeddings", "共享嵌入", "one table for looking words up and for predicting them"),
    Term("weight decay", "权重衰减", "shrinking weights a little at each step, gradient or not"),
)

LESSON = Lesson(
    number=2,
    room="p_tuning",
    title="P-tuning: prompts that are learnt",
    title_zh="P-tuning：自动构建模版",
    article=Article(
        "P-tuning：自动构建模版，释放语言模型潜能",
        "P-tuning: building templates automatically to free a language model's potential",
        datetime.date(2021, 4, 3),
        number=8295,
    ),
    papers=(
        Paper("Liu, Zheng, Du, Ding, Qian, Yang, Tang", "GPT Understands, Too", "2103.10385"),
        Paper(
            "Schick, Schütze",
            "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language Inference",
            "2001.07676",
        ),
    ),
    question="Must a prompt be made of words, or can a few free vectors be learnt in their place?",
    you_will=(
        "turn a classification task into a cloze, and solve it without and with a few labels",
        "train nothing but a handful of embeddings by stopping gradients exactly",
        "compare cloze, P-tuning and fine-tuning with honest intervals",
    ),
    minutes=80,
    after=("rope_2d",),
    place=(1.0, 0.0),
    terms=TERMS,
)
