/** Whether a library on Linux is all there: the system maps what is cut without a word, and the process dies by a signal. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const HEADER = 64;
const ELF = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;

/** @throws Error when the file ends before its table of sections does, which linkers write last. What is no ELF file is the loader's to refuse */
export function checkWhole(file: string): void {
  const header = Buffer.alloc(HEADER);
  const opened = openSync(file, "r");
  try {
    const read = readSync(opened, header, 0, HEADER, 0);
    if (read < HEADER || header.readUInt32BE(0) !== ELF) return;
    if (header[4] !== CLASS_64 || header[5] !== LITTLE_ENDIAN) return;
    const end = header.readBigUInt64LE(40) + BigInt(header.readUInt16LE(58) * header.readUInt16LE(60));
    const { size } = fstatSync(opened);
    if (end > BigInt(size)) throw new Error(`file too short: ${size} bytes of ${end}`);
  } finally {
    closeSync(opened);
  }
}
