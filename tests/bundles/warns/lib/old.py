import warnings


def deprecated():
    warnings.warn("deprecated() goes", DeprecationWarning, stacklevel=2)


def helper():
    warnings.warn("of a module")
