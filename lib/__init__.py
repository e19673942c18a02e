"""The sources: lib.base and lib.kernel ship to Kaggle.

All other folders stay on the user's machine.
"""
