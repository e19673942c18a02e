"""Kaggle's limits for bundles, pushes, runs and their outputs."""

SOURCE_BYTES = 900_000  # of a kernel's source; Kaggle refuses one megabyte
SESSION_MINUTES = 720  # then Kaggle ends a run
OUTPUT_FILES = 500  # of a version
OUTPUT_BYTES = 20 * 10**9
WEEK_HOURS = 30  # of a GPU, free of charge, for each user
