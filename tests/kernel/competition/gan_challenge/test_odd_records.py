"""Records in odd spellings: wrappers, base64, notes, ids, too many values, and large pictures."""

import base64
import html
import io
import json
import random
import tracemalloc
from collections import Counter
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.kernel.competition.gan_challenge import decode_block as blocks
from lib.kernel.competition.gan_challenge.base64_text import decode_repaired
from lib.kernel.competition.gan_challenge.decode_block import ID_CUT, decode_block
from lib.kernel.competition.gan_challenge.decode_policy import NAMED_POLICIES, Policy, get_policy
from lib.kernel.competition.gan_challenge.decode_record import DecodedRecord, decode_record
from lib.kernel.competition.gan_challenge.records import (
    ALPHA_IGNORED,
    FIELD_REPLACED,
    INVALID_BASE64,
    INVERT_IGNORED,
    NO_IMAGE,
    REPAIRED_BASE64,
    ROTATION_IGNORED,
    ROTATION_LIKE_EXIF,
    TOO_MANY_VALUES,
    Record,
    Rejection,
    as_one_line,
    parse_record,
)
from lib.kernel.competition.gan_challenge.shard_lines import Block
from lib.kernel.configuration.config import OFFICIAL

pytestmark = pytest.mark.ships

STANDARD = get_policy(OFFICIAL)


def _pack(picture: np.ndarray, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **options)
    return file.getvalue()


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _grey(value: int) -> str:
    return _text(_pack(np.full((32, 32), value, np.uint8)))


A, B, C = _grey(10), _grey(20), _grey(30)
CUT = _text(_pack(np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8))[:300])
NO_PICTURE = _text(b"no picture")


def _line(record: object) -> bytes:
    return json.dumps(record).encode()


def _decode(line: bytes, policy: Policy = STANDARD) -> DecodedRecord | Rejection:
    """A line -> what it gives; alone and in a block it is the same."""
    alone = decode_record(line, policy)
    block = decode_block(Block("s", 1, line), policy)
    if isinstance(alone, Rejection):
        assert [row.reason for row in block.rejects] == [alone.reason]
    else:
        assert np.array_equal(np.broadcast_to(block.pixels, (1, 3, 32, 32))[0], alone.pixels)
        if alone.id:
            assert block.ids == [alone.id]
            noted = block.notes - Counter([ID_CUT])  # ids are the block's affair
            assert noted == Counter(alone.notes)
    return alone


def _value(record: object) -> int:
    decoded = _decode(_line(record))
    assert isinstance(decoded, DecodedRecord), decoded
    return int(decoded.pixels[0, 0, 0])


def _notes(record: object) -> list[str]:
    decoded = _decode(_line(record))
    assert isinstance(decoded, DecodedRecord), decoded
    return sorted(decoded.notes)


# Wrappers


