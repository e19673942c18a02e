"""What a run decodes by: a block of raw lines -> its 32x32 pictures, the common ones together.

The result equals that of decode_record.py bit for bit, and a test holds it to that. This form saves
Python's and Pillow's overhead for each picture. Common PNGs go straight to Pillow's zip decoder.
Turning, cropping, compositing and resizing take all pictures of one shape at once.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from lib.kernel.competition.gan_challenge.batch_ops import (
    drop_equal_channels,
    find_boxes,
    lay_on_white,
    resize_stack,
    turn,
)
from lib.kernel.competition.gan_challenge.decode_policy import Policy
from lib.kernel.competition.gan_challenge.decode_record import (
    ALPHA_EMPTY,
    BLANK,
    decode_parsed,
    find_blank,
)
from lib.kernel.competition.gan_challenge.png_batch import PlainPngReader, PngLayout, unfilter
from lib.kernel.competition.gan_challenge.records import (
    Record,
    Rejection,
    as_one_line,
    parse_record,
)
from lib.kernel.competition.gan_challenge.shard_lines import Block, split_block
from lib.kernel.competition.image_files import to_eight_bits
from lib.kernel.configuration.challenge import IMAGE_PX

_HELD_BYTES = 1 << 23  # unpacked; beyond it pictures are finished before more lines are read
ID_MISSING = "id missing, named by file and line"


class Reject(NamedTuple):
    """One row of rejects.csv."""

    file: str
    line: int
    id: str
    reason: str


class DecodedBlock(NamedTuple):
    """What one block gave, in file order."""

    pixels: np.ndarray  # (N, 1 or 3, 32, 32) uint8; one channel if all of them are grey
    ids: list[str]
    rejects: list[Reject]
    notes: Counter[str]


class _Slot(NamedTuple):
    """A picture's place in the block."""

    file: str
    line: int
    id: str
    notes: list[str]


class _Kind(NamedTuple):
    """What pictures must share to be unpacked together."""

    layout: PngLayout
    mask: PngLayout | None
    mask_degrees: float  # the mask's turn, clockwise, against the stored picture


class _Member(NamedTuple):
    """One picture of a group."""

    slot: int
    record: Record
    rows: bytes
    mask_rows: bytes


_Shape = tuple[int, ...]  # channels, height, width
_Parts = dict[_Shape, list[tuple[int, np.ndarray]]]  # slot and picture (C, H, W) by shape
_Groups = dict[_Kind, list[_Member]]
_Done = list[tuple[list[int], np.ndarray]]  # slots and their pictures (N, 1 or 3, 32, 32)


def decode_block(block: Block, policy: Policy) -> DecodedBlock:
    """A block of lines -> its pictures, ids, rejects and counted notes."""
    reader = PlainPngReader()
    groups: _Groups = {}
    held = 0  # bytes of the groups' rows
    done: _Done = []
    plain: _Parts = {}
    slots: list[_Slot] = []
    rejects: list[Reject] = []
    for file, line, raw, fault in split_block(block):
        record = Rejection(fault) if fault else parse_record(raw)
        if isinstance(record, Rejection):
            rejects.append(Reject(file, line, record.id, record.reason))
            continue
        read = _read_plainly(record, policy, reader)
        notes = record.notes
        if read is None:
            decoded = decode_parsed(record, policy)
            if isinstance(decoded, Rejection):
                rejects.append(Reject(file, line, decoded.id, decoded.reason))
                continue
            notes = decoded.notes
            picture = drop_equal_channels(decoded.pixels[None])[0]
            plain.setdefault(picture.shape, []).append((len(slots), picture))
        else:
            kind, rows, mask_rows = read
            groups.setdefault(kind, []).append(_Member(len(slots), record, rows, mask_rows))
            held += len(rows) + len(mask_rows)
        slots.append(_Slot(file, line, record.id, list(notes)))
        if held > _HELD_BYTES:
            done += _finish_groups(groups, policy, slots)
            groups, held = {}, 0
    done += [*_finish_groups(groups, policy, slots), *_stack(plain)]
    return _close_block(_gather(done, len(slots)), slots, rejects, policy)


