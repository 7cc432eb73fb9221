"""Texts in pictures: files that PIL writes, and what PIL reads of what this package writes, for test/metadata.test.ts.

    npm run build:ts && python tools/goldens/metadata.py

Writes test/golden/metadata/.
"""
import hashlib
import json
import subprocess
import tempfile
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "test" / "golden" / "metadata"
PARAMETERS = "a cat \u2014 \u732b\nNegative prompt: dog\nSteps: 20, Sampler: Euler a"
TEXTS = [["parameters", PARAMETERS], ["latin", "na\u00efve"], ["node-ip-adapter", '{"version":1}']]
EXIF = {"description": '{"version":1}', "comment": PARAMETERS}
DESCRIPTION, FOLDER_TAG, COMMENT = 0x010E, 0x8769, 0x9286
# Writes the chunks into a PNG and the block into a JPEG and a WebP, with this package's code.
SCRIPT = """
const { withTexts } = require("./dist/metadata/png-text.js");
const { exifBlock, withJpegExif, withWebpExif } = require("./dist/metadata/exif.js");
const fs = require("node:fs");
const sharp = require("sharp");
const [texts, exif, folder] = process.argv.slice(1);
(async () => {
  const base = sharp({ create: { width: 8, height: 8, channels: 3, background: "#808080" } });
  const png = await base.clone().png().toBuffer();
  const whole = withTexts(png, JSON.parse(texts));
  fs.writeFileSync(folder + "/a.png", whole);
  fs.writeFileSync(folder + "/chunks", whole.subarray(33, 33 + whole.length - png.length));
  const block = exifBlock(JSON.parse(exif));
  fs.writeFileSync(folder + "/exif", block);
  fs.writeFileSync(folder + "/a.jpg", withJpegExif(await base.clone().jpeg().toBuffer(), block));
  fs.writeFileSync(folder + "/a.webp", withWebpExif(await base.clone().webp().withExif({ IFD0: { ImageDescription: "-" } }).toBuffer(), block));
})();
"""


def comment_of(exif):
    value = exif.get_ifd(FOLDER_TAG)[COMMENT]
    assert value[:8] == b"UNICODE\0"
    return value[8:].decode("utf-16-be")


def write_files():
    picture = Image.new("RGB", (8, 8), (128, 128, 128))
    info = PngInfo()
    info.add_itxt("parameters", PARAMETERS, zip=True)
    picture.save(FOLDER / "pil.png", pnginfo=info)
    exif = Image.Exif()
    exif.get_ifd(FOLDER_TAG)[COMMENT] = b"UNICODE\0" + PARAMETERS.encode("utf-16-be")
    picture.save(FOLDER / "pil.jpg", exif=exif)
    picture.save(FOLDER / "pil.webp", exif=exif)


def read_ours():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(["node", "-e", SCRIPT, json.dumps(TEXTS), json.dumps(EXIF), name], cwd=ROOT, check=True)
        png = Image.open(folder / "a.png")
        png.load()
        assert [[key, png.text[key]] for key, _ in TEXTS] == TEXTS
        for file in ("a.jpg", "a.webp"):
            exif = Image.open(folder / file).getexif()
            assert exif[DESCRIPTION] == EXIF["description"] and comment_of(exif) == EXIF["comment"]
        return {part: hashlib.sha256((folder / part).read_bytes()).hexdigest() for part in ("chunks", "exif")}


def main():
    FOLDER.mkdir(exist_ok=True)
    write_files()
    (FOLDER / "expected.json").write_text(json.dumps(dict(texts=TEXTS, exif=EXIF, sha256=read_ours()), indent=1) + "\n")
    for file in FOLDER.iterdir():
        file.chmod(0o644)


if __name__ == "__main__":
    main()
