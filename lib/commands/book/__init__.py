"""A Config -> the text of its kernel, in the order in which a reader wants it.

First what it is and what to change, then chapters from the recipe to the machinery.
"""
