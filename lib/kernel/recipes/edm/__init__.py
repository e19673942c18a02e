"""Recipe edm: a small diffusion model.

Its samples are drawn by Heun's method.
"""
