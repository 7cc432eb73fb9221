"""What schemathesis cannot know of the server: what a picture is, and which valid requests may be refused."""

import base64
import struct
import zlib

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, CheckContext, Response


def png(width: int, height: int, alpha: bool) -> bytes:
    row = b"\0" + bytes([250, 200, 180, 0][: 4 if alpha else 3]) * width

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 6 if alpha else 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * height)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


FILES = [png(64, 64, False), png(64, 64, True), png(32, 48, False)]
TEXTS = [base64.b64encode(file).decode() for file in FILES]
schemathesis.openapi.format("picture", st.sampled_from([*TEXTS, *(f"data:image/png;base64,{text}" for text in TEXTS)]))

# Options that depend on each other, on the model or on the pictures, which no JSON Schema can say: sides (pixels in all, the
# model's multiples), prompts (tokens), masks (what is white in them).
DEPENDENT = {"options.width", "size", "prompt", "negative_prompt", "mask"}


@schemathesis.check
def refused_for_a_reason(ctx: CheckContext, response: Response, case: Case) -> None:
    """A valid body is refused only for what its schema cannot say, and for files that are no pictures."""
    if response.status_code != 400 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    error = response.json()["error"]
    if error["param"] not in DEPENDENT and not error["code"].startswith("ERR_IPA_IMAGE"):
        raise AssertionError(f"a valid request is refused: {error['message']}")


SIGNATURES = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}


@schemathesis.deserializer(*SIGNATURES)
def picture(ctx: object, response: Response) -> str:
    """A picture is of the kind that its header says."""
    kind = response.headers["content-type"][0]
    if not response.content.startswith(SIGNATURES[kind]):
        raise ValueError(f"these bytes are no {kind}")
    return kind
