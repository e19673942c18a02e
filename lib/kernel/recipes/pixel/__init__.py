"""An autoregressive model of 8-bit pixels is here.

It maximises their likelihood.
"""
