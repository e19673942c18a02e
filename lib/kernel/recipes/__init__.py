"""Each way to train a generator has a folder here: its values, networks, training step and samples.

The table lists them; the run gets one of them as a `Recipe` and knows none by name.
"""
