"""What Kaggle returns as a kernel's log, kept or live -> lines that may be shown, each once."""

import json
import math
import random
import time
from functools import cache

from lib.kaggle.client.kernel_log import LogFollower, find_log_seconds, parse_log
from lib.kaggle.client.secrets import clean_line
from tests.fuzz.bytes_mutations import mutate_bytes, mutate_json, nest
from tests.fuzz.wire import KEY, PAIR, SECRETS, Reply, Wire, open_once

KEYS = ("data", "time", "stream_name")
LONGEST = 1 << 13  # bytes of a case
TOKENS = (
    *(
        b"data:",
        b"data: END_OF_LOG\n\n",
        b"\n\n",
        b"\r",
        b"\x85",
        b"\xc2\x9b",
        b"\x1b[31m",
        b"1e999",
    ),
    *(
        b"1e999",
        b"NaN",
        b"Infinity",
        b"9" * 400,
        b"\xff",
        b"\\ud800",
        b"\\u2028",
        b'{"data":',
        b"[",
        b"]",
    ),
    *(KEY.encode(), PAIR.encode(), b"https://storage.example/x?sig=SIGNED", b"\xe2\x80\xae"),
)


@cache
def make_seeds() -> list[bytes]:
    """Logs as an array of events, as a stream, as plain lines, and odd ones."""
    events = [
        {"stream_name": "stdout", "time": 1.5 * number, "data": f"train: {number} of 9\n"}
        for number in range(5)
    ]
    odd = [{"data": None}, {"data": ["x"], "time": True}, {"time": 10**400}, {"time": "3"}, 7, None]
    stream = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    texts = [json.dumps(events), json.dumps(odd), stream, f"{stream}data: END_OF_LOG\n\n", "a\nb\n"]
    texts += ["", "{}", nest(3000), '[{"data":' * 1500, f'[{{"data": "{KEY} {PAIR}\\u001b[2J"}}]']
    return [text.encode() for text in texts]


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Change a log: a field of an event, an event, or its bytes."""
    if draw.random() < 0.6:
        try:
            return json.dumps(mutate_json(json.loads(data), draw, KEYS)).encode()
        except (ValueError, RecursionError):
            pass
    if data.startswith(b"data:") and draw.random() < 0.6:
        lines = data.split(b"\n")
        place = draw.randrange(len(lines))
        changed = mutate_bytes(lines[place], draw, TOKENS)
        return b"\n".join([*lines[:place], changed, *lines[place + draw.randrange(2) :]])
    return mutate_bytes(data, draw, TOKENS)


def check(data: bytes) -> None:
    """Read a log as the kept one and as a live one, which is opened again until it ends."""
    try:
        text = data.decode("utf-8", "surrogatepass")  # JSON can spell lone surrogates
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
    lines = parse_log(text)
    seconds = find_log_seconds(text)
    assert seconds is None or math.isfinite(seconds), "a time that is no number"
    shown = [clean_line(line, SECRETS) for line in lines]
    if len(data) % 8 == 0:
        shown += _follow(data, lines)
    for line in shown:
        assert line.isprintable(), "a line that moves the terminal's cursor"
        assert not any(secret in line for secret in SECRETS), "a credential in a line"


def _follow(data: bytes, kept: list[str]) -> list[str]:
    """Read a log as a live one, opened up to three times, and then what was kept of it."""
    live = data.startswith(b"data:")
    kind = {"Content-Type": "text/event-stream" if live else "application/json"}
    follower, shown = LogFollower(open_once(), "ada/kernel"), []
    with Wire([Reply(data, 200, kind)], whole=len(data) % 64 == 0) as wire:
        for _ in range(3):
            shown += follower.read_until(time.monotonic() + 9)
            if follower.is_finished:
                break
    shown += follower.take_whole(kept)
    assert not wire.leaks, "a credential went to another host"
    assert follower.count == len(shown), "a line is shown twice"
    return [clean_line(line, SECRETS) for line in shown]
