"""A trained network draws images here.

The temperature to draw with is looked for here too.
"""
