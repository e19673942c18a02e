"""Features -> a classifier: gaps are filled, categories become columns, trees are boosted."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from solution.features import Features

MOST_CATEGORIES = 20  # of a column; rarer ones share a column, and so do unknown ones
MOST_CLASSES = 100  # more are no classes but numbers


def make_model(features: Features, seed: int) -> Pipeline:
    """Make the untrained model; for a target that is a number put HistGradientBoostingRegressor."""
    numbers = SimpleImputer(strategy="median", add_indicator=True)
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(max_categories=MOST_CATEGORIES, handle_unknown="infrequent_if_exist"),
    )
    columns = ColumnTransformer(
        [("numbers", numbers, features.numbers), ("categories", categories, features.categories)],
        sparse_threshold=0.0,  # boosting reads dense arrays alone
    )
    boosting = HistGradientBoostingClassifier(min_samples_leaf=5, max_iter=50, random_state=seed)
    return make_pipeline(columns, boosting)


def estimate_accuracy(
    model: Pipeline, features: Features, labels: "pd.Series[Any]", seed: int, folds: int = 5
) -> str:
    """Train on all folds but one and predict that one, for each of them -> a line that says it."""
    counts = np.unique(labels, return_counts=True)[1]
    if not 2 <= len(counts) <= MOST_CLASSES:
        raise ValueError(
            f"model: expected a target of 2 to {MOST_CLASSES} classes, got {len(counts)}; cure: "
            "for a target that is a number, take a regressor in make_model and another score here"
        )
    if min(counts) < folds:
        return f"accuracy: not measured, the rarest class has less than {folds} rows"
    split = StratifiedKFold(folds, shuffle=True, random_state=seed)
    scores = cross_val_score(model, features.train, labels, cv=split, error_score="raise")
    return f"accuracy: {scores.mean():.3f} +- {scores.std():.3f} in {folds} folds"
