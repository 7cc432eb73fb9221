/** What is read of a tokenizer: several times the largest that any CLIP has. */
export const TOKENIZER_LIMITS = {
  /** all of its files together */
  fileBytes: 32 * 1024 * 1024,
  /** of the vocabulary, of the merges and of the added tokens */
  entries: 262_144,
  /** of one token, in UTF-8 */
  tokenBytes: 256,
  /** largest token id and one */
  ids: 2 ** 24,
} as const;

/** Something passes a limit; whoever knows the file names it. */
export class PastLimit extends Error {}

/** Something is not as it must be. */
export class Malformed extends Error {}

/** Something is as other models have it, which CLIP's rules do not read. */
export class NotClip extends Error {}

/** @throws PastLimit when one more entry is too many */
export function checkEntries(count: number, what: string): void {
  if (count >= TOKENIZER_LIMITS.entries) throw new PastLimit(`more than ${TOKENIZER_LIMITS.entries} ${what}`);
}

/** @throws PastLimit */
export function checkToken(token: string, most: number = TOKENIZER_LIMITS.tokenBytes): string {
  // A character has three bytes at most, but for surrogates, which have two each.
  if (token.length * 3 > most && Buffer.byteLength(token) > most) throw tooLong();
  return token;
}

export const tooLong = (): PastLimit => new PastLimit(`a token of more than ${TOKENIZER_LIMITS.tokenBytes} bytes`);
