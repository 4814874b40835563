"""Data by name: embedded sets that need nothing, and real ones from a folder of yours or from the net."""

from sjedu.data.files import DamagedData, DataNotFound
from sjedu.data.images import IMAGE_SETS, Images, load_images

__all__ = ["IMAGE_SETS", "DamagedData", "DataNotFound", "Images", "load_images"]
