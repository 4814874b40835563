"""What the course says of lesson 5: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
    Term("binary entropy", "二元熵", "-p log p - (1-p) log(1-p): softplus minus Swish"),
    Term("convolution", "卷积", "∫ f(y) φ(x - y) dy: the mean of f under a bell that stands at x"),
    Term("cumulative distribution function", "累积分布函数", "Φ = ∫φ; of a narrow kernel, a smooth step"),
    Term("Dirac delta", "狄拉克函数", "zero but at 0, with integral 1; ∫ f(y) δ(x - y) dy = f(x)"),
    Term("floor function", "向下取整函数", "⌊x⌋, the largest whole number that is at most x"),
    Term("Fourier series", "傅里叶级数", "a periodic function as a sum of sines and cosines"),
    Term("kernel", "核", "a smooth stand-in for the delta: even, with integral 1"),
    Term("moment", "矩", "∫ xⁿ φ(x) dx; the Cauchy kernel has none but that of order 0"),
    Term("piecewise linear", "分段线性", "made of straight pieces, which may jump where they meet"),
    Term("sifting", "筛选性质", "the delta picks one value of a function out of an integral"),
    Term("smooth approximation", "光滑近似", "a function with derivatives close to one without"),
    Term("softplus", "softplus 函数", "log(1 + eˣ): ReLU smoothed by the logistic kernel"),
    Term("step function", "阶跃函数（Heaviside 函数）", "0 below zero, 1 above: the integral of the delta"),
    Term(
        "straight-through estimator",
        "直通估计",
        "the hard function forwards, the identity's gradient backwards",
    ),
    Term("telescoping", "裂项相消", "a sum in which neighbours cancel"),
)

LESSON = Lesson(
    number=5,
    room="dirac_smoothing",
    title="Smoothing functions with the Dirac delta",
    title_zh="用狄拉克函数构造光滑近似",
    article=Article(
        "用狄拉克函数来构造非光滑函数的光滑近似",
        "Building smooth approximations of non-smooth functions with the Dirac delta",
        datetime.date(2021, 10, 10),
        number=8718,
    ),
    papers=(
        Paper(
            "Biswas, Kumar, Banerjee, Pandey",
            "SAU: Smooth activation function using convolution with approximate identities",
            "2109.13210",
        ),
    ),
    question="Where do softplus, Swish and GELU come from, and which smooth function replaces a jump?",
    you_will=(
        "obtain known activations, and new ones, by one convolution",
        "measure how fast each approximation converges",
        "train through a smooth floor where the hard one has no gradient",
    ),
    minutes=60,
    place=(2.0, 3.2),
    terms=TERMS,
)
