"""Recipe edm: a diffusion model turns noise into pictures step by step.

The idea: a network learns to remove noise of any strength from real pictures. To draw one, begin
with noise alone and remove it in 18 steps (EDM, arXiv:2206.00364, table 1). Look at `Denoiser` for
how inputs and outputs are scaled, and at heun.py for the steps.
"""