@pytest.mark.parametrize(
    ("record", "value", "notes"),
    [
        ({"img_b64": A, "root": {"img64": B}}, 20, []),
        ({"img64": A, "root": {"img_64": B}}, 20, []),
        ({"img_b64": A, "root": {"img_b64": B}}, 20, []),
        ({"img_b64": A, "root": {"img_b64": None}}, 10, []),
        ({"img_b64": A, "root": {"img_b64": ""}}, 10, []),
        ({"img_b64": A, "root": {}}, 10, []),
        ({"img_b64": A, "root": None}, 10, []),
        ({"img_b64": A, "root": [1]}, 10, []),
        ({"img_b64": A, "root": {"img64": B, "root": {"img_64": C}}}, 30, []),
        ({"img_b64": A, "root": {"img64": B, "root": {"img_64": None}}}, 20, []),
        ({"img_b64": A, "img64": B}, 10, []),
        ({"img_b64": A, "root": {"img64": "!!!"}}, 10, [FIELD_REPLACED]),
        ({"img_b64": A, "root": {"img64": 17}}, 10, [FIELD_REPLACED]),
        ({"img_b64": "!!!", "img64": B}, 20, [FIELD_REPLACED]),
        ({"img_b64": NO_PICTURE, "img64": B}, 20, [FIELD_REPLACED]),
        ({"img_b64": CUT, "img64": B}, 20, [FIELD_REPLACED]),
        ({"img_b64": A, "root": {"img64": CUT}}, 10, [FIELD_REPLACED]),
        ({"img_b64": ["x"], "img64": {}, "img_64": C}, 30, [FIELD_REPLACED]),
        ({"img_b64": "!!!", "img64": B.rstrip("=") + "\n"}, 20, [REPAIRED_BASE64, FIELD_REPLACED]),
        ({"img_b64": A, "img64": A, "root": {"img_64": A}}, 10, []),
    ],
)
def test_the_inner_picture_counts_and_a_sound_one_goes_before_a_broken_one(record, value, notes):
    record = {"id": "a", **record}
    assert _value(record) == value
    assert _notes(record) == sorted(notes)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"img_b64": "!!!", "img64": "???"}, INVALID_BASE64),
        ({"img_b64": "", "root": {"img64": None}}, NO_IMAGE),
        ({"img_b64": CUT, "img64": NO_PICTURE}, "truncated image"),
        ({"img_b64": NO_PICTURE, "img64": CUT}, "truncated image"),
        ({"img_b64": NO_PICTURE, "root": {"img64": "!!!"}}, "no image file"),
    ],
)
def test_where_no_picture_is_sound_the_best_ones_reason_is_told(record, reason):
    rejection = _decode(_line(record))
    assert isinstance(rejection, Rejection)
    assert rejection.reason == reason


def _parse(record: object) -> Record:
    parsed = parse_record(_line(record))
    assert isinstance(parsed, Record)
    return parsed


def test_every_field_counts_at_the_innermost_level_that_has_a_value():
    outer = {"id": "out", "exif_rot": 90, "invert": True, "alpha_b64": A, "img_b64": A}
    inner = {"id": "in", "exif_rot": 180, "invert": False, "alpha_b64": B}
    both = _parse({**outer, "root": inner})
    assert (both.id, both.degrees, both.invert) == ("in", 180, False)
    assert both.alpha == base64.b64decode(B)
    for nothing in (None, ""):
        gaps = _parse({**outer, "root": dict.fromkeys(inner, nothing)})
        assert (gaps.id, gaps.degrees, gaps.invert) == ("out", 90, True)
        assert gaps.alpha == base64.b64decode(A)
        assert gaps.notes == ()
    assert _parse({**outer, "root": {"exif_rot": 0, "invert": 0}})[3:5] == (0, False)


@pytest.mark.parametrize(
    ("field", "broken"), [("exif_rot", "left"), ("invert", "maybe"), ("alpha_b64", "!!!")]
)
def test_a_sound_outer_field_goes_before_a_broken_inner_one(field, broken):
    sound = {"exif_rot": 90, "invert": True, "alpha_b64": A}[field]
    record = _parse({"img_b64": A, field: sound, "root": {field: broken}})
    assert record.notes == (FIELD_REPLACED,)
    plain = _parse({"img_b64": A, field: sound})
    assert record._replace(notes=()) == plain


def test_an_inner_id_of_several_values_leaves_the_outer_one():
    assert _parse({"img_b64": A, "id": "out", "root": {"id": [1]}}).id == "out"


def test_400_000_keys_above_900_wrappers_are_read_once():
    """Each level was copied into the next: 4.3 MB took over a minute."""
    keys = {f"k{number}": 1 for number in range(400_000)}
    inner = "".join('{"root":' for _ in range(900)) + _line({"img_b64": A, "id": "in"}).decode()
    line = json.dumps({**keys, "id": "out"})[:-1] + ', "root":' + inner + "}" * 901
    tracemalloc.start()
    record = parse_record(line.encode())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(record, Record)
    assert record.id == "in"
    assert peak < 100e6  # 900 copies of 400,000 keys would be 15 GB


