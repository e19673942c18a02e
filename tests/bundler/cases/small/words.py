"""A number -> words."""


def name_area(area: float) -> str:
    """12.5 -> "an area of 12.5"."""
    return f"an area of {area:g}"
