import lib
from lib import Thing, lazy_value, make

print(Thing.__module__, make().name, lazy_value, lib.lazy_value)
print(sorted(dir(lib)))
try:
    lib.nothing
except AttributeError as error:
    print(error)
