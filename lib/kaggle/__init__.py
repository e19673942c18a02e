"""Pushes kernels to Kaggle, watches, fetches and submits them.

The ledger records each of these steps.
"""
