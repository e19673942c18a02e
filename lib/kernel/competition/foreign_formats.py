"""The first bytes of a file -> the image or document format that it is of, which is not taken."""

import re

_STARTS = {
    b"DDS ": "DDS",
    b"8BPS": "PSD",
    b"qoif": "QOI",
    b"\0\0\0\x0cjP  ": "JP2",
    b"\xff\x4f\xff\x51": "JP2",
    b"\0\0\0\x0cJXL ": "JXL",
    b"\xff\x0a": "JXL",
    b"%PDF-": "PDF",
    b"\x1a\x45\xdf\xa3": "WebM",
    b"icns": "ICNS",
    b"#?RADIANCE": "HDR",
    b"#?RGBE": "HDR",
    b"\x76\x2f\x31\1": "EXR",
    b"\1\xda\0": "SGI",
    b"\1\xda\1": "SGI",
    b"P1": "PBM as text",
    b"P2": "PGM as text",
    b"P3": "PPM as text",
    b"P7": "PAM",
    b"Pf": "PFM",
    b"PF": "PFM",
}
_ICONS = {b"\0\0\1\0": "ICO", b"\0\0\2\0": "CUR"}
_TEXT_STARTS = {b"P1", b"P2", b"P3", b"P7", b"Pf", b"PF"}  # these need a blank behind them
_BRANDS = {  # of ISO files, behind "ftyp"
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
}
_PCX = re.compile(rb"\x0a[\x00\x02-\x05][\x00\x01][\x01\x02\x04\x08]")
_XBM = re.compile(rb"\s*(?:/\*.*?\*/\s*)?#define\s+\S+_width\b", re.DOTALL)
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")
_TGA_KINDS = {(1, 1), (1, 9), (0, 2), (0, 3), (0, 10), (0, 11)}  # palette or none, encoding
_TGA_END = b"TRUEVISION-XFILE.\0"
_LOOK = 4096  # bytes in which a text says what it is


def name_format(data: bytes) -> str | None:
    """A file's bytes -> the name of its format, if that is one of those that are not taken."""
    if data[4:8] == b"ftyp":
        brands = [data[8:12], *(data[place : place + 4] for place in range(16, 64, 4))]
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), "MP4")
    for start, name in _STARTS.items():
        if data.startswith(start) and (start not in _TEXT_STARTS or data[2:3].isspace()):
            return name
    if data[:4] in _ICONS and any(data[4:6]):  # how many there are; in a TGA it is 0
        return _ICONS[data[:4]]
    head = data[:_LOOK]
    if _MARKUP.match(head) and b"<svg" in head.lower():
        return "SVG"
    if data[128:132] == b"DICM":
        return "DICOM"
    if _PCX.match(head):
        return "PCX"
    if _XBM.match(head):
        return "XBM"
    return "TGA" if data.endswith(_TGA_END) or _is_tga(head) else None


def _is_tga(head: bytes) -> bool:
    """A file's first bytes -> whether they are a TGA's header, which has no signature."""
    if len(head) <= 18 or (head[1], head[2]) not in _TGA_KINDS:
        return False
    sides = int.from_bytes(head[12:14], "little"), int.from_bytes(head[14:16], "little")
    has_map = head[1] == 1 and head[7] in (15, 16, 24, 32)
    return min(sides) > 0 and head[16] in (8, 15, 16, 24, 32) and (has_map or not any(head[3:8]))
