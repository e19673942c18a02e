NAMES = []
global LEVEL
LEVEL = 1
