"""Everything that a run needs on Kaggle is here, beside `lib.base`.

`main` starts it, `pipeline` tells it in order, and `training/train.py` has the loop.
"""
