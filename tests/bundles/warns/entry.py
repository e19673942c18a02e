import warnings

from lib.old import deprecated, helper

warnings.simplefilter("always")
deprecated()
helper()
warnings.warn("of the entry")
warnings.warn("twice", UserWarning)


def inner():
    warnings.warn("for my caller", FutureWarning, stacklevel=2)


inner()
with warnings.catch_warnings(record=True) as caught:
    helper()
print([(str(one.message), one.lineno, one.filename.rsplit("/", 1)[-1]) for one in caught])
