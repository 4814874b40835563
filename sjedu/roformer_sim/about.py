"""What the course says of lesson 6: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
    Term("ablation", "消融实验", "taking one part away to see what it is good for"),
    Term("contrastive learning", "对比学习", "finding the partner among all others of a batch"),
    Term("distillation", "蒸馏", "learning from another model's outputs instead of labels"),
    Term("false negative", "假负例", "a pair that is treated as unlike, though it is alike"),
    Term("Jaccard similarity", "Jaccard 相似度", "what two sets share, over all that is in either"),
    Term("noise (of BART)", "加噪（BART）", "hiding parts of the input that is to be rewritten"),
    Term("nucleus sampling, top-p", "核采样", "drawing from the most probable tokens whose mass reaches p"),
    Term("paraphrase, similar sentence", "相似句", "another sentence with the same meaning"),
    Term("pooling", "池化", "making one vector of the vectors of all tokens"),
    Term("pseudo-pair", "伪相似对", "two sentences that are taken for alike without a label"),
    Term("re-ranking", "重排", "ordering candidates by another score than the one that made them"),
    Term("retrieval", "检索", "finding the texts of a corpus that are nearest to a query"),
    Term("sentence vector", "句向量", "a vector whose direction stands for a sentence's meaning"),
    Term("Spearman correlation", "Spearman 相关系数", "the correlation of ranks"),
    Term("teacher, student", "教师、学生", "the model that is copied, and the one that copies"),
    Term("UniLM mask", "UniLM 的 Attention Mask", "open on the source, from left to right on the target"),
    Term("whitening", "白化", "a linear map after which the covariance is the identity"),
)

LESSON = Lesson(
    number=6,
    room="roformer_sim",
    title="RoFormer-Sim: one model that retrieves and writes",
    title_zh="RoFormer-Sim：融合检索和生成",
    article=Article(
        "SimBERTv2来了！融合检索和生成的RoFormer-Sim模型",
        "SimBERTv2 is here: RoFormer-Sim, a model that joins retrieval and generation",
        datetime.date(2021, 6, 11),
        number=8454,
    ),
    papers=(
        Paper(
            "Su, Lu, Pan, Murtadha, Wen, Liu",
            "RoFormer: Enhanced Transformer with Rotary Position Embedding",
            "2104.09864",
        ),
        Paper(
            "Dong, Yang, Wang, Wei, Liu, Wang, Gao, Zhou, Hon",
            "Unified Language Model Pre-training for Natural Language Understanding and Generation",
            "1905.03197",
        ),
        Paper(
            "Lewis, Liu, Goyal, Ghazvininejad, Mohamed, Levy, Stoyanov, Zettlemoyer",
            (
                "BART: Denoising Sequence-to-Sequence Pre-training for Natural Language Generation, Translation, and "
                "Comprehension"
            ),
            "1910.13461",
        ),
    ),
    question="Can one Transformer learn sentence vectors and the writing of paraphrases at the same time?",
    you_will=(
        "encode and generate with one model, by its attention mask alone",
        "train retrieval and generation together, and switch off each objective in turn",
        "distil the geometry of a teacher's vectors",
    ),
    minutes=90,
    runs_in="two minutes",
    needs=("contrastive_accumulation",),
    after=("rope_2d",),
    place=(1.0, 1.5),
    terms=TERMS,
)
