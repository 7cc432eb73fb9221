"""Small pictures of every kind with their pixels as diffusers' load_image gives them, for test/image.test.ts.

    python tools/goldens/images.py --out test/golden/images
"""
import argparse
import base64
import hashlib
import json
import os
import struct
import zlib

import numpy as np
from diffusers.utils import load_image
from PIL import Image, ImageCms, TiffImagePlugin

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", required=True)
out = parser.parse_args().out
os.makedirs(out, exist_ok=True)

rng = np.random.default_rng(7)
y, x = np.mgrid[0:10, 0:14]
smooth = np.stack([x * 18, y * 25, (x + y) * 10], -1).astype(np.uint8)
noise = rng.integers(0, 256, (10, 14, 4), dtype=np.uint8)
rgb = Image.fromarray(smooth)
rgba = Image.fromarray(noise)
expected = {}


def save(name, image, **options):
    image.save(os.path.join(out, name), **options)
    record(name)


def record(name):
    loaded = load_image(os.path.join(out, name))
    expected[name] = {"width": loaded.width, "height": loaded.height, "rgb": base64.b64encode(loaded.tobytes()).decode()}


save("rgb.png", rgb)
save("rgba.png", rgba)
save("grey.png", rgb.convert("L"))
save("grey-alpha.png", rgba.convert("LA"))
save("one-bit.png", rgb.convert("1"))
save("palette.png", rgb.quantize(16))
save("palette-transparent.png", rgb.quantize(16), transparency=3)
save("srgb-profile.png", rgb, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
save("rgb.jpg", rgb, quality=90)
save("grey.jpg", rgb.convert("L"), quality=90)
save("progressive.jpg", rgb, quality=80, progressive=True)
save("lossless.webp", rgba, lossless=True, exact=True)
save("lossy.webp", rgb, quality=90)
save("picture.gif", rgb.quantize(32))
save("animated.gif", rgb.quantize(32), save_all=True, append_images=[rgb.rotate(180).quantize(32)])
save("picture.tif", rgb)
save("deflate.tif", rgb, compression="tiff_deflate")
for orientation in range(1, 9):
    tags = Image.Exif()
    tags[0x0112] = orientation
    save(f"orientation-{orientation}.png", rgb, exif=tags)
tags = Image.Exif()
tags[0x0112] = 6
save("orientation-6.jpg", rgb, quality=95, exif=tags)

# 16 bit per sample: PIL keeps the high byte of RGB, which numpy states plainly.
deep = (smooth.astype(np.uint16) << 8) | rng.integers(0, 256, smooth.shape).astype(np.uint16)
rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


with open(os.path.join(out, "deep.png"), "wb") as file:
    header = struct.pack(">IIBBBBB", 14, 10, 16, 2, 0, 0, 0)
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
record("deep.png")

with open(os.path.join(out, "deep-grey-alpha.png"), "wb") as file:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep[..., :2])
    header = struct.pack(">IIBBBBB", 14, 10, 16, 4, 0, 0, 0)
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
record("deep-grey-alpha.png")

# CMYK without a profile, which PIL converts channel by channel. JPEG holds it inverted where Adobe's marker is, and may hold it as YCCK.
inks = Image.frombytes("CMYK", (14, 10), noise.tobytes())
save("cmyk.jpg", inks, quality=95)
save("cmyk-orientation-6.jpg", inks, quality=95, exif=tags)
save("cmyk.tif", inks)
with open(os.path.join(out, "cmyk.jpg"), "rb") as file:
    cmyk = file.read()
marker = cmyk.index(b"\xff\xee")
length = 2 + struct.unpack(">H", cmyk[marker + 2 : marker + 4])[0]
save("palette.tif", rgb.quantize(16))
save("grey-alpha.tif", rgba.convert("LA"))

# What phones and web servers make of a JPEG, and all programs show: a scan header out of its range, stray bytes between markers, bytes
# behind the end, an end that comes too early. And a TIFF with a tag that nobody knows.
jpeg = open(os.path.join(out, "rgb.jpg"), "rb").read()
scan = jpeg.index(b"\xff\xda")
data = scan + 2 + struct.unpack(">H", jpeg[scan + 2 : scan + 4])[0]
directory = TiffImagePlugin.ImageFileDirectory_v2()
directory.tagtype[60000] = 2
directory[60000] = "a private tag"
save("unknown-tag.tif", rgb, tiffinfo=directory)
for name, content in {
    "cmyk-plain.jpg": cmyk[:marker] + cmyk[marker + length :],
    "ycck.jpg": cmyk[: marker + length - 1] + b"\2" + cmyk[marker + length :],
    "invalid-sos.jpg": jpeg[: data - 3] + b"\0\0" + jpeg[data - 1 :],
    "stray-bytes.jpg": jpeg[:scan] + b"\0\1\2\3" + jpeg[scan:-2] + b"\1\2\3" + jpeg[-2:] + b"behind the end",
    "early-end.jpg": jpeg[: data + 40] + b"\xff\xd9",
}.items():
    with open(os.path.join(out, name), "wb") as file:
        file.write(content)
    record(name)

# Pictures of test/cases, by their hash.
cases = os.path.join(os.path.dirname(__file__), "..", "..", "test", "cases")
for name in ["phone-invalid-sos.jpg", "cmyk.jpg"]:
    loaded = load_image(os.path.join(cases, name))
    expected[f"../../cases/{name}"] = {"width": loaded.width, "height": loaded.height, "sha256": hashlib.sha256(loaded.tobytes()).hexdigest()}

with open(os.path.join(out, "expected.json"), "w", encoding="utf-8") as file:
    json.dump(expected, file, indent=0)
    file.write("\n")
