"""Series of points, or rows of small pictures -> one picture on white, drawn by Pillow alone."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

DOCS = Path(__file__).parents[1] / "docs"
SCALE = 3  # of most pictures of 32 px

Point = tuple[float, float]
Numbers = dict[str, str]  # as a text quotes them

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")  # Okabe and Ito's, told apart
GROUND = (255, 255, 255)
_WIDTH, _HEIGHT, _FINE = 860, 400, 3  # px of a plot; it is drawn so many times as large
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 24, 22, 58
_TEXT, _RULE, _GREY = 16, "#d8d8d8", "#404040"
_MARGIN, _GAP = 14, 3  # px around a sheet, and between its pictures


@dataclass(frozen=True)
class Axis:
    """What an axis shows, and whether equal steps are equal factors."""

    label: str
    log: bool = False
    marks: tuple[float, ...] = ()  # values with a label; none: round numbers


@dataclass(frozen=True)
class Series:
    """Points (x, y) in order of x."""

    name: str
    points: Sequence[Point]
    dots: bool = True
    dashed: bool = False
    errors: Sequence[float] = field(default=())  # half the length of each point's bar


def draw_plot(series: Sequence[Series], x: Axis, y: Axis) -> Image.Image:
    """Series and axes -> a plot with the series' names at its top right."""
    xs = [point[0] for one in series for point in one.points]
    ys = [point[1] for one in series for point in one.points]
    x_range, y_range = _find_range(xs, x), _find_range(ys, y)
    size = (_WIDTH * _FINE, _HEIGHT * _FINE)
    image = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(image)

    def place(point: Point) -> Point:
        right = _LEFT + _share(point[0], x_range, x) * (_WIDTH - _LEFT - _RIGHT)
        down = _HEIGHT - _BOTTOM - _share(point[1], y_range, y) * (_HEIGHT - _TOP - _BOTTOM)
        return right * _FINE, down * _FINE

    _draw_axes(draw, place, (x, x_range), (y, y_range))
    for number, one in enumerate(series):
        _draw_series(draw, [place(point) for point in one.points], one, COLOURS[number])
        for point, error in zip(one.points, one.errors, strict=False):
            ends = [place((point[0], point[1] + sign * error)) for sign in (-1, 1)]
            draw.line(ends, COLOURS[number], 2 * _FINE)
    _draw_names(draw, [one.name for one in series])
    _draw_upright(image, y.label)
    return image.resize((_WIDTH, _HEIGHT), Image.Resampling.LANCZOS)


def make_sheet(
    rows: Sequence[tuple[str, Sequence[np.ndarray]]],
    scale: int,
    label_px: int,
    split: int = 0,
    is_numbered: bool = False,
) -> Image.Image:
    """Rows of (words, (H, W) or (H, W, 3) uint8 pictures) -> a sheet, the words left of each row.

    A line feed in the words begins another line. Each pixel becomes scale x scale of them. A wider
    gap follows the first `split` pictures of a row. A numbered sheet counts its columns from 1.
    """
    enlarged = [[enlarge(one, scale) for one in pictures] for _, pictures in rows]
    wide = 6 * _GAP if split else 0
    heights = [max(one.height for one in pictures) for pictures in enlarged]
    widths = [sum(one.width + _GAP for one in pictures) - _GAP for pictures in enlarged]
    width = 2 * _MARGIN + label_px + max(widths) + wide
    head = _TEXT + _GAP if is_numbered else 0
    height = 2 * _MARGIN + head + sum(heights) + 2 * _GAP * (len(rows) - 1)
    sheet = Image.new("RGB", (width, height), GROUND)
    draw, down = ImageDraw.Draw(sheet), _MARGIN + head
    for (words, _), pictures, tall in zip(rows, enlarged, heights, strict=True):
        draw.text((_MARGIN, down + tall / 2), words, "black", _font(_TEXT), "lm", spacing=3)
        right = _MARGIN + label_px
        for number, one in enumerate(pictures):
            right += wide if number == split else 0
            if is_numbered and down == _MARGIN + head:
                above = right + one.width / 2, _MARGIN
                draw.text(above, f"{number + 1}", "black", _font(_TEXT), "mt")
            sheet.paste(one, (right, down))
            draw.rectangle((right - 1, down - 1, right + one.width, down + one.height), None, _GREY)
            right += one.width + _GAP
        down += tall + 2 * _GAP
    return sheet


