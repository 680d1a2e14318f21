"""Numbers as pictures: PNG files of a few hundred bytes that look right on a light page and on a dark one."""

import base64
import struct
import zlib

import numpy

# The smaller a number, the more of the page shows through. Orange and blue differ for colour-blind readers too.
POSITIVE, NEGATIVE, OPEN = (222, 107, 20), (38, 126, 214), (121, 97, 204)
LEVELS = 7


def draw(values: numpy.ndarray, largest: float, *, signed: bool) -> str:
    """Draw a table of numbers, a pixel each.

    values (numpy.ndarray): The numbers, shape (height, width).
    largest (float): The size of a number that gets the full colour.
    signed (bool): Whether numbers may be negative, and get one of two colours.
    RETURNS (str): The picture, a PNG, as a data URL.
    """
    shares = numpy.clip(numpy.nan_to_num(values) / (largest or 1.0), -1 if signed else 0, 1)
    if signed:
        levels = numpy.rint(shares * LEVELS) + LEVELS
        colours = [(*(NEGATIVE if i < LEVELS else POSITIVE), abs(i - LEVELS) / LEVELS) for i in range(2 * LEVELS + 1)]
    else:
        levels = numpy.rint(shares * 2 * LEVELS)
        colours = [(*OPEN, i / (2 * LEVELS)) for i in range(2 * LEVELS + 1)]
    return "data:image/png;base64," + base64.b64encode(_encode(levels.astype("uint8"), colours)).decode("ascii")


def _encode(pixels: numpy.ndarray, colours: "list[tuple[int, int, int, float]]") -> bytes:
    """Write a PNG of four bits a pixel: https://www.w3.org/TR/png-3/

    pixels (numpy.ndarray): Each pixel's colour, uint8, shape (height, width).
    colours (list[tuple[int, int, int, float]]): Red, green, blue (0 to 255) and opacity (0 to 1), at most 16.
    """
    height, width = pixels.shape
    even = numpy.pad(pixels, ((0, 0), (0, width % 2)))
    packed = even[:, ::2] << 4 | even[:, 1::2]
    lines = numpy.pad(packed, ((0, 0), (1, 0)))  # each begins with its filter: none
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0),
        b"PLTE": b"".join(bytes(colour[:3]) for colour in colours),
        b"tRNS": bytes(round(255 * opacity) for *_, opacity in colours),
        b"IDAT": zlib.compress(lines.tobytes(), 9),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
