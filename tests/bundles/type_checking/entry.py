import sys
import typing
from typing import TYPE_CHECKING

from lib.use import size_of

if TYPE_CHECKING:
    from lib.only_types import Shape
if typing.TYPE_CHECKING:
    import not_installed_anywhere
else:
    from lib import real

print(size_of([1, 2]), real.VALUE, "lib.only_types" in sys.modules)
