"""Bytes or JSON and a random draw -> the same with a few things changed, structure kept."""

import random
from typing import Any

_NUMBERS = (0, 1, 2, 7, 127, 128, 255, 256, 32767, 32768, 65535, 1 << 31, (1 << 32) - 1)
VALUES: tuple[Any, ...] = (  # what a field can hold that expects something else
    *(None, True, False, 0, 1, -1, 90, 359, 360, 1.5, -0.0, 1e308, float("inf"), float("nan")),
    *(2**63, 10**400, "", "0", "1", "true", "on", "1e9", "nan", "inf", " ", "\n", "\0", "a\nb"),
    *("\x1b[31mred", "\x9b2J", "\u2028", "\u202e", "\ud800", "\ufeff", "é", "=1+1", "../x", "."),
    *("</script><script>alert(1)</script>", "https://h/x?sig=SECRET", "x" * 300, [], {}, [[]]),
    *({"root": {}}, [None], {"": None}, "9" * 5000),
)


def mutate_bytes(data: bytes, draw: random.Random, tokens: tuple[bytes, ...] = ()) -> bytes:
    """Change a few places of bytes: bits, numbers, tokens, pieces cut, doubled or moved."""
    held = bytearray(data)
    for _ in range(1 + int(draw.expovariate(1.0))):
        place = draw.randrange(len(held) + 1)
        length = 1 + int(draw.expovariate(0.2))
        kind = draw.randrange(7)
        if kind == 0 and held:
            held[place % len(held)] ^= 1 << draw.randrange(8)
        elif kind == 1 and held:
            held[place % len(held)] = draw.choice((0, 1, 127, 128, 255, draw.randrange(256)))
        elif kind == 2:
            del held[place : place + length]
        elif kind == 3:
            held[place:place] = held[place : place + length]
        elif kind == 4 and tokens:
            held[place : place + draw.choice((0, 4))] = draw.choice(tokens)
        elif kind == 5:
            width = draw.choice((1, 2, 4))
            number = draw.choice(_NUMBERS) & ((1 << 8 * width) - 1)
            held[place : place + width] = number.to_bytes(width, draw.choice(("big", "little")))
        else:
            del held[len(held) - min(length, len(held)) :]
    return bytes(held)


def mutate_json(value: Any, draw: random.Random, keys: tuple[str, ...] = ()) -> Any:
    """Change one place of a JSON value: a field set, removed, renamed, wrapped or taken apart."""
    if isinstance(value, dict) and value and draw.random() < 0.8:
        key = draw.choice(sorted(value))
        if draw.random() < 0.5:
            return {**value, key: mutate_json(value[key], draw, keys)}
        kept = {name: item for name, item in value.items() if name != key}
        chosen = draw.choice(keys) if keys else key
        return draw.choice(
            (kept, {**value, chosen: _draw_value(draw)}, {**kept, chosen: value[key]})
        )
    if isinstance(value, list) and value and draw.random() < 0.8:
        place = draw.randrange(len(value))
        changed = mutate_json(value[place], draw, keys)
        return draw.choice(
            (
                [*value[:place], changed, *value[place + 1 :]],
                value[:place] + value[place + 1 :],
                [*value, value[place]],
            )
        )
    if isinstance(value, str) and value and draw.random() < 0.5:
        place = draw.randrange(len(value))
        return value[:place] + str(_draw_value(draw))[:40] + value[place + draw.randrange(3) :]
    chosen = draw.choice(keys) if keys else "x"
    return draw.choice((_draw_value(draw), [value], {chosen: value}))


def nest(depth: int, opening: str = "[", closing: str = "]") -> str:
    """Write brackets in brackets, as deep as no parser likes."""
    return opening * depth + closing * depth


def _draw_value(draw: random.Random) -> Any:
    return draw.choice(VALUES)
