"""Kernels are pushed to Kaggle, watched, fetched and submitted here.

The ledger records each of these.
"""
