"""A block of lines -> the pictures in it: the common ones decoded together, the others singly.

The result is decode_record's, bit for bit (a test holds it). What is saved is Python's and
Pillow's overhead for each picture: common PNGs go straight to Pillow's zip decoder, and turning,
cropping, compositing and resizing take all pictures of one shape at once.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lib.kernel.images import ALPHA_EMPTY, BLANK, SIZE, decode_parsed, find_blank
from lib.kernel.pictures import to_eight_bits
from lib.kernel.plain_png import PlainPngReader, PngLayout
from lib.kernel.policies import Policy
from lib.kernel.records import Record, Rejection, parse_record
from lib.kernel.shard_lines import Block, split_block
from lib.kernel.stacks import crop_and_composite, drop_equal_channels, resize_stack, turn

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
    """What pictures must share to be finished together."""

    layout: PngLayout
    degrees: float
    invert: bool
    has_mask: bool


class _Member(NamedTuple):
    """One picture of a group."""

    slot: int
    pixels: bytes
    mask: bytes


def decode_block(block: Block, policy: Policy) -> DecodedBlock:
    """A block of lines -> its pictures, ids, rejects and counted notes."""
    reader = PlainPngReader()
    groups: dict[_Kind, list[_Member]] = {}
    finished: list[tuple[np.ndarray, np.ndarray]] = []  # slots and their (n, 1 or 3, 32, 32)
    slots: list[_Slot] = []
    rejects: list[Reject] = []
    for file, line, raw, fault in split_block(block):
        record = Rejection(fault) if fault else parse_record(raw)
        if isinstance(record, Rejection):
            rejects.append(Reject(file, line, record.id, record.reason))
            continue
        read = _read_plainly(record, policy, reader)
        notes = list(record.notes)
        if read is None:
            decoded = decode_parsed(record, policy)
            if isinstance(decoded, Rejection):
                rejects.append(Reject(file, line, decoded.id, decoded.reason))
                continue
            finished.append((np.array([len(slots)]), drop_equal_channels(decoded.pixels[None])))
            notes = list(decoded.notes)
        else:
            kind, pixels, mask = read
            groups.setdefault(kind, []).append(_Member(len(slots), pixels, mask))
        slots.append(_Slot(file, line, record.id, notes))
    for kind, members in groups.items():
        finished += _finish_group(kind, members, policy, slots)
    return _close_block(_gather(finished, len(slots)), slots, rejects, policy)


def _read_plainly(
    record: Record, policy: Policy, reader: PlainPngReader
) -> tuple[_Kind, bytes, bytes] | None:
    """A record -> (kind, raw pixels, raw mask) if picture and mask are common PNGs, else None."""
    if record.degrees % 90:
        return None
    picture = reader.read(record.image)
    if picture is None:
        return None
    layout, pixels = picture
    if record.alpha is None:
        return _Kind(layout, record.degrees, record.invert, False), pixels, b""
    mask = reader.read(record.alpha)
    if mask is None or mask[0].mode != "L":
        return None
    turned = policy.alpha_frame == "rotated" and record.degrees % 180
    frame = (layout.height, layout.width) if turned else (layout.width, layout.height)
    if (mask[0].width, mask[0].height) != frame:
        return None
    return _Kind(layout, record.degrees, record.invert, True), pixels, mask[1]


def _finish_group(
    kind: _Kind, members: list[_Member], policy: Policy, slots: list[_Slot]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures of one kind -> (slots, (n, 1 or 3, 32, 32) uint8), in as many parts as shapes.

    For quarter turns cropping before or after the rotation is the same, so policy.order is moot.
    """
    where = np.array([member.slot for member in members])
    colour, alpha = _unpack(kind.layout, [member.pixels for member in members], policy)
    colour = turn(colour, kind.degrees)
    alpha = turn(alpha, kind.degrees) if alpha is not None else None
    if kind.has_mask:
        masks = np.frombuffer(b"".join(member.mask for member in members), np.uint8)
        if policy.alpha_frame == "stored":
            alpha = masks.reshape(-1, kind.layout.height, kind.layout.width)
            alpha = turn(alpha, kind.degrees)
        else:
            alpha = masks.reshape(-1, *colour.shape[2:])
    if kind.invert:
        colour = 255 - colour
    if alpha is None:
        yield where, resize_stack(colour)
        return
    if policy.alpha != "composite":
        for slot in where[~alpha.any(axis=(1, 2))].tolist():
            slots[slot].notes.append(ALPHA_EMPTY)
    for chosen, stack in crop_and_composite(colour, alpha, policy):
        yield where[chosen], resize_stack(stack)


def _unpack(
    layout: PngLayout, pixels: list[bytes], policy: Policy
) -> tuple[np.ndarray, np.ndarray | None]:
    """Raw pixels of one layout -> colour (N, 1 or 3, H, W) uint8, alpha (N, H, W) uint8 or None."""
    joined, shape = b"".join(pixels), (len(pixels), layout.height, layout.width)
    if layout.mode == "I":
        values = np.frombuffer(joined, np.int32).reshape(shape)
        return to_eight_bits(values, policy.grey16)[:, None], None
    bands = len(layout.mode)  # L, LA, RGB, RGBA: a letter for each
    stack = np.frombuffer(joined, np.uint8).reshape(*shape, bands).transpose(0, 3, 1, 2)
    alpha = stack[:, -1] if layout.mode.endswith("A") else None
    return drop_equal_channels(stack[:, : 1 if bands < 3 else 3]), alpha


def _gather(parts: list[tuple[np.ndarray, np.ndarray]], count: int) -> np.ndarray:
    """(slots, their pictures) in any order -> (count, 1 or 3, 32, 32) uint8 in the slots' order."""
    channels = max((stack.shape[1] for _, stack in parts), default=1)
    pixels = np.empty((count, channels, SIZE, SIZE), np.uint8)
    for slots, stack in parts:
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
    ids = [slot.id or f"{slot.file}:{slot.line}" for slot in slots]
    return DecodedBlock(pixels, ids, sorted(rejects, key=lambda row: row.line), notes)
