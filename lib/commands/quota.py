"""A run's minutes -> which share of a Kaggler's weekly GPU hours it may take."""

from lib.base.kaggle_limits import SESSION_MINUTES, WEEK_HOURS


def describe_quota(minutes: float) -> str:
    """The `minutes` of a run -> one sentence for those who build or push it."""
    minutes = min(minutes, SESSION_MINUTES)
    share = max(minutes / (60 * WEEK_HOURS), 0.01)
    return f"at most {minutes:g} min, {share:.0%} of Kaggle's {WEEK_HOURS} GPU hours a week"
