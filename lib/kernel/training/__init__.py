"""The loop that trains every recipe is here.

Checkpoints, losses and the choice of weights serve it.
"""