@pytest.mark.parametrize("unit", ['"k%07d":1,', "%.0s[],", "%.0s{},", "%.0s1,"])
def test_a_line_of_more_than_half_a_million_values_is_not_parsed(unit):
    values = "".join(unit % number for number in range(500_001))[:-1]
    line = ("{" + (values if unit.startswith('"') else f'"a":[{values}]') + "}").encode()
    tracemalloc.start()
    assert parse_record(line) == Rejection(TOO_MANY_VALUES)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_many_broken_pictures_in_one_record_are_not_all_tried():
    record: dict[str, object] = {"img_b64": CUT}
    for number in range(300):
        record = {"img_b64": _text(base64.b64decode(CUT) + bytes([number % 256])), "root": record}
    parsed = _parse(record)
    assert len(parsed.spares) == 1
    assert parsed.spares[0].spares == ()


# Base64

_PNG = _pack(np.random.default_rng(3).integers(0, 256, (32, 32), dtype=np.uint8))
_B64 = _text(_PNG)
assert {"+", "/"} <= set(_B64)
_LINES = [_B64[i : i + 76] for i in range(0, len(_B64), 76)]
_SPELLINGS = {
    "blank before data:": " data:image/png;base64," + _B64,
    "line feed before data:": "\n\tdata:image/png;base64," + _B64,
    "DATA:": "DATA:IMAGE/PNG;BASE64," + _B64,
    "Data: with a blank": "Data:image/png; charset=x;base64, " + _B64,
    "data: alone": "data:," + _B64,
    "base64,": "base64," + _B64,
    "image/png;base64,": "image/png;base64," + _B64,
    "base64:": "base64:" + _B64,
    "b''": f"b'{_B64}'",
    'b""': f'b"{_B64}"',
    "B''": f"B'{_B64}'",
    "blank and b''": f"  b'{_B64}'\n",
    "data: and b''": f"data:image/png;base64,b'{_B64}'",
    "quotes": f'"{_B64}"',
    "quotes around data:": f'"data:image/png;base64,{_B64}"',
    "literal line feeds": "\\n".join(_LINES) + "\\n",
    "literal returns": "\\r\\n".join(_LINES),
    "doubly escaped": "\\\\n".join(_LINES),
    "backslash slash": _B64.replace("/", "\\/"),
    "backslash and line feed": "\\\n".join(_LINES),
    "\\u002b": _B64.replace("+", "\\u002b").replace("/", "\\u002F").replace("=", "\\u003d"),
    "\\x2b": _B64.replace("+", "\\x2b").replace("/", "\\x2F"),
    "percent": quote(_B64, safe=""),
    "percent in lower case": quote(_B64, safe="").replace("%2B", "%2b").replace("%2F", "%2f"),
    "percent line feeds": "%0A".join(_LINES) + "%0D%0A",
    "entities": _B64.replace("+", "&#43;").replace("/", "&#x2F;").replace("=", "&#61;"),
    "named entities": _B64.replace("+", "&plus;").replace("/", "&sol;").replace("=", "&equals;"),
    "escaped data:": html.escape(f'"data:image/png;base64,{_B64}"'),
    "byte order mark": "\ufeff" + _B64,
    "zero width": "\u200b" + "\u200b".join(_LINES) + "\u2060\u200d",
    "soft hyphens": "\u00ad".join(_LINES),
    "no-break spaces": "\u00a0".join(_LINES) + "\u2028",
    "vertical tabs": "\v\f\x1c".join(_LINES),
    "url alphabet without padding": _B64.replace("+", "-").replace("/", "_").rstrip("="),
}


@pytest.mark.parametrize("name", list(_SPELLINGS))
def test_base64_in_any_spelling_is_read_and_noted(name):
    record = {"id": "a", "img_b64": _SPELLINGS[name]}
    assert _notes(record) == [REPAIRED_BASE64]
    plain = decode_record(_line({"img_b64": _B64}), STANDARD)
    repaired = decode_record(_line(record), STANDARD)
    assert isinstance(plain, DecodedRecord)
    assert isinstance(repaired, DecodedRecord)
    assert np.array_equal(plain.pixels, repaired.pixels)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "b",
            "b'",
            "''",
            "data:",
            "data:,",
            "%",
            "%2",
            "%%%%",
            "&",
            "&#;",
            "\\",
            "\\u00",
            "\u200b",
        ),
        *("abcd\u00e9", "abcd%C3%A9", "ab\\qcd", "data:image/png;base64;" + _B64, "abc\0" + _B64),
        *("&#43;" * 70_000, "\\" * 200_000, "\u200b" * 70_000, "&" + "A" * (1 << 23)),
    ],
    ids=range(22),
)
def test_base64_beyond_repair_is_rejected(text):
    assert parse_record(_line({"img_b64": text})) == Rejection(INVALID_BASE64)


