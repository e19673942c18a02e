"""A run's minutes -> which share of a Kaggler's weekly GPU hours it may take."""

WEEK_HOURS = 30  # of a GPU, free of charge, for each user


def describe_quota(minutes: float) -> str:
    """The `minutes` of a run -> one sentence for those who build or push it."""
    share = minutes / (60 * WEEK_HOURS)
    return f"at most {minutes:g} min, {share:.0%} of Kaggle's {WEEK_HOURS} GPU hours a week"
