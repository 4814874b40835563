"""What the course says of lesson 7: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
    Term("batch normalisation", "批归一化（BN）", "scales each unit by mean and variance over the batch"),
    Term("contrastive learning", "对比学习", "brings what belongs together nearer than everything else"),
    Term("dropout", "Dropout（随机失活）", "sets random units to 0 while training"),
    Term("gradient accumulation", "梯度累积", "adding up gradients of small batches before one step"),
    Term("inner product", "内积", "the similarity of two embeddings"),
    Term("log-sum-exp", "对数求和指数", "log Σ exp s; its derivative is the softmax"),
    Term("micro-batch, chunk", "小批、分块", "the samples whose graph is held at one time"),
    Term("negative", "负样本", "a sample that an anchor must not be matched with"),
    Term("one-hot", "one-hot（独热）", "one entry is 1 and all others 0"),
    Term("positive", "正样本", "the sample that an anchor belongs to"),
    Term(
        "random state", "随机状态", "where a random number generator stands; put back, it repeats its draws"
    ),
    Term("similarity", "相似度", "how well two samples fit: an inner product over the temperature"),
    Term("stop-gradient, detach", "停止梯度（sg）", "a value that is used and not differentiated"),
    Term("streaming", "分块流式计算", "computing with a few rows of a matrix at a time"),
    Term("surrogate", "代理损失", "another function with the same gradient here"),
    Term("temperature", "温度", "what similarities are divided by"),
    Term("two towers", "双塔", "two encoders whose embeddings are compared"),
)

LESSON = Lesson(
    number=7,
    room="contrastive_accumulation",
    title="Contrastive learning with gradient accumulation",
    title_zh="对比学习与梯度累积",
    article=Article(
        "对比学习可以使用梯度累积吗？",
        "Can contrastive learning use gradient accumulation?",
        datetime.date(2021, 6, 17),
        number=8471,
    ),
    papers=(
        Paper(
            "Gao, Zhang, Han, Callan",
            "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
            "2101.06983",
        ),
        Paper("Gao, Yao, Chen", "SimCSE: Simple Contrastive Learning of Sentence Embeddings", "2104.08821"),
    ),
    question="Can the gradient of a large contrastive batch be had, exactly, in the memory of a small one?",
    you_will=(
        "see why adding up the gradients of small batches optimises another loss",
        "derive and use the two-pass gradient that equals the big batch's",
        "keep it exact under dropout and in several processes, and know what batch norm costs",
        "stream a loss over N × N pairs in memory that grows with N",
    ),
    minutes=75,
    place=(0.0, 2.0),
    terms=TERMS,
)
