"""Competitions are known here: their data come in, a submission goes out.

The contract is what a run knows of any competition; all other modules are the GAN Challenge's own.
"""
