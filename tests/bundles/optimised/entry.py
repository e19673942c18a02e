"""The entry's docstring."""

import sys

from lib import checked

assert len(sys.argv) == 1, "never"
print(__doc__, checked.__doc__, checked.check.__doc__, checked.check(0), __debug__)
