"""The two public solutions are here.

Both are trained by WGAN-GP.
"""
