"""One folder for each way to train a generator: its values, networks, training step and samples.

The table lists them. The run gets one of them as a `Recipe` and knows none by name.
"""
