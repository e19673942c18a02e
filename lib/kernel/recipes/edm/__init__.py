"""A small diffusion model is here.

Heun's method draws from it.
"""
