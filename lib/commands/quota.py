"""A run's minutes -> the share of the weekly GPU hours that it may take."""

from lib.base.kaggle_limits import SESSION_MINUTES, WEEK_HOURS


def describe_quota(minutes: float) -> str:
    """The `minutes` of a run -> a sentence for the user who builds or pushes it."""
    minutes = min(minutes, SESSION_MINUTES)
    share = max(minutes / (60 * WEEK_HOURS), 0.01)
    return f"at most {minutes:g} min, {share:.0%} of Kaggle's {WEEK_HOURS} GPU hours a week"
