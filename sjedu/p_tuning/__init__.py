"""Lesson 2: P-tuning, prompts that are learnt (自动构建模版).

A few labels and a pretrained model make a classifier: by a cloze whose prompt is made of words, or of learnt vectors.

To read: `theory` (which rows get a gradient, and what moves without one), `template` (a task as a cloze), `prompt`
(vectors in the place of words; all else frozen), `classifier`, `methods` (what each way learns), `tasks` (draws of
labels), `experiment` (the training loop), `results` (what was recorded, beside a bag of characters), `claims`,
`exercises`.
May be skipped: `backbone` (our models and those of Transformers in one form), `adapter` (one of the methods), `paths`
and `widgets` (pictures).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
