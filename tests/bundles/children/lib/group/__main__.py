import sys

from ..words import WORD

print(WORD, "as a package", sys.argv[1:])
