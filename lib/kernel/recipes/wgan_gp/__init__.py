"""The two public solutions, first-seed and second-seed.

Both are trained by WGAN-GP.
"""