def _read_plainly(
    record: Record, policy: Policy, reader: PlainPngReader
) -> tuple[_Kind, bytes, bytes] | None:
    """A record -> (kind, rows, mask's rows) if picture and mask are common PNGs, else None."""
    if record.degrees % 90:
        return None
    picture = reader.read(record.image)
    if picture is None:
        return None
    layout, rows = picture
    if record.alpha is None:
        return _Kind(layout, None, 0), rows, b""
    mask = reader.read(record.alpha)
    degrees = record.degrees if policy.alpha_frame == "rotated" else 0
    size = (layout.height, layout.width) if degrees % 180 else (layout.width, layout.height)
    if mask is None or mask[0].mode != "L" or (mask[0].width, mask[0].height) != size:
        return None
    return _Kind(layout, mask[0], degrees), rows, mask[1]


def _finish_groups(groups: _Groups, policy: Policy, slots: list[_Slot]) -> _Done:
    """Groups -> their pictures, one stack for each shape that they had before the resizing."""
    parts: _Parts = {}
    for kind, members in groups.items():
        _cut_group(kind, members, policy, slots, parts)
    return _stack(parts)


def _stack(parts: _Parts) -> _Done:
    """Pictures by shape -> a stack of 32x32 pictures for each shape."""
    return [
        ([slot for slot, _ in members], resize_stack([part for _, part in members]))
        for members in parts.values()
    ]


def _cut_group(
    kind: _Kind, members: list[_Member], policy: Policy, slots: list[_Slot], parts: _Parts
) -> None:
    """Invert, lay on white, crop and turn pictures of one kind; sort them into parts by shape.

    Quarter turns commute with every other step before the resizing. So all steps are done in the
    stored picture's frame, and policy.order makes no difference.
    """
    colour, alpha = _unpack(kind, members, policy)
    inverts = np.array([255 if member.record.invert else 0 for member in members], np.uint8)
    if inverts.any():
        colour = colour ^ inverts[:, None, None, None]
    height, width = colour.shape[2:]
    boxes = [(0, 0, height, width)] * len(members)
    if alpha is not None and alpha.min() < 255:
        if policy.alpha != "crop-drop":
            colour = lay_on_white(colour, alpha[:, None])
        if policy.alpha != "composite":
            boxes = find_boxes(alpha)
            for number in np.flatnonzero(~alpha.any(axis=(1, 2))).tolist():
                slots[members[number].slot].notes.append(ALPHA_EMPTY)
    for member, picture, (top, left, bottom, right) in zip(members, colour, boxes, strict=True):
        part = turn(picture[:, top:bottom, left:right], member.record.degrees)
        parts.setdefault(part.shape, []).append((member.slot, part))


def _unpack(
    kind: _Kind, members: list[_Member], policy: Policy
) -> tuple[np.ndarray, np.ndarray | None]:
    """Pictures of one kind -> colour (N, 1 or 3, H, W) uint8, alpha (N, H, W) uint8 or None."""
    colour, alpha = unfilter(kind.layout, [member.rows for member in members])
    if kind.layout.mode == "I":
        colour = to_eight_bits(colour, policy.grey16)
    if kind.mask is not None:
        masks, _ = unfilter(kind.mask, [member.mask_rows for member in members])
        alpha = turn(masks[:, 0], -kind.mask_degrees % 360)
    return colour, alpha


def _gather(done: _Done, count: int) -> np.ndarray:
    """Stacks of pictures -> (count, 1 or 3, 32, 32) uint8, in the order of their slots."""
    channels = max((stack.shape[1] for _, stack in done), default=1)
    pixels = np.empty((count, channels, IMAGE_PX, IMAGE_PX), np.uint8)
    for slots, stack in done:
        pixels[slots] = stack
    return pixels


def _close_block(
    pixels: np.ndarray, slots: list[_Slot], rejects: list[Reject], policy: Policy
) -> DecodedBlock:
    """Pictures of all slots -> the block's result, without the blank ones if the policy says so."""
    if policy.blank == "drop" and slots:
        blank = find_blank(pixels)
        rejects += [
            Reject(slot.file, slot.line, slot.id, BLANK)
            for slot, drop in zip(slots, blank, strict=True)
            if drop
        ]
        slots = [slot for slot, drop in zip(slots, blank, strict=True) if not drop]
        pixels = pixels[~blank]
    notes = Counter(note for slot in slots for note in slot.notes)
    notes.update([ID_MISSING] * sum(not slot.id for slot in slots))
    ids = [slot.id or as_one_line(f"{slot.file}:{slot.line}") for slot in slots]
    return DecodedBlock(pixels, ids, sorted(rejects, key=lambda row: row.line), notes)
