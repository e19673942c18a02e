"""Divides the time of a run.

Speeds are measured, automatic values are filled in, and sizes shrink where time is short.
"""
