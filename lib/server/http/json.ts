/** JSON from strangers: what would take the event loop or the memory is refused before it is parsed. */
import { Problem } from "../problem";

/** More than any request needs; the longest lists are those of latents and embeds. */
const MOST = { depth: 32, values: 500_000, characters: 16_000_000 };

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * A text of 64 MB parses in a moment when it is one long string, and takes gigabytes when it is millions of values.
 * @throws Problem 400
 */
export function parseJson(text: string): unknown {
  checkJson(text);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Problem(400, "invalid_json", "the body is no JSON", { cause });
  }
}

function checkJson(text: string): void {
  let [depth, values, characters] = [0, 0, 0];
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const { end, quotes } = endOfString(text, i + 1);
        values += quotes;
        i = end;
        break;
      }
      case OPEN_LIST:
      case OPEN_OBJECT:
        depth++;
        values++;
        break;
      case CLOSE_LIST:
      case CLOSE_OBJECT:
        depth--;
        break;
      case COMMA:
      case COLON:
        values++;
        break;
      default:
    }
    if (depth > MOST.depth) throw tooMuch(`is nested more than ${MOST.depth} deep`);
    if (values > MOST.values) throw tooMuch(`has more than ${MOST.values} values`);
    if (++characters > MOST.characters) throw tooMuch("is too long outside of its strings");
  }
}

/** @returns where a string that begins here ends, and how many quotes stand in it, the last one included */
function endOfString(text: string, start: number): { end: number; quotes: number } {
  let quotes = 0;
  for (let from = start; ;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return { end: text.length, quotes };
    let backslashes = 0;
    while (quote - backslashes > from && text.charCodeAt(quote - backslashes - 1) === BACKSLASH) backslashes++;
    if (++quotes > MOST.values || backslashes % 2 === 0) return { end: quote, quotes };
    from = quote + 1;
  }
}

const tooMuch = (what: string): Problem => new Problem(400, "invalid_json", `the body ${what}`);
