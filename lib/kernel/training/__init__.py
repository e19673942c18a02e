"""The training loop: the same for every recipe.

The loop stands in train.py: it asks the recipe's trainer for a step and cares for all between
two steps (log, checkpoints, the clock, measures, the way back after a divergence). What a trainer
inherits is in trainer.py and, for a generator with a critic, in adversarial.py. A run that was
stopped goes on from its checkpoint to the same weights, for every random number depends on (seed,
stage, step) alone.
"""
