"""Planning: the time of a run is divided.

Speeds are measured first, on a few pictures. Then training gets what the rest leaves, and sizes
shrink where time is short.
"""
