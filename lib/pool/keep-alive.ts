/** Keeps the program running while something is waited for. Children and their channels do not: idle ones let it end. */
export class KeepAlive {
  #waits = 0;
  #timer: NodeJS.Timeout | undefined;

  async during<T>(work: Promise<T>): Promise<T> {
    if (this.#waits++ === 0) this.#timer = setInterval(() => undefined, 2 ** 31 - 1);
    try {
      return await work;
    } finally {
      if (--this.#waits === 0) clearInterval(this.#timer);
    }
  }
}