def make_strip(parts: Sequence[tuple[str, Image.Image]], width_px: int) -> Image.Image:
    """(words, picture) pairs -> them side by side, each in a column with its words above."""
    lines = max(words.count("\n") + 1 for words, _ in parts)
    head = _MARGIN + lines * (_TEXT + 5) + 4
    tall = max(one.height for _, one in parts)
    sheet = Image.new("RGB", (2 * _MARGIN + width_px * len(parts), head + tall + _MARGIN), GROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (words, one) in enumerate(parts):
        right = _MARGIN + number * width_px
        draw.text((right, _MARGIN), words, "black", _font(_TEXT), spacing=3)
        box = (right - 1, head - 1, right + one.width, head + one.height)
        draw.rectangle(box, None, _GREY)
        sheet.paste(one, (right, head))
    return sheet


def stack(pictures: Sequence[Image.Image]) -> Image.Image:
    """Pictures -> one of them below each other, on white."""
    size = max(one.width for one in pictures), sum(one.height for one in pictures)
    sheet, down = Image.new("RGB", size, GROUND), 0
    for one in pictures:
        sheet.paste(one, (0, down))
        down += one.height
    return sheet


def save(name: str, picture: Image.Image, colours: int = 64) -> None:
    """Write docs/how_NAME.png with few colours, which halves a file."""
    path = DOCS / f"how_{name}.png"
    picture.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def enlarge(pixels: np.ndarray, scale: int) -> Image.Image:
    """(H, W) or (H, W, 3) uint8 -> a picture in which each pixel is scale x scale of them."""
    return Image.fromarray(np.ascontiguousarray(pixels.repeat(scale, 0).repeat(scale, 1)))


def _font(px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(px)


def _find_range(values: Sequence[float], axis: Axis) -> tuple[float, float]:
    """All values of an axis -> its ends: a little more on a log axis, else from 0 if near it."""
    low, high = min(*values, *axis.marks), max(*values, *axis.marks)
    if axis.log:
        return low / 1.12, high * 1.12
    margin = 0.05 * (high - low or 1.0)
    return (low if low == 0 else min(0.0, low - margin) if low < high / 3 else low - margin), (
        high + margin
    )


def _share(value: float, ends: tuple[float, float], axis: Axis) -> float:
    if axis.log:
        return math.log(value / ends[0]) / math.log(ends[1] / ends[0])
    return (value - ends[0]) / (ends[1] - ends[0])


def _list_marks(axis: Axis, ends: tuple[float, float]) -> list[float]:
    """An axis and its ends -> the values to label."""
    if axis.marks:
        return list(axis.marks)
    if axis.log:
        powers = range(math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1])) + 1)
        few = math.log10(ends[1] / ends[0]) > 2.5
        marks = [digit * 10.0**power for power in powers for digit in ((1,) if few else (1, 2, 5))]
        return [mark for mark in marks if ends[0] <= mark <= ends[1]]
    step = 10 ** math.floor(math.log10((ends[1] - ends[0]) / 2))
    while (ends[1] - ends[0]) / step > 6:
        step *= 2.5 if f"{step:e}"[0] == "2" else 2
    return [k * step for k in range(math.ceil(ends[0] / step), math.floor(ends[1] / step) + 1)]


def _draw_axes(draw, place, x: tuple, y: tuple) -> None:  # type: ignore[no-untyped-def]
    font, bottom = _font(_TEXT * _FINE), (_HEIGHT - _BOTTOM) * _FINE
    for mark in _list_marks(*y):
        down = place((x[1][0], mark))[1]
        draw.line((_LEFT * _FINE, down, (_WIDTH - _RIGHT) * _FINE, down), _RULE, _FINE)
        draw.text((_LEFT * _FINE - 8 * _FINE, down), f"{mark:,.6g}", _GREY, font, "rm")
    for mark in _list_marks(*x):
        right = place((mark, y[1][0]))[0]
        draw.line((right, bottom, right, bottom + 5 * _FINE), _GREY, _FINE)
        draw.text((right, bottom + 8 * _FINE), f"{mark:,.6g}", _GREY, font, "mt")
    draw.line((_LEFT * _FINE, bottom, (_WIDTH - _RIGHT) * _FINE, bottom), _GREY, _FINE)
    middle = (_LEFT + _WIDTH - _RIGHT) / 2 * _FINE
    draw.text((middle, (_HEIGHT - 8) * _FINE), x[0].label, "black", font, "mb")


def _draw_series(draw, points: list[Point], one: Series, colour: str) -> None:  # type: ignore[no-untyped-def]
    if one.dashed:
        for begin, end in itertools.pairwise(points):
            parts = max(1, round(math.dist(begin, end) / (9 * _FINE)))
            for k in range(0, parts, 2):
                ends = [
                    tuple(b + (e - b) * min(t / parts, 1) for b, e in zip(begin, end, strict=True))
                    for t in (k, k + 1)
                ]
                draw.line(ends, colour, 2 * _FINE)
    else:
        draw.line(points, colour, 2 * _FINE, joint="curve")
    for right, down in points if one.dots else ():
        radius = 4 * _FINE
        draw.ellipse((right - radius, down - radius, right + radius, down + radius), colour)


def _draw_names(draw, names: list[str]) -> None:  # type: ignore[no-untyped-def]
    """Write the series' names in their colours at the top right, on white."""
    font, right = _font(_TEXT * _FINE), (_WIDTH - _RIGHT - 6) * _FINE
    for number, name in enumerate(names):
        down = (_TOP + 4 + number * (_TEXT + 8)) * _FINE
        box = draw.textbbox((right, down), name, font, "rt")
        draw.rectangle((box[0] - 6, box[1] - 6, box[2] + 6, box[3] + 6), GROUND)
        draw.text((right, down), name, COLOURS[number], font, "rt")


def _draw_upright(image: Image.Image, label: str) -> None:
    """Write the y axis' label from bottom to top at the left edge."""
    font = _font(_TEXT * _FINE)
    box = font.getbbox(label)
    words = Image.new("RGB", (int(box[2]) + 8, int(box[3]) + 8), GROUND)
    ImageDraw.Draw(words).text((0, 0), label, "black", font)
    words = words.rotate(90, expand=True)
    down = (_TOP + (_HEIGHT - _BOTTOM)) * _FINE // 2 - words.height // 2
    image.paste(words, (4 * _FINE, max(0, down)))
