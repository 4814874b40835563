"""The site: the notebooks as they are stored, outputs included. Nothing is executed here."""

import shutil
from pathlib import Path

HERE = Path(__file__).parent

# Sphinx reads sources below its own folder only.
shutil.copytree(HERE.parent / "notebooks", HERE / "_notebooks", dirs_exist_ok=True)

project = "sjedu"
extensions = ["myst_nb"]
html_theme = "sphinx_book_theme"
html_title = "sjedu: eight lessons after Su Jianlin"
html_theme_options = {"use_download_button": True, "home_page_in_toc": True}
exclude_patterns = ["_build", "**/.ipynb_checkpoints"]

nb_execution_mode = "off"
# The first level heading of a lesson is its title; sections are numbered by hand in the text.
myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_heading_anchors = 3
# A stored widget view cannot move without a kernel; the picture beside each widget is what the site shows.
nb_mime_priority_overrides = [("html", "application/vnd.jupyter.widget-view+json", None)]
suppress_warnings = ["mystnb.unknown_mime_type", "myst.header"]
