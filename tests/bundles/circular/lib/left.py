NAME = "left"
from lib import right

PARTNER = right.NAME
