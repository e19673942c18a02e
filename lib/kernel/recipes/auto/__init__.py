"""Recipe auto: pixel, r3gan and edm compete for the time.

The idea: which recipe suits some data shows after a small share of the time. So all train for that
long, the better half goes on for as much again, and the last one has all the rest (successive
halving, arXiv:1502.07943). FID against the validation half decides. Look at `halve_successively`.
"""
