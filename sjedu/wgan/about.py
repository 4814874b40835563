"""What the course says of lesson 1: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
    Term(
        "batch distance",
        "批上的距离",
        "the distance of two finite samples, not of the populations behind them",
    ),
    Term("c-transform", "c-变换", "fᶜ(y) = minₓ d(x, y) − f(x): the best partner of a potential"),
    Term(
        "coupling, transport plan", "耦合、传输方案", "how much mass goes from each point to each other point"
    ),
    Term("critic, discriminator", "判别器", "the function that tells real from generated"),
    Term("dual problem", "对偶问题", "the maximum that equals the minimum of a linear program"),
    Term("entropic regularisation", "熵正则化", "a price on plans that are far from independent"),
    Term(
        "Fréchet distance",
        "Fréchet 距离",
        "between Gaussians fitted to two sets of features; lower is better",
    ),
    Term("generator", "生成器", "the network that makes samples from noise"),
    Term("geometric median", "几何中位数", "the point with the smallest mean distance to a distribution"),
    Term("gradient penalty", "梯度惩罚", "a price on the norm of the critic's gradient"),
    Term("ground metric", "基础度量", "the distance of two points, on which that of distributions is built"),
    Term(
        "Jensen–Shannon divergence", "JS 散度", "what the original GAN minimises; log 2 for disjoint supports"
    ),
    Term("Kantorovich potential", "Kantorovich 势", "a solution of the dual problem: the ideal critic"),
    Term("Lipschitz constraint", "Lipschitz 约束", "|f(x) − f(y)| ≤ ‖x − y‖"),
    Term("mode collapse", "模式坍塌", "the generator makes a few kinds of example only"),
    Term("optimal transport", "最优传输", "moving one distribution onto another at the least cost"),
    Term("spectral normalisation", "谱归一化", "dividing each weight matrix by its largest singular value"),
    Term("Wasserstein distance", "Wasserstein 距离", "the least mean distance that mass must be moved"),
    Term("weight clipping", "权重裁剪", "keeping every weight within ±c"),
)

LESSON = Lesson(
    number=1,
    room="wgan",
    title="WGAN, and what the Wasserstein distance has to do with it",
    title_zh="WGAN 与 Wasserstein 距离",
    article=Article(
        "WGAN的成功，可能跟Wasserstein距离没啥关系",
        "The success of WGAN may have little to do with the Wasserstein distance",
        datetime.date(2021, 3, 15),
        number=8244,
    ),
    papers=(
        Paper(
            "Stanczuk, Etmann, Kreusser, Schönlieb",
            "Wasserstein GANs Work Because They Fail (to Approximate the Wasserstein Distance)",
            "2103.01678",
        ),
        Paper(
            "Mallasto, Montúfar, Gerolin", "How Well Do WGANs Estimate the Wasserstein Metric?", "1910.03875"
        ),
    ),
    question=(
        "Does a WGAN work because its critic measures the Wasserstein distance, or although it fails to?"
    ),
    you_will=(
        "derive the dual of optimal transport and the c-transform, and check both by linear programming",
        "compare what six kinds of critic estimate with the exact distance, and say which distance that is",
        "say why the critic that approximates best gives the blurrier samples",
    ),
    minutes=90,
    place=(0.0, 3.2),
    terms=TERMS,
)
