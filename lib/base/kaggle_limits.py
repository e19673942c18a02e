"""Kaggle's rules -> the limits that bundles, pushes and runs have to keep."""

SOURCE_BYTES = 900_000  # of a kernel's source; Kaggle refuses one megabyte
SESSION_MINUTES = 720  # then Kaggle ends a run
WEEK_HOURS = 30  # of a GPU, free of charge, for each user
