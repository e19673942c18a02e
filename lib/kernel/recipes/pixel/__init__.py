"""Recipe pixel: an autoregressive model of 8-bit pixels.

It maximises their likelihood.
"""
