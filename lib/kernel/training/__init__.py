"""The loop that trains every recipe.

Checkpoints, losses and the selection of weights are here too.
"""
