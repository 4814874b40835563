"""The eight lessons: after which article each is, on what it builds, and what its reader takes away.

Facts about an article (title, date, address) stand here once; headers of notebooks, the course map and the
README are generated from them.
"""

from __future__ import annotations

import datetime
import importlib.util
from dataclasses import dataclass
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Article:
    """An article of Su Jianlin (苏剑林) on kexue.fm. The English title is ours."""

    title_zh: str
    title_en: str
    date: datetime.date
    url: str

    @property
    def number(self) -> int:
        """The article's number in the archive of kexue.fm."""
        return int(self.url.rsplit("/", 1)[-1])


@dataclass(frozen=True)
class Paper:
    """A paper that the lesson follows or tests."""

    authors: str
    title: str
    arxiv: str

    @property
    def url(self) -> str:
        """The paper's address."""
        return f"https://arxiv.org/abs/{self.arxiv}"


@dataclass(frozen=True)
class Lesson:
    """One lesson of the course.

    Attributes:
        number: its place in the list; the articles' themes, not the reading order.
        room: its room in the package (`sjedu.<room>`) and the name on the command line.
        title: in English.
        title_zh: in Chinese.
        article: the article it follows.
        papers: what else it follows or tests.
        question: the lesson's question, in a sentence.
        you_will: what its reader is able to do afterwards.
        minutes: for reading it and doing its exercises.
        runs_in: what the whole notebook stays under, run at once on two cores.
        needs: rooms of the lessons whose code it uses; read them first.
        after: rooms of the lessons that are worth reading first.
        stands_on: rooms of the package that are no lessons, but that it explains and uses.
    """

    number: int
    room: str
    title: str
    title_zh: str
    article: Article
    papers: tuple[Paper, ...]
    question: str
    you_will: tuple[str, ...]
    minutes: int
    runs_in: str = "a minute and a half"
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    stands_on: tuple[str, ...] = ()

    @property
    def available(self) -> bool:
        """Whether this version has the lesson whole: its room, and the claims that its notebook measured.

        If not, it is in preparation, though parts of its room may be there to be used.
        """
        spec = importlib.util.find_spec(f"sjedu.{self.room}")
        if spec is None or spec.origin is None:  # a mere folder of that name has no origin
            return False
        return Path(spec.origin).with_name("claims.json").is_file()

    @property
    def notebook(self) -> PurePosixPath:
        """The lesson's notebook, from the root of the repository."""
        return PurePosixPath("notebooks", f"{self.number:02d}_{self.room}.ipynb")


def lesson(room: str) -> Lesson:
    """Return the lesson of that room.

    Raises:
        ValueError: if there is none; the message lists the rooms that there are.
    """
    for each in LESSONS:
        if each.room == room:
            return each
    raise ValueError(f"room must be one of {', '.join(each.room for each in LESSONS)}, got {room!r}")


def _article(title_zh: str, title_en: str, date: str, number: int) -> Article:
    return Article(
        title_zh, title_en, datetime.date.fromisoformat(date), f"https://kexue.fm/archives/{number}"
    )


ROFORMER = Paper(
    "Su, Lu, Pan, Murtadha, Wen, Liu",
    "RoFormer: Enhanced Transformer with Rotary Position Embedding",
    "2104.09864",
)

