"""One way to talk to the language models of this lesson: our RoFormer's, and those of Transformers."""

from __future__ import annotations

from typing import Any

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from sjedu.roformer import LanguageModel, causal_mask


class Backbone(nn.Module):
    """A language model, its table of words, its layers and its head over words.

    Args:
        model: a `sjedu.roformer.LanguageModel`, or a model of Transformers with a head over words, for instance
            `BertForMaskedLM`, `RoFormerForMaskedLM` or `GPT2LMHeadModel`.
        causal: whether a token sees only what stands before it. For our model this is a mask and a matter of
            choice; a model of Transformers is what it is.

    Raises:
        TypeError: the model is of another kind.
    """

    def __init__(self, model: nn.Module, causal: bool = False) -> None:
        super().__init__()
        ours = isinstance(model, LanguageModel)
        if not ours and not hasattr(model, "get_input_embeddings"):
            raise TypeError(
                f"model: got {type(model).__name__}; expected our LanguageModel or one of Transformers"
            )
        self.model: Any = model
        self.ours, self.causal = ours, causal

    @property
    def dim(self) -> int:
        """The width of the hidden states."""
        return int(self.model.config.hidden_size)

    @property
    def words(self) -> Any:
        """The module that looks ids up: an `nn.Embedding`, unless something was put in its place."""
        return self.model.roformer.embeddings.words if self.ours else self.model.get_input_embeddings()

    def replace_words(self, module: nn.Module) -> None:
        """Put another module in the place of `words`; a setter would not do, as `nn.Module` keeps modules itself."""
        if self.ours:
            self.model.roformer.embeddings.words = module
        else:
            self.model.set_input_embeddings(module)

    @property
    def layers(self) -> nn.ModuleList:
        """The layers, in order; they may be replaced.

        Raises:
            TypeError: the model has no list of layers.
        """
        if self.ours:
            return self.model.roformer.blocks  # type: ignore[no-any-return]
        lists = [module for module in self.model.modules() if isinstance(module, nn.ModuleList)]
        if not lists:
            raise TypeError(
                f"model: got {type(self.model).__name__}; expected an nn.ModuleList of layers in it"
            )
        return max(lists, key=len)

    def forward(
        self, ids: Int64[Tensor, "batch tokens"], attention_mask: Bool[Tensor, "batch tokens"]
    ) -> Float[Tensor, "batch tokens dim"]:
        """Return the last hidden states.

        Args:
            ids: of the tokens, padded behind.
            attention_mask: true where a token stands.
        """
        if not self.ours:
            hidden: Tensor = self.model.base_model(
                input_ids=ids, attention_mask=attention_mask.long()
            ).last_hidden_state
            return hidden
        # Nobody looks at padding behind a causal text, and a row without keys to look at would be NaN.
        mask = causal_mask(ids.shape[1], device=ids.device) if self.causal else attention_mask[:, None]
        # Looked up here, as ids of prompt tokens may lie behind the end of the vocabulary.
        ours: Tensor = self.model.roformer(words=self.model.roformer.embed(ids), mask=mask)
        return ours

    def word_logits(self, hidden: Float[Tensor, "*places dim"]) -> Float[Tensor, "*places vocabulary"]:
        """Return the logits of every word, from last hidden states."""
        if self.ours:
            logits: Tensor = self.model.logits(hidden)
            return logits
        head = self.model.cls if hasattr(self.model, "cls") else self.model.get_output_embeddings()
        theirs: Tensor = head(hidden)
        return theirs