@settings(max_examples=500, deadline=None)
@given(
    st.text(alphabet=st.sampled_from(list("AB+/=-_b'\"\\nrtux%&#;023, \n\u00a0\u200b\u00e9data:")))
)
def test_any_text_is_base64_or_none(text):
    result = decode_repaired(text)
    assert result is None or isinstance(result, bytes)


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.sampled_from([76, 64, 10, 1]))
def test_repair_gives_back_what_was_encoded(content, width):
    text = _text(content)
    pieces = [text[i : i + width] for i in range(0, len(text), width)]
    for joined in ("\\n".join(pieces), "\n".join(pieces), quote(text, safe=""), f"b'{text}'"):
        assert decode_repaired(joined) == content


# Notes


@pytest.mark.parametrize("value", [1, 2, 3, 4, 5, 6, 7, 8, "6", " 3 ", 8.0, "1.0"])
def test_exif_rot_like_an_exif_code_turns_by_degrees_and_is_noted(value):
    record = {"id": "a", "img_b64": A, "exif_rot": value}
    assert _parse(record).degrees == float(value)
    assert _notes(record) == [ROTATION_LIKE_EXIF]


@pytest.mark.parametrize(
    ("value", "notes"),
    [
        *[(value, [ROTATION_IGNORED]) for value in (False, True, [], {}, [90], {"a": 1}, "left")],
        *[(value, [ROTATION_IGNORED]) for value in ("9" * 500, "nan", "Infinity", " ")],
        *[(value, []) for value in (None, "", 0, "0", 0.0, 0.5, 9, 90, 361, "1e2", -6, 1.5)],
    ],
)
def test_notes_on_exif_rot(value, notes):
    assert _notes({"id": "a", "img_b64": A, "exif_rot": value}) == notes


@pytest.mark.parametrize(
    ("value", "inverted", "notes"),
    [
        *[(word, True, []) for word in ("1.0", "on", "ON", "y", "Y", "t", "T", "yes", "1", " on ")],
        *[(word, False, []) for word in ("0.0", "off", "n", "f", "F", "no", "0", "-0", 0.0, -0.0)],
        *[(value, False, []) for value in (None, "", False)],
        *[(value, False, [INVERT_IGNORED]) for value in ([], {}, [True], "nope", "2", 0.5, "nan")],
        (10**400, False, [INVERT_IGNORED]),
    ],
)
def test_invert_in_words_and_numbers(value, inverted, notes):
    record = {"id": "a", "img_b64": A, "invert": value}
    assert _value(record) == (245 if inverted else 10)
    assert _notes(record) == notes


# Ids


def test_long_ids_are_cut_to_different_lines():
    long = ["x" * 30_000_000 + end for end in "ab"]
    ids = [
        _parse({"img_b64": A, "id": text}).id
        for text in [*long, "\U0001f600" * 999, "\ud83d" * 999]
    ]
    assert len(set(ids)) == 4
    assert all(text.isprintable() and len(text) < 3000 for text in ids)
    assert as_one_line("x" * 256) == "x" * 256


# Blocks