LESSONS = (
    Lesson(
        number=1,
        room="wgan",
        title="WGAN, and what the Wasserstein distance has to do with it",
        title_zh="WGAN 与 Wasserstein 距离",
        article=_article(
            "WGAN的成功，可能跟Wasserstein距离没啥关系",
            "The success of WGAN may have little to do with the Wasserstein distance",
            "2021-03-15",
            8244,
        ),
        papers=(
            Paper(
                "Stanczuk, Etmann, Kreusser, Schönlieb",
                "Wasserstein GANs Work Because They Fail (to Approximate the Wasserstein Distance)",
                "2103.01678",
            ),
            Paper(
                "Mallasto, Montúfar, Gerolin",
                "How Well Do WGANs Estimate the Wasserstein Metric?",
                "1910.03875",
            ),
        ),
        question="Does a WGAN work because its critic measures the Wasserstein distance, or"
        " although it fails to?",
        you_will=(
            "derive the dual of optimal transport and the c-transform, and check both by linear programming",
            "compare what six kinds of critic estimate with the exact distance, and say which distance that is",
            "say why the critic that approximates best gives the blurrier samples",
        ),
        minutes=90,
    ),
    Lesson(
        number=2,
        room="p_tuning",
        title="P-tuning: prompts that are learnt",
        title_zh="P-tuning：自动构建模版",
        article=_article(
            "P-tuning：自动构建模版，释放语言模型潜能",
            "P-tuning: building templates automatically to free a language model's potential",
            "2021-04-03",
            8295,
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
        stands_on=("roformer",),
    ),
    Lesson(
        number=3,
        room="rope_2d",
        title="RoPE in two dimensions",
        title_zh="二维位置的旋转式位置编码",
        article=_article(
            "Transformer升级之路：4、二维位置的旋转式位置编码",
            "The Transformer upgrade path: 4. Rotary position encoding of two-dimensional positions",
            "2021-05-10",
            8397,
        ),
        papers=(
            ROFORMER,
            Paper("Heo, Park, Han, Yun", "Rotary Position Embedding for Vision Transformer", "2403.13298"),
        ),
        question="Which rotations give each cell of a grid its place, so that attention sees only offsets?",
        you_will=(
            "derive every two-dimensional RoPE from two demands, relativity and reversibility",
            "see exactly where quaternions fail, and how they can be made to work",
            "use a rotary embedding for grids in your own vision Transformer",
            "measure what it changes when the grid is not the one trained on",
        ),
        minutes=75,
        runs_in="a minute",
    ),
    Lesson(
        number=4,
        room="vmf_vae",
        title="A variational autoencoder on the sphere",
        title_zh="球面上的变分自编码器（vMF-VAE）",
        article=_article(
            "变分自编码器（七）：球面上的VAE（vMF-VAE）",
            "Variational autoencoders (7): the VAE on the sphere (vMF-VAE)",
            "2021-05-17",
            8404,
        ),
        papers=(
            Paper(
                "Davidson, Falorsi, De Cao, Kipf, Tomczak",
                "Hyperspherical Variational Auto-Encoders",
                "1804.00891",
            ),
            Paper("Xu, Durrett", "Spherical Latent Spaces for Stable Variational Autoencoders", "1808.10805"),
        ),
        question="Can a VAE be built so that its KL term cannot vanish, by putting the latent"
        " code on a sphere?",
        you_will=(
            "derive the von Mises–Fisher distribution, its entropy and its KL to the uniform one",
            "sample from it, differentiably and without overflow",
            "train a VAE on the sphere and say when it beats the Gaussian one",
        ),
        minutes=80,
    ),
    Lesson(
        number=5,
        room="dirac_smoothing",
        title="Smoothing functions with the Dirac delta",
        title_zh="用狄拉克函数构造光滑近似",
        article=_article(
            "用狄拉克函数来构造非光滑函数的光滑近似",
            "Building smooth approximations of non-smooth functions with the Dirac delta",
            "2021-10-10",
            8718,
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
    ),
    Lesson(
        number=6,
        room="roformer_sim",
        title="RoFormer-Sim: one model that retrieves and writes",
        title_zh="RoFormer-Sim：融合检索和生成",
        article=_article(
            "SimBERTv2来了！融合检索和生成的RoFormer-Sim模型",
            "SimBERTv2 is here: RoFormer-Sim, a model that joins retrieval and generation",
            "2021-06-11",
            8454,
        ),
        papers=(
            ROFORMER,
            Paper(
                "Dong, Yang, Wang, Wei, Liu, Wang, Gao, Zhou, Hon",
                "Unified Language Model Pre-training for Natural Language Understanding and Generation",
                "1905.03197",
            ),
            Paper(
                "Lewis, Liu, Goyal, Ghazvininejad, Mohamed, Levy, Stoyanov, Zettlemoyer",
                "BART: Denoising Sequence-to-Sequence Pre-training for Natural Language Generation,"
                " Translation, and Comprehension",
                "1910.13461",
            ),
        ),
        question="Can one Transformer learn sentence vectors and the writing of paraphrases at"
        " the same time?",
        you_will=(
            "encode and generate with one model, by its attention mask alone",
            "train retrieval and generation together, and switch off each objective in turn",
            "distil the geometry of a teacher's vectors",
        ),
        minutes=90,
        runs_in="two minutes",
        needs=("contrastive_accumulation",),
        after=("rope_2d",),
        stands_on=("roformer",),
    ),
    Lesson(
        number=7,
        room="contrastive_accumulation",
        title="Contrastive learning with gradient accumulation",
        title_zh="对比学习与梯度累积",
        article=_article(
            "对比学习可以使用梯度累积吗？",
            "Can contrastive learning use gradient accumulation?",
            "2021-06-17",
            8471,
        ),
        papers=(
            Paper(
                "Gao, Zhang, Han, Callan",
                "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
                "2101.06983",
            ),
            Paper(
                "Gao, Yao, Chen", "SimCSE: Simple Contrastive Learning of Sentence Embeddings", "2104.08821"
            ),
        ),
        question="Can the gradient of a large contrastive batch be had, exactly, in the memory"
        " of a small one?",
        you_will=(
            "see why adding up the gradients of small batches optimises another loss",
            "derive and use the two-pass gradient that equals the big batch's",
            "keep it exact under dropout and in several processes, and know what batch norm costs",
            "stream a loss over N × N pairs in memory that grows with N",
        ),
        minutes=75,
    ),
    Lesson(
        number=8,
        room="supervised_similarity",
        title="Labels for sentence similarity",
        title_zh="用人工标注数据增强 RoFormer-Sim",
        article=_article(
            "用开源的人工标注数据来增强RoFormer-Sim",
            "Strengthening RoFormer-Sim with open human-labelled data",
            "2021-07-19",
            8541,
        ),
        papers=(
            Paper(
                "Conneau, Kiela, Schwenk, Barrault, Bordes",
                "Supervised Learning of Universal Sentence Representations from Natural Language"
                " Inference Data",
                "1705.02364",
            ),
            Paper(
                "Reimers, Gurevych",
                "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks",
                "1908.10084",
            ),
        ),
        question="Why does a classifier that is thrown away teach a model similarity better than the"
        " cosine itself?",
        you_will=(
            "fine-tune sentence vectors on labelled pairs with four losses and compare them fairly",
            "explain what the classifier on (u, v, |u − v|) separates",
            "keep generation alive by distillation",
        ),
        minutes=80,
        runs_in="two minutes",
        needs=("roformer_sim",),
        after=("rope_2d",),
        stands_on=("roformer",),
    ),
)
