from .accumulation import RandomState as RandomState
from .accumulation import accumulate as accumulate
from .batch_norm import accumulate_batch_norm as accumulate_batch_norm
from .experiment import PRESETS as PRESETS
from .experiment import train as train
from .losses import info_nce as info_nce
