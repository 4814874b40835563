"""The ways to make a classifier of a pretrained model and a few labels: what each learns, and where it begins.

`METHODS` lists them. `build_classifier` puts into a model what a method needs, `restart` begins a training anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from sjedu.p_tuning.adapter import add_adapters
from sjedu.p_tuning.backbone import Backbone
from sjedu.p_tuning.classifier import ClozeClassifier, HeadClassifier
from sjedu.p_tuning.prompt import EncoderKind, PromptEncoder, freeze, insert_prompt, word_table
from sjedu.p_tuning.tasks import VERBALIZER
from sjedu.p_tuning.template import Template, Verbalizer, Vocabulary

Learns: TypeAlias = Literal["nothing", "head", "prompt", "adapters", "everything"]
Start: TypeAlias = Literal["words", "template", "unused", "random"]
Classifier: TypeAlias = ClozeClassifier | HeadClassifier

#: The words at which a prompt of start "template" begins: three before the text, three between it and the blank.
TEMPLATE_WORDS = "总之，总之我"

#: Prompt tokens 1 to 8 are for prompts; these two may become words of the classes.
LEARNT_WORDS = Verbalizer(("[unused15]", "[unused16]"))


@dataclass(frozen=True)
class Method:
    """One way to make a classifier.

    Attributes:
        learns: which parameters are trained; the others keep every bit.
        prompt: how prompt vectors are made; None for a human template, or for a dense head.
        dense: whether a fresh dense layer classifies instead of a word in the blank.
        start: where prompt vectors begin: at random vectors of the table's size, at words drawn from the vocabulary,
            at `TEMPLATE_WORDS`, or at the rows that the [unused] tokens have.
        auxiliary: weight of the loss of an auxiliary objective.
        learnt_words: whether the classes' words are [unused] tokens, learnt like everything else.
        learning_rate: at its highest.
    """

    learns: Learns
    prompt: EncoderKind | None = None
    dense: bool = False
    start: Start = "random"
    auxiliary: float = 0.0
    learnt_words: bool = False
    learning_rate: float = 1e-3


MethodName: TypeAlias = Literal[
    "zero_shot",
    "probe",
    "fine_tune",
    "pet",
    "adapter",
    "p_tuning",
    "p_tuning_auxiliary",
    "p_tuning_lstm",
    "p_tuning_mlp",
    "p_tuning_template",
    "p_tuning_unused",
    "p_tuning_words",
    "p_tuning_full",
    "p_tuning_full_words",
]

METHODS: dict[str, Method] = {
    "zero_shot": Method("nothing"),
    "probe": Method("head", dense=True, learning_rate=1e-2),
    "fine_tune": Method("everything", dense=True, learning_rate=1e-4),
    "pet": Method("everything", learning_rate=3e-5),
    "adapter": Method("adapters", learning_rate=1e-3),
    "p_tuning": Method("prompt", "embedding", learning_rate=3e-2),
    "p_tuning_auxiliary": Method("prompt", "embedding", auxiliary=1.0, learning_rate=3e-2),
    "p_tuning_lstm": Method("prompt", "lstm", learning_rate=1e-3),
    "p_tuning_mlp": Method("prompt", "mlp", learning_rate=1e-3),
    "p_tuning_template": Method("prompt", "embedding", start="template", learning_rate=3e-2),
    "p_tuning_unused": Method("prompt", "embedding", start="unused", learning_rate=1e-2),
    "p_tuning_words": Method("prompt", "embedding", start="words", learning_rate=1e-2),
    "p_tuning_full": Method("everything", "embedding", learning_rate=3e-4),
    "p_tuning_full_words": Method("everything", "embedding", learnt_words=True, learning_rate=3e-4),
}


def build_classifier(
    method: Method, backbone: Backbone, vocabulary: Vocabulary, template: Template | None
) -> Classifier:
    """Return a classifier in which what the method learns can be learnt, and nothing else.

    Args:
        method: what is learnt.
        backbone: the pretrained model. It is changed.
        vocabulary: its vocabulary.
        template: whose prompt tokens are to be learnt; does not matter for methods without a prompt.
    """
    freeze(backbone)
    if method.prompt:
        assert template is not None
        tokens = template.prompt_tokens
        insert_prompt(
            backbone, vocabulary.prompts[:tokens], fresh_prompt(method, backbone, vocabulary, tokens)
        )
    if method.learns == "adapters":
        add_adapters(backbone)
    words = LEARNT_WORDS if method.learnt_words else VERBALIZER
    classifier: Classifier = (
        HeadClassifier(backbone, len(words.words))
        if method.dense
        else ClozeClassifier(backbone, words.ids(vocabulary))
    )
    if method.learns == "everything":
        classifier.requires_grad_(True)
    return classifier


def fresh_prompt(method: Method, backbone: Backbone, vocabulary: Vocabulary, tokens: int) -> PromptEncoder:
    """Return the start of a prompt, drawn by the global random number generator."""
    assert method.prompt is not None
    table = word_table(backbone).weight.detach().cpu()
    if method.prompt != "embedding":
        return PromptEncoder(tokens, table.shape[1], method.prompt)
    match method.start:
        case "random":
            return PromptEncoder(tokens, table.shape[1], std=float(table.std()))
        case "unused":
            rows = torch.tensor(vocabulary.prompts[:tokens])
        case "template":
            rows = torch.tensor([vocabulary.word(word) for word in TEMPLATE_WORDS[:tokens]])
        case "words":
            words = torch.tensor(vocabulary.word_ids())
            rows = words[torch.randint(len(words), (tokens,))]
    return PromptEncoder(tokens, table.shape[1], start=table[rows])


def learnt(classifier: Classifier) -> dict[str, Tensor]:
    """Return a copy of the parameters that are learnt, by name: what `restart` goes back to."""
    return {
        name: parameter.detach().clone()
        for name, parameter in classifier.named_parameters()
        if parameter.requires_grad
    }


def restart(
    classifier: Classifier, pretrained: dict[str, Tensor], method: Method, vocabulary: Vocabulary, seed: int
) -> None:
    """Go back to the pretrained weights, and draw anew what was never pretrained: a prompt, or a dense head."""
    classifier.load_state_dict(pretrained, strict=False)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if isinstance(classifier, HeadClassifier):
            classifier.reset()
        if method.prompt:
            prompt: PromptEncoder = classifier.backbone.words.prompt
            tokens = len(prompt.embedding.weight)
            prompt.load_state_dict(fresh_prompt(method, classifier.backbone, vocabulary, tokens).state_dict())
