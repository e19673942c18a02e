"""A folder with train.csv and test.csv -> tables; predictions -> submission.csv."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Tables:
    """A competition's tables; every cell is text as in its file, or NaN where it is empty."""

    train: pd.DataFrame
    test: pd.DataFrame
    key: str  # the column that names a row; it is the first one
    target: str  # the column to predict; only train has it

    @property
    def labels(self) -> "pd.Series[Any]":
        """The target of each row of train."""
        return self.train[self.target]


def find_folder(top: Path) -> Path:
    """A folder -> the one folder in it, at any depth, that has train.csv and test.csv."""
    walk = os.walk(top, followlinks=True)
    found = sorted(folder for folder, _, files in walk if {"train.csv", "test.csv"} <= {*files})
    if len(found) != 1:
        raise ValueError(
            f"read: expected one folder with train.csv and test.csv below {top.absolute()}, got "
            f"{' and '.join(found) or 'none'}; cure: set KERNEL_INPUT to the folder that has them"
        )
    return Path(found[0])


def read_tables(folder: Path) -> Tables:
    """Read both tables; rows of train without a target are left out, and counted."""
    train, test = (
        pd.read_csv(folder / name, dtype=str).astype(object) for name in ("train.csv", "test.csv")
    )
    only_train = [name for name in train.columns if name not in test.columns]
    if len(only_train) != 1:
        raise ValueError(
            f"read: expected one column that train.csv has and test.csv has not, got {only_train}; "
            "cure: write the name of the column to predict into read_tables"
        )
    target = only_train[0]
    labelled = train.dropna(subset=[target]).reset_index(drop=True)
    print(
        f"read: {len(labelled):,} rows to learn from ({len(train) - len(labelled):,} without "
        f"{target} left out), {len(test):,} to predict",
        flush=True,
    )
    return Tables(labelled, test, key=str(test.columns[0]), target=target)


def write_submission(folder: Path, tables: Tables, predictions: np.ndarray) -> Path:
    """Write submission.csv, a row for each row of test in its order; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "submission.csv"
    rows = pd.DataFrame({tables.key: tables.test[tables.key], tables.target: predictions})
    rows.to_csv(path, index=False)
    return path
