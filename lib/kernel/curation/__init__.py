"""The images to submit are chosen out of a pool here.

A search by exchanges looks for the subset of least FID. A proof shows what the choice is worth.
"""
