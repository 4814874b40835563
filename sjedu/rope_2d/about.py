"""What the course says of lesson 3: its article, its question, its words, its place on the map."""

import datetime

from sjedu.course.lessons import Article, Lesson, Paper, Term

TERMS = (
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

LESSON = Lesson(
    number=3,
    room="rope_2d",
    title="RoPE in two dimensions",
    title_zh="二维位置的旋转式位置编码",
    article=Article(
        "Transformer升级之路：4、二维位置的旋转式位置编码",
        "The Transformer upgrade path: 4. Rotary position encoding of two-dimensional positions",
        datetime.date(2021, 5, 10),
        number=8397,
    ),
    papers=(
        Paper(
            "Su, Lu, Pan, Murtadha, Wen, Liu",
            "RoFormer: Enhanced Transformer with Rotary Position Embedding",
            "2104.09864",
        ),
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
    place=(0.0, 0.5),
    terms=TERMS,
)
