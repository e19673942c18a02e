import sys


def use():
    from lib.slow import work
    import lib.other.inner as inner

    return work() + inner.VALUE


print("lib" in sys.modules)
print(use(), [name for name in sorted(sys.modules) if name.startswith("lib")])
