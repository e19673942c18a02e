import lib.left
from lib.right import describe

print(describe(), lib.left.NAME, lib.right.NAME)
