"""What the course says of lesson 4: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
    Term("aggregated posterior", "聚合后验", "the mean of p(z|x) over all x"),
    Term("autoregressive decoder", "自回归解码器", "predicts each pixel or word from those before it"),
    Term("concentration", "集中程度参数（κ）", "how closely a vMF distribution keeps to its mean direction"),
    Term("evidence lower bound", "变分下界（ELBO）", "minus the loss of a VAE; at most log q(x)"),
    Term(
        "Fréchet distance",
        "弗雷歇距离",
        "between two sets of pictures: that of two normals fitted to features",
    ),
    Term(
        "implicit reparameterisation",
        "隐式重参数",
        "the derivative of a draw at a fixed value of its distribution function",
    ),
    Term("inverse transform sampling", "逆变换采样", "the inverse distribution function of a uniform number"),
    Term(
        "KL vanishing",
        "KL散度消失",
        "a decoder that ignores the code, and a posterior that has become the prior",
    ),
    Term("latent variable", "隐变量", "z, the code of x"),
    Term("mean direction", "均值方向（μ）", "where a vMF distribution is densest"),
    Term("mean resultant length", "平均合成长度", "the length of the mean of points on a sphere, A(κ)"),
    Term(
        "modified Bessel function", "修正贝塞尔函数", "I_ν; makes up the normaliser of the vMF distribution"
    ),
    Term("mutual information", "互信息", "how much z says about x, in nats"),
    Term("normaliser", "归一化因子", "the integral that makes a density integrate to 1"),
    Term("posterior", "后验分布", "p(z|x), what the encoder gives"),
    Term("prior", "先验分布", "q(z), from which codes are drawn without a picture"),
    Term(
        "rejection sampling",
        "拒绝采样",
        "draw proposals, and keep each with a probability that corrects the law",
    ),
    Term("reparameterisation", "重参数", "a draw as a differentiable function of parameters and noise"),
    Term("variational autoencoder", "变分自编码器（VAE）", "encoder, code and decoder, trained on the bound"),
    Term(
        "von Mises–Fisher distribution",
        "von Mises-Fisher分布",
        "the density e^(κ⟨μ, x⟩) on the sphere, up to a factor",
    ),
)

LESSON = Lesson(
    number=4,
    room="vmf_vae",
    title="A variational autoencoder on the sphere",
    title_zh="球面上的变分自编码器（vMF-VAE）",
    article=Article(
        "变分自编码器（七）：球面上的VAE（vMF-VAE）",
        "Variational autoencoders (7): the VAE on the sphere (vMF-VAE)",
        datetime.date(2021, 5, 17),
        number=8404,
    ),
    papers=(
        Paper(
            "Davidson, Falorsi, De Cao, Kipf, Tomczak",
            "Hyperspherical Variational Auto-Encoders",
            "1804.00891",
        ),
        Paper("Xu, Durrett", "Spherical Latent Spaces for Stable Variational Autoencoders", "1808.10805"),
    ),
    question=(
        "Can a VAE be built so that its KL term cannot vanish, by putting the latent code on a sphere?"
    ),
    you_will=(
        "derive the von Mises–Fisher distribution, its entropy and its KL to the uniform one",
        "sample from it, differentiably and without overflow",
        "train a VAE on the sphere and say when it beats the Gaussian one",
    ),
    minutes=80,
    place=(1.0, 3.2),
    terms=TERMS,
)
