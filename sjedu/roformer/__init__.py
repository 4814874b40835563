"""RoFormer, the Transformer that lessons 2, 6 and 8 stand on, and how it is trained.

To read: `rotary` (positions by rotation), `masks` (who may look at whom), `model` (`Attention`, `Block` and
`RoFormer.forward`; leave out `Cache` and `Inside` at first: they are for speed), `config` (its sizes), `tokenizer`,
`pretraining` (batches, hidden words, losses) and `experiment` (the training loop).
May be skipped: `theory` (the model once more, exact and slow, for the tests), `pooling` (one vector for a text),
`weights` (published files and ours, the small models among them), `card` (what such a file says of itself).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
