import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from sjedu.course.normalise import dumps, normalise

VIEW = "application/vnd.jupyter.widget-view+json"


def figure(alt: str):
    data = {"image/png": "iVBORw0KGgo=", "text/plain": alt}
    return new_output("display_data", data=data, metadata={"image/png": {"alt": alt, "width": 5}, "other": 1})


def code(*outputs, **metadata):
    return new_code_cell("x", outputs=list(outputs), execution_count=1, metadata=metadata)


def only_cell(cell):
    return normalise(new_notebook(cells=[cell])).cells[0]


def test_metadata_is_the_same_for_all():
    notebook = new_notebook(
        metadata={
            "widgets": {"state": 1},
            "kernelspec": {"name": "mine", "display_name": "Mine"},
            "language_info": {"name": "python", "version": "3.11.7"},
        }
    )
    assert normalise(notebook).metadata == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def test_cell_metadata_keeps_what_means_something():
    kept = {"tags": ["nbval-ignore-output"], "sjedu": {"not_compared": "time"}}
    cell = only_cell(code(**kept, execution={"iopub.status.busy": "now"}, collapsed=False))
    assert cell.metadata == kept


def test_alt_text_reaches_the_site():
    assert only_cell(code(figure("A disc."))).metadata.mystnb == {"image": {"alt": "A disc."}}


def test_alt_text_of_a_figure_that_is_gone_is_dropped():
    assert "mystnb" not in only_cell(code(mystnb={"image": {"alt": "old"}})).metadata


def test_two_figures_in_a_cell_are_refused():
    cell = code(figure("One."), figure("Two."))
    cell.id = "two"
    with pytest.raises(ValueError, match="cell two must show one figure, not 2"):
        only_cell(cell)


def test_widget_views_are_dropped_their_text_stays():
    output = new_output("display_data", data={VIEW: {"model_id": "af3"}, "text/plain": "a slider"})
    assert only_cell(code(output)).outputs[0].data == {"text/plain": "a slider"}


def test_the_commit_that_ran_is_dropped_and_columns_stay():
    text = "sjedu                                  Python\n0.1.0, this clone, commit fb89f89, changed  3.11\n"
    record = "torch 2.13.0, commit fb89f89, seed 0"
    data = {"text/plain": text, "text/markdown": record}
    kept = only_cell(code(new_output("execute_result", data=data))).outputs[0].data
    assert kept["text/plain"] == text.replace(", commit fb89f89, changed", ", commit …               ")
    assert kept["text/markdown"] == record


def test_stream_pieces_are_joined():
    pieces = [("stdout", "a"), ("stdout", "b\n"), ("stderr", "c"), ("stdout", "d")]
    outputs = [new_output("stream", name=name, text=text) for name, text in pieces]
    found = [(output.name, output.text) for output in only_cell(code(*outputs)).outputs]
    assert found == [("stdout", "ab\n"), ("stderr", "c"), ("stdout", "d")]


def test_ids_are_kept_completed_and_unique():
    notebook = new_notebook(cells=[new_markdown_cell(str(n)) for n in range(4)])
    for cell, id in zip(notebook.cells, ["a", "a", None, "cell-1"], strict=True):
        cell.id = id
    assert [cell.id for cell in normalise(notebook).cells] == ["a", "cell-1-2", "cell-2", "cell-1"]


def test_old_format_gets_ids():
    old = nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 4,
            "metadata": {},
            "cells": [{"cell_type": "raw", "source": "", "metadata": {}}],
        }
    )
    new = normalise(old)
    nbformat.validate(new)
    assert (new.nbformat_minor, new.cells[0].id) == (5, "cell-0")


def test_normalising_again_changes_nothing():
    notebook = new_notebook(cells=[code(figure("A disc."), tags=["a"]), new_markdown_cell("b")])
    once = normalise(notebook)
    assert normalise(once) == once
    assert normalise(nbformat.reads(dumps(once), as_version=4)) == once


def test_the_given_notebook_is_not_changed():
    notebook = new_notebook(cells=[code(execution={"shell.execute_reply": "now"})], metadata={"widgets": {}})
    normalise(notebook)
    assert "widgets" in notebook.metadata
    assert "execution" in notebook.cells[0].metadata


def test_text_is_stable():
    text = dumps(normalise(new_notebook(cells=[new_markdown_cell("二维")])))
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert "二维" in text
    assert list(json.loads(text)) == ["cells", "metadata", "nbformat", "nbformat_minor"]


def test_invalid_notebook_is_refused():
    with pytest.raises(nbformat.ValidationError):
        dumps(new_notebook(cells=[{"cell_type": "poem", "metadata": {}, "source": "", "id": "a"}]))


def test_progress_bars_are_dropped():
    bar = new_output("display_data", data={"text/plain": "rope_2d:   0%|          | 0/700 [00:00<?, ?it/s]"})
    line = new_output("display_data", data={"text/plain": "about 5% of 700"})
    cell = normalise(new_notebook(cells=[new_code_cell("", outputs=[bar, line])])).cells[0]
    assert [output.data["text/plain"] for output in cell.outputs] == ["about 5% of 700"]
