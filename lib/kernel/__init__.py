"""Everything that a run needs on Kaggle, apart from `lib.base`.

`main` starts the run, `pipeline` has its stages in order, and `training/train.py` has the loop.
"""
