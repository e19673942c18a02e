"""Competitions: their data come in, a submission goes out.

The contract is what a run knows of any of them. Each has a folder of its own; what several use
stands beside the folders.
"""
