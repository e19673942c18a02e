"""Everything that a run needs on Kaggle is here, beside `lib.base`.

`main` starts it and `pipeline` tells it.
"""
