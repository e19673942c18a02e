"""Kaggle's limits for bundles, pushes and runs."""

SOURCE_BYTES = 900_000  # of a kernel's source; Kaggle refuses one megabyte
SESSION_MINUTES = 720  # then Kaggle ends a run
WEEK_HOURS = 30  # of a GPU, free of charge, for each user
