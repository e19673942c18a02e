"""The time of a run is divided here.

Speeds are measured here, automatic values filled in, and sizes yield where time is short.
"""
