// Raw pictures of the small model's size, and masks.

export const SIDE = 128;
/** Bytes. */
export const PICTURE = SIDE * SIDE * 3;

/** The i-th of pictures that lie one behind the other. */
export const pictureOf = (bytes, i) => ({
  data: bytes.subarray(i * PICTURE, (i + 1) * PICTURE),
  width: SIDE,
  height: SIDE,
  channels: 3,
});

/** A picture of one channel, white in a rectangle. */
export function maskOf([x, y, width, height], canvas = { width: SIDE, height: SIDE }) {
  const data = Buffer.alloc(canvas.width * canvas.height);
  for (let row = y; row < y + height; row++) data.fill(255, row * canvas.width + x, row * canvas.width + x + width);
  return { data, ...canvas, channels: 1 };
}
