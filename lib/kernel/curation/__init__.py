"""The images to submit are chosen out of a pool here.

The subset of least FID is looked for by exchanges, and a proof shows what the choice is worth.
"""
