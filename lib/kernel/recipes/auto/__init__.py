"""Recipes compete here by successive halving.

What the images are like helps to decide.
"""
