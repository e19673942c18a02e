"""What all commands have in common on a terminal: their help and the lists of keys and recipes.

Nothing here needs a package, so help appears at once in plain Python.
"""
