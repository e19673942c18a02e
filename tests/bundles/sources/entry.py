import inspect

from lib import shapes
from lib.shapes import Shape, area, decorated


class Own(Shape):
    """Mine."""

    def grow(self):
        return 2  # a comment


def own(x):
    # kept
    return (
        x
    )


for thing in (area, Shape, Shape.name, decorated, Own, own, Own.grow, Shape.Inner):
    print(inspect.getsource(thing), end="")
    print(inspect.getsourcelines(thing)[1], inspect.getmodule(thing).__name__)
print(inspect.getsource(shapes)[-40:], inspect.getdoc(Own), inspect.getcomments(own))
print(inspect.signature(area), inspect.getsourcefile(area).endswith("shapes.py"))
print(len(inspect.getsource(inspect.currentframe())))
