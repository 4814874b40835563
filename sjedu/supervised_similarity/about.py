"""What the course says of lesson 8: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
    Term("bootstrap", "自助法", "drawing the data anew with replacement, to see how sure a figure is"),
    Term("calibration", "校准", "turning scores into probabilities that are as often right as they say"),
    Term("confusion table", "混淆矩阵", "how many of each class were called what"),
    Term("contradiction", "矛盾", "the premise rules the hypothesis out"),
    Term("CoSENT", "CoSENT（排序损失）", "a loss that asks for the order of cosines only"),
    Term("cosine similarity", "余弦相似度", "the inner product of two vectors of length 1"),
    Term("distillation", "蒸馏", "training a student on what a teacher says"),
    Term("entailment", "蕴含", "if the premise is true, so is the hypothesis"),
    Term("fine-tuning", "微调", "training a pretrained model on a task"),
    Term("held out", "留出", "kept from training, for testing"),
    Term("label", "标注、标签", "what a person says about an example"),
    Term("label noise", "标签噪声", "labels that are wrong, at random or for a reason"),
    Term("natural language inference", "自然语言推理（NLI）", "whether one sentence follows from another"),
    Term("neutral", "中立", "neither entailment nor contradiction"),
    Term(
        "Sentence-BERT",
        "Sentence-BERT（孪生句向量）",
        "one encoder for both sentences, a classifier on (u, v, |u − v|)",
    ),
    Term("Spearman correlation", "Spearman 相关系数", "the correlation of ranks: how alike two orders are"),
    Term("threshold", "阈值", "the score from which on a pair is called alike"),
    Term("topic", "主题", "what a sentence is about, whatever it says of it"),
)

LESSON = Lesson(
    number=8,
    room="supervised_similarity",
    title="Labels for sentence similarity",
    title_zh="用人工标注数据增强 RoFormer-Sim",
    article=Article(
        "用开源的人工标注数据来增强RoFormer-Sim",
        "Strengthening RoFormer-Sim with open human-labelled data",
        datetime.date(2021, 7, 19),
        number=8541,
    ),
    papers=(
        Paper(
            "Conneau, Kiela, Schwenk, Barrault, Bordes",
            "Supervised Learning of Universal Sentence Representations from Natural Language Inference Data",
            "1705.02364",
        ),
        Paper(
            "Reimers, Gurevych",
            "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks",
            "1908.10084",
        ),
    ),
    question=(
        "Why does a classifier that is thrown away teach a model similarity better than the cosine itself?"
    ),
    you_will=(
        "fine-tune sentence vectors on labelled pairs with four losses and compare them fairly",
        "say what a head on (u, v, |u − v|) can know of two sentences, and what it cannot",
        "keep generation alive by distillation",
    ),
    minutes=80,
    runs_in="two minutes",
    needs=("roformer_sim",),
    after=("rope_2d",),
    place=(2.0, 1.5),
    terms=TERMS,
)
