from .files import DamagedData as DamagedData
from .files import DataNotFound as DataNotFound
from .images import IMAGE_SETS as IMAGE_SETS
from .images import Images as Images
from .images import load_images as load_images
