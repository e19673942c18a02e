"""What may be asked of Kaggle: signing in, kernels, files, submissions.

Each call has a deadline, and every failure becomes one error with a cure.
"""
