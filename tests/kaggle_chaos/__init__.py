"""Kills of the Kaggle loop: commands are ended at random moments, beside faults of their calls.

`python -m tests.kaggle_chaos` makes many, `make test` a few.
"""
