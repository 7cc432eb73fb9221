/** Letters of 5 x 7 points for labels: they look alike on every machine, whatever fonts it has. */

/** Five columns of each, from the left; the lowest bit is the top row. */
const COLUMNS: Record<string, string> = {
  " ": "0000000000",
  "0": "3e5149453e",
  "1": "00427f4000",
  "2": "4261514946",
  "3": "2141454b31",
  "4": "1814127f10",
  "5": "2745454539",
  "6": "3c4a494930",
  "7": "0171090503",
  "8": "3649494936",
  "9": "064949291e",
  A: "7e1111117e",
  B: "7f49494936",
  C: "3e41414122",
  D: "7f4141221c",
  E: "7f49494941",
  F: "7f09090901",
  G: "3e4149497a",
  H: "7f0808087f",
  I: "00417f4100",
  J: "2040413f01",
  K: "7f08142241",
  L: "7f40404040",
  M: "7f020c027f",
  N: "7f0408107f",
  O: "3e4141413e",
  P: "7f09090906",
  Q: "3e4151215e",
  R: "7f09192946",
  S: "4649494931",
  T: "01017f0101",
  U: "3f4040403f",
  V: "1f2040201f",
  W: "3f4038403f",
  X: "6314081463",
  Y: "0708700807",
  Z: "6151494543",
  "-": "0808080808",
  "+": "08083e0808",
  ".": "0060600000",
  ",": "0050300000",
  ":": "0036360000",
  "=": "1414141414",
  _: "4040404040",
  "/": "2010080402",
  "#": "147f147f14",
  "(": "001c224100",
  ")": "0041221c00",
  "%": "2313086462",
  "?": "0201510906",
};

export const LETTER = { width: 6, height: 8 } as const;

/** Grey RGB of a text in one line, each point `scale` pixels wide; letters without a form are question marks. */
export function drawText(text: string, scale: number): { rgb: Uint8Array; width: number; height: number } {
  const letters = Array.from(text.toUpperCase(), (letter) => COLUMNS[letter] ?? COLUMNS["?"] ?? "");
  const [width, height] = [Math.max(1, letters.length) * LETTER.width * scale, LETTER.height * scale];
  const rgb = new Uint8Array(3 * width * height).fill(255);
  for (const [i, columns] of letters.entries())
    for (let column = 0; column < 5; column++) {
      const bits = Number.parseInt(columns.slice(2 * column, 2 * column + 2), 16);
      for (let row = 0; row < 7; row++)
        if ((bits >> row) & 1) fill(rgb, width, (i * LETTER.width + column) * scale, row * scale, scale);
    }
  return { rgb, width, height };
}

function fill(rgb: Uint8Array, width: number, left: number, top: number, size: number): void {
  for (let y = top; y < top + size; y++) rgb.fill(40, 3 * (y * width + left), 3 * (y * width + left + size));
}
