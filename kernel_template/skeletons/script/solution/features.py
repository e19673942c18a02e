"""Tables of text -> numbers and categories that a model can read."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from solution.tables import Tables


@dataclass(frozen=True)
class Features:
    """The columns that a model reads; NaN where a value is missing."""

    train: pd.DataFrame
    test: pd.DataFrame
    numbers: list[str]  # names of float columns
    categories: list[str]  # names of text columns


def make_features(tables: Tables) -> Features:
    """Sort the columns into numbers and categories; a column without any value is left out.

    A column of numbers is one whose values all read as numbers, in train and in test.
    """
    train, test = pd.DataFrame(index=tables.train.index), pd.DataFrame(index=tables.test.index)
    numbers, categories = [], []
    for name in tables.test.columns:
        column, other = tables.train[name], tables.test[name]
        if name == tables.key or column.isna().all():
            continue
        if _holds_numbers(column) and _holds_numbers(other):
            train[name], test[name] = _read_numbers(column), _read_numbers(other)
            numbers.append(name)
        else:
            train[name], test[name] = column, other
            categories.append(name)
    print(f"features: numbers {numbers}, categories {categories}", flush=True)
    return Features(train, test, numbers, categories)


def _holds_numbers(column: "pd.Series[Any]") -> bool:
    return bool(pd.to_numeric(column, errors="coerce").notna().equals(column.notna()))


def _read_numbers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    return pd.to_numeric(column).astype(float).replace([np.inf, -np.inf], np.nan)
