"""Recipe auto: other recipes compete by successive halving.

A description of the images helps to choose.
"""
