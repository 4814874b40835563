"""What the recorded runs found: accuracies by method and number of labels, beside those of a bag of characters.

All methods learn from the same draws of labels, so a figure is a spread over draws, and two methods are compared draw
by draw.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from sjedu.figures.tables import Table
from sjedu.p_tuning.methods import METHODS
from sjedu.p_tuning.tasks import DATASETS, PLACES, Dataset, Labelled, Place, Task, load_task
from sjedu.records import Runs, Spread, load_runs


def accuracies(runs: Runs, labels: int) -> Spread:
    """Return the test accuracies of one method, learnt from so many labels: one for each draw.

    A draw is known by the most labels that its run draws, and its number: draws of other sizes are other reviews.
    """
    spread, most = runs.values(("accuracy", str(labels)), over=("draw",)), max(runs.one().config["labels"])
    return Spread(spread.values, tuple((most, draw) for draw in range(spread.n)))


def budgets(runs: Runs) -> list[int]:
    """Return the numbers of labels that any of the runs has learnt from."""
    return sorted({int(labels) for run in runs for labels in run.metrics["accuracy"]})


def budget_curves(objective: str) -> dict[str, dict[int, Spread]]:
    """Return of each method of the study "cpu", prompts on both sides, the accuracies by number of labels."""
    runs = load_runs("p_tuning").where(study="cpu", objective=objective, place="both")
    return {
        method: {labels: accuracies(group, labels) for labels in budgets(group)}
        for method, group in runs.by("method", order=list(METHODS)).items()
    }


def accuracy_table(study: str = "cpu", objective: str = "mlm") -> Table:
    """Return a study: first the trivial baselines, then a row for each method; half the 95 % interval over draws."""
    runs = load_runs("p_tuning").where(study=study, objective=objective)
    fields = ("dataset", "method", "place")
    learnt = {key: group.one().metrics["parameters"] for key, group in runs.by(*fields).items()}

    def label(dataset: Dataset, method: str, place: Place) -> str:
        names = [method] if place == "both" else [method, place]
        which = "" if dataset == "embedded" else f"{dataset}, "
        return f"{which}{', '.join(names)}: {learnt[dataset, method, place]:,}"

    columns = {labels: f"{labels} labels" for labels in budgets(runs)}
    embedded = runs.has(dataset="embedded")
    bag = {column: bag_accuracies(labels) for labels, column in columns.items()} if embedded else {}
    table = runs.table(
        fields,
        {column: ("accuracy", str(labels)) for labels, column in columns.items()},
        order=[
            (dataset, method, place) for dataset in DATASETS for method in METHODS for place in PLACES["mlm"]
        ],
        label=label,
        heading="method: how many numbers it learns",
        baselines={"guessing": 0.5} | ({"bag of characters": bag} if embedded else {}),
        over=("draw",),
        digits=2,
        interval=True,
    )
    if embedded:
        return table
    missing = (
        "There is no row for a bag of characters: it would have to learn from these reviews, which do not come with the"
        " course."
    )
    return replace(table, notes=[*table.notes, missing])


def bag_of_characters(train: Labelled, test: Labelled) -> float:
    """Return the accuracy of logistic regression on which characters and pairs of them a text has.

    What a classifier can tell without any pretraining: a method that does not beat it has gained nothing from its
    pretrained model.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    counter = CountVectorizer(analyzer="char", ngram_range=(1, 2), binary=True)
    model = LogisticRegression(max_iter=1000).fit(counter.fit_transform(train.texts), train.labels.numpy())
    return float(np.mean(model.predict(counter.transform(test.texts)) == test.labels.numpy()))


@cache
def bag_accuracies(labels: int, most: int = 256, draws: int = 5) -> Spread:
    """Return the accuracies of a bag of characters on the draws of embedded reviews that recorded runs learnt from."""
    task = _embedded(most, draws)
    values = [bag_of_characters(draw.train.first(labels), task.test) for draw in task.draws]
    return Spread(tuple(values), tuple((most, draw) for draw in range(draws)))


@cache
def _embedded(most: int, draws: int) -> Task:
    return load_task("embedded", most, draws)
