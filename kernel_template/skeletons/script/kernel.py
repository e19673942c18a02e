"""my-competition: train.csv and test.csv come in, submission.csv goes out.

Input is the folder in KERNEL_INPUT, on Kaggle /kaggle/input, else ./input. Output is the folder in
KERNEL_OUTPUT, on Kaggle /kaggle/working, else the current one.
"""

import os
from pathlib import Path

from solution.features import make_features
from solution.model import estimate_accuracy, make_model
from solution.tables import find_folder, read_tables, write_submission

SEED = 0  # the same seed and data give the same submission


def choose_folder(variable: str, on_kaggle: str, here: str) -> Path:
    """(environment variable, Kaggle's folder, folder here) -> the first one that there is."""
    if os.environ.get(variable):
        return Path(os.environ[variable])
    return Path(on_kaggle) if Path(on_kaggle).is_dir() else Path(here)


def main() -> None:
    """Read the tables, train a model, predict and write the submission."""
    source = choose_folder("KERNEL_INPUT", "/kaggle/input", "input")
    target = choose_folder("KERNEL_OUTPUT", "/kaggle/working", ".")
    tables = read_tables(find_folder(source))
    features = make_features(tables)
    model = make_model(features, SEED)
    print(estimate_accuracy(model, features, tables.labels, SEED), flush=True)
    model.fit(features.train, tables.labels)
    path = write_submission(target, tables, model.predict(features.test))
    print(f"{path}: {len(tables.test):,} rows of {tables.key},{tables.target}", flush=True)


if __name__ == "__main__":
    main()
