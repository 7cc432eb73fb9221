/** Letters of 5 x 8 points for labels: they look alike on every machine, whatever fonts it has. */

/** Five columns of each, from the left; the lowest bit is the top row, the highest what hangs below the line. */
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
  a: "2054545478",
  b: "7f48444438",
  c: "3844444428",
  d: "384444487f",
  e: "3854545418",
  f: "087e090102",
  g: "18a4a4a47c",
  h: "7f08040478",
  i: "00447d4000",
  j: "4080847d00",
  k: "7f10284400",
  l: "00417f4000",
  m: "7c04180478",
  n: "7c08040478",
  o: "3844444438",
  p: "fc24242418",
  q: "18242424fc",
  r: "7c08040408",
  s: "4854545424",
  t: "043f444020",
  u: "3c4040207c",
  v: "1c2040201c",
  w: "3c4030403c",
  x: "4428102844",
  y: "1ca0a0a07c",
  z: "4464544c44",
  "'": "0004030000",
  '"': "0003000300",
  "!": "00005f0000",
  "&": "3649552250",
  ";": "0000563600",
  "*": "2a1c3e1c2a",
  "@": "324979413e",
  "<": "0008142241",
  ">": "4122140800",
  "[": "007f414100",
  "]": "0041417f00",
  "{": "0008364141",
  "}": "4141360800",
  "|": "00007f0000",
  "~": "0804080804",
  "^": "0402010204",
  $: "242a7f2a12",
  "\\": "0204081020",
  "`": "0001020400",
  "…": "4000400040",
};

/** Points from one letter to the next, and from one line to the next. */
export const LETTER = { width: 6, height: 9 } as const;

/** Quotes and dashes of typesetters, as typewriters have them. */
const PLAIN: Record<string, string> = { "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-" };
const UNKNOWN = "?";
const hasForm = (letter: string): boolean => Object.hasOwn(COLUMNS, letter);

/** The text in letters that have a form: those with an accent lose it, all others become question marks. */
export function legible(text: string): string {
  return Array.from(text.normalize("NFC"), (letter) => {
    if (hasForm(letter)) return letter;
    if (/\s/.test(letter)) return " ";
    const [bare = UNKNOWN] = PLAIN[letter] ?? letter.normalize("NFD");
    return hasForm(bare) ? bare : UNKNOWN;
  }).join("");
}

/** Grey RGB of lines of text, each point `scale` pixels wide. */
export function drawText(lines: readonly string[], scale: number): { rgb: Uint8Array; width: number; height: number } {
  const written = lines.map(legible);
  const longest = Math.max(1, ...written.map(({ length }) => length));
  const [width, height] = [longest * LETTER.width * scale, Math.max(1, lines.length) * LETTER.height * scale];
  const rgb = new Uint8Array(3 * width * height).fill(255);
  for (const [line, letters] of written.entries())
    for (const [i, letter] of Array.from(letters).entries()) {
      const [left, top] = [i * LETTER.width * scale, line * LETTER.height * scale];
      drawLetter(COLUMNS[letter] ?? "", scale, (x, y) => fill(rgb, width, left + x, top + y, scale));
    }
  return { rgb, width, height };
}

function drawLetter(columns: string, scale: number, point: (x: number, y: number) => void): void {
  for (let column = 0; column < columns.length / 2; column++) {
    const bits = Number.parseInt(columns.slice(2 * column, 2 * column + 2), 16);
    for (let row = 0; row < 8; row++) if ((bits >> row) & 1) point(column * scale, row * scale);
  }
}

function fill(rgb: Uint8Array, width: number, left: number, top: number, size: number): void {
  for (let y = top; y < top + size; y++) rgb.fill(40, 3 * (y * width + left), 3 * (y * width + left + size));
}
