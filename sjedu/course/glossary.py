"""The words of the course in English and Chinese: those that every lesson uses, and those of one lesson."""

from __future__ import annotations

from dataclasses import dataclass

from sjedu.figures.tables import Table


@dataclass(frozen=True)
class Term:
    """A term of the field in both languages, with its meaning in a few words."""

    english: str
    chinese: str
    meaning: str


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

ROPE_2D = (
    Term("absolute position", "绝对位置", "where a token is"),
    Term("antisymmetric matrix", "反对称矩阵", "equal to minus its transpose; its exponential is a rotation"),
    Term("axial", "轴向的", "one half of the coordinates turns with the row, the other with the column"),
    Term("block diagonal", "分块对角", "zero outside blocks along the diagonal"),
    Term("change of basis", "基变换", "the same map in other coordinates: QᵀRQ"),
    Term("commute", "可交换", "AB = BA"),
    Term("flattening", "展平", "numbering the cells of a grid row by row"),
    Term("frequency", "频率", "how fast a pair of coordinates turns as the position moves"),
    Term("long-range decay", "远程衰减", "attention that weakens, on average, with distance"),
    Term("matrix exponential", "矩阵指数", "exp B = I + B + B²/2! + …"),
    Term("orthogonal matrix", "正交矩阵", "keeps lengths and angles: OᵀO = I"),
    Term("patch", "图像块", "a square of pixels that is one token of a vision Transformer"),
    Term("position encoding", "位置编码", "how a Transformer is told where its tokens are"),
    Term("quaternion", "四元数", "a + bi + cj + dk with ij = k = −ji"),
    Term("relative position", "相对位置", "the difference of two positions"),
    Term("relativity", "相对性", "attention depends on the difference of positions only"),
    Term("resolution", "分辨率", "the size of the grid of patches"),
    Term("reversibility", "可逆性", "the position can be read off its matrix"),
    Term(
        "rotary position embedding", "旋转式位置编码（RoPE）", "rotates queries and keys by their positions"
    ),
)

WGAN = (
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

CONTRASTIVE_ACCUMULATION = (
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

DIRAC_SMOOTHING = (
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

VMF_VAE = (
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

P_TUNING = (
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

SUPERVISED_SIMILARITY = (
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

ROFORMER_SIM = (
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

#: The terms of each lesson by its room.
TERMS: dict[str, tuple[Term, ...]] = {
    "contrastive_accumulation": CONTRASTIVE_ACCUMULATION,
    "dirac_smoothing": DIRAC_SMOOTHING,
    "p_tuning": P_TUNING,
    "roformer_sim": ROFORMER_SIM,
    "rope_2d": ROPE_2D,
    "supervised_similarity": SUPERVISED_SIMILARITY,
    "vmf_vae": VMF_VAE,
    "wgan": WGAN,
}


def glossary(room: str | None = None) -> Table:
    """Return the terms of a lesson, or those that all lessons share, as a table.

    Args:
        room: the lesson's room, for instance "rope_2d"; None for the shared terms.

    Raises:
        ValueError: if that lesson has no terms; the message lists those that have.
    """
    if room is not None and room not in TERMS:
        raise ValueError(f"room must be one of {', '.join(TERMS)}, got {room!r}")
    terms = COMMON if room is None else TERMS[room]
    return Table(
        ["English", "中文", "meaning"], [[term.english, term.chinese, term.meaning] for term in terms]
    )
