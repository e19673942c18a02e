"""Feeds hostile input to all that reads from outside: records, shard files, logs, API answers.

`python -m tests.fuzz` runs the targets, with atheris where that is installed.
"""
