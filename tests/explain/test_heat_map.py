import base64
import struct
import zlib

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_lstm_tagger.explain.page.heat_map import LEVELS, NEGATIVE, OPEN, POSITIVE, draw


def decode(url):
    """Read a PNG back, a red-green-blue-opacity pixel at a time. *Shape:* ``(height, width, 4)``"""
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(name + content)
        chunks[name] = content
        at += 12 + length
    width, height, bits, kind, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (bits, kind) == (4, 3)
    lines = zlib.decompress(chunks[b"IDAT"])
    stride = 1 + (width + 1) // 2
    assert len(lines) == height * stride
    pixels = []
    for row in range(height):
        line = lines[row * stride : (row + 1) * stride]
        assert line[0] == 0
        indices = [half for byte in line[1:] for half in (byte >> 4, byte & 15)][:width]
        pixels.append([(*chunks[b"PLTE"][3 * i : 3 * i + 3], chunks[b"tRNS"][i]) for i in indices])
    return numpy.asarray(pixels)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_every_pixel_has_the_colour_of_its_number(height, width, seed):
    values = numpy.random.default_rng(seed).uniform(-2, 2, (height, width))
    pixels = decode(draw(values, 2.0, signed=True))
    assert pixels.shape == (height, width, 4)
    opacity = numpy.rint(255 * numpy.rint(numpy.abs(values) / 2 * LEVELS) / LEVELS)
    numpy.testing.assert_array_equal(pixels[..., 3], opacity)
    for colour, seen in ((POSITIVE, values > 0), (NEGATIVE, values < 0)):
        assert (pixels[seen & (opacity > 0)][:, :3] == colour).all()


def test_gates_have_one_colour_and_closed_is_transparent():
    pixels = decode(draw(numpy.asarray([[0.0, 0.5, 1.0]]), 1.0, signed=False))
    assert pixels[0, :, 3].tolist() == [0, 128, 255]
    assert pixels[0, 2, :3].tolist() == list(OPEN)


@pytest.mark.parametrize("values", [[[numpy.nan, 0.0]], [[0.0, 0.0]]])
def test_nothing_is_transparent(values):
    assert not decode(draw(numpy.asarray(values), 0.0, signed=True))[..., 3].any()


def test_numbers_beyond_the_scale_have_the_full_colour():
    assert decode(draw(numpy.asarray([[-5.0, 5.0]]), 1.0, signed=True))[0, :, 3].tolist() == [255, 255]
