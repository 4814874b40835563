from .comparison import Comparison as Comparison
from .record import Record as Record
from .record import RecordError as RecordError
from .record import load_records as load_records
from .statistics import Spread as Spread
from .statistics import lead as lead