def _random_records(draw: random.Random, count: int) -> bytes:
    lines = []
    for number in range(count):
        numbers = np.random.default_rng(draw.getrandbits(32))
        bands = draw.choice([1, 2, 3, 4])
        side = draw.choice([32, 64, 128])
        values = numbers.integers(0, 256, (side, side, bands), dtype=np.uint8)
        if draw.random() < 0.5:
            values[..., :3] = values[..., :1]
        values[: draw.randint(0, side)] = 0
        picture = values[..., 0] if bands == 1 else values
        kind = draw.choice(["PNG", "PNG", "WEBP", "TIFF"]) if bands in (3, 4) else "PNG"
        record: dict[str, object] = {"img_b64": _text(_pack(picture, kind)), "id": number}
        if draw.random() < 0.3:
            mode = draw.choice(["L", "I;16", "RGBA", "LA", "1"])
            record["alpha_b64"] = _text(_pack_mask(numbers, mode, side))
        record["exif_rot"] = draw.choice([0, 90, 180, 270, 6, 45])
        if draw.random() < 0.3:
            record = {**record, "img_b64": draw.choice([None, "!", CUT]), "root": record}
        lines.append(_line(record))
    return b"\n".join(lines)


def _pack_mask(numbers: np.random.Generator, mode: str, side: int) -> bytes:
    values = numbers.integers(0, 256, (side, side), dtype=np.uint8) * (
        numbers.random((side, side)) < 0.1
    )
    if mode == "I;16":
        return _pack(values.astype(np.uint16) * int(numbers.choice([1, 2, 257])))
    image = Image.fromarray(values.astype(np.uint8))
    if mode in ("RGBA", "LA"):
        colour = Image.new(mode[:-1], image.size, "white")
        colour.putalpha(image)
        image = colour
    file = io.BytesIO()
    (image.convert("1") if mode == "1" else image).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("policy", list(NAMED_POLICIES.values()), ids=list(NAMED_POLICIES))
def test_groups_of_any_size_give_the_same_bits(policy, monkeypatch):
    data = _random_records(random.Random(policy.alpha), 150)
    whole = decode_block(Block("s", 1, data), policy)
    alone = [decode_record(line, policy) for line in data.split(b"\n")]
    kept = [decoded for decoded in alone if isinstance(decoded, DecodedRecord)]
    pixels = np.broadcast_to(whole.pixels, (len(kept), 3, 32, 32))
    assert np.array_equal(pixels, np.stack([decoded.pixels for decoded in kept]))
    assert sorted(whole.notes.elements()) == sorted(note for one in kept for note in one.notes)
    for size in (1, 50_000, 1 << 30):
        monkeypatch.setattr(blocks, "_HELD_BYTES", size)
        again = decode_block(Block("s", 1, data), policy)
        assert np.array_equal(again.pixels, whole.pixels)
        assert again[1:] == whole[1:]


def test_a_block_of_transparent_pictures_is_unpacked_part_by_part():
    """10,000 of them took 1.7 GB."""
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[3:90, 5:100] = 200
    line = _line({"id": "a", "img_b64": _text(_pack(picture))})
    tracemalloc.start()
    block = decode_block(Block("s", 1, b"\n".join([line] * 1500)), STANDARD)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(block.ids) == 1500
    assert peak < 80e6  # 98 MB are unpacked, and each step on them made a copy


_ODD = st.one_of(
    st.sampled_from([A, B, CUT, NO_PICTURE, "!", "", None, 0, 6, "90", "on", True, [], {}]),
    st.sampled_from(list(_SPELLINGS.values())),
    st.sampled_from(
        [_text(_pack_mask(np.random.default_rng(1), mode, 32)) for mode in ("I;16", "LA", "RGBA")]
    ),
)
_KEYS = ("id", "img_b64", "img64", "img_64", "exif_rot", "invert", "alpha_b64")
_FIELDS = st.dictionaries(st.sampled_from(_KEYS), _ODD)


@settings(max_examples=400, deadline=None)
@given(st.lists(_FIELDS, min_size=1, max_size=4))
def test_any_fields_in_any_wrappers_are_decoded_or_rejected(levels):
    record: dict[str, object] = {}
    for fields in levels:
        record = {**fields, "root": record}
    for policy in NAMED_POLICIES.values():
        _decode(_line(record), policy)


def test_a_broken_mask_is_still_noted_in_wrappers():
    record = {"id": "a", "img_b64": A, "alpha_b64": "!", "root": {"alpha_b64": "?"}}
    assert _notes(record) == [ALPHA_IGNORED]
