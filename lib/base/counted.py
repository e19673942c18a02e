"""A number and a noun -> both in words, such as "1 kernel" or "2,000 kernels"."""


def count_things(number: int, noun: str) -> str:
    """(how many, the noun of one) -> the number and the noun, which takes an "s" but after 1."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
