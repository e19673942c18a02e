"""Kills of whole runs: processes of the built kernel are ended at random moments.

`python -m tests.chaos` makes many, `make test` a few.
"""
