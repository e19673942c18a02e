"""A finished run's output, checked against its own manifest and its own pictures.

Nothing here needs the run's input.
"""
