/** Entries of several owners, taken in turn: one of each owner who has any, so that nobody's many hold up somebody's one. */
export class FairQueue<T> {
  /** owners in the order of their turns */
  readonly #lines = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(owner: string, entry: T): void {
    const line = this.#lines.get(owner);
    if (line === undefined) this.#lines.set(owner, [entry]);
    else line.push(entry);
    this.#size++;
  }

  /** The next entry; its owner's next turn comes after everybody else's. */
  shift(): T | undefined {
    for (const [owner, line] of this.#lines) {
      const entry = line.shift();
      this.#lines.delete(owner);
      if (line.length > 0) this.#lines.set(owner, line);
      if (entry === undefined) continue;
      this.#size--;
      return entry;
    }
    return undefined;
  }

  /** All that wait, owner by owner. */
  *[Symbol.iterator](): Generator<T> {
    for (const line of this.#lines.values()) yield* line;
  }

  /** @returns whether it was there */
  remove(owner: string, entry: T): boolean {
    const line = this.#lines.get(owner);
    const index = line?.indexOf(entry) ?? -1;
    if (line === undefined || index < 0) return false;
    line.splice(index, 1);
    if (line.length === 0) this.#lines.delete(owner);
    this.#size--;
    return true;
  }

  /** Entries that are taken before this one, as things stand; -1: it is not here. */
  ahead(owner: string, entry: T): number {
    const owners = [...this.#lines.keys()];
    const mine = owners.indexOf(owner);
    const index = this.#lines.get(owner)?.indexOf(entry) ?? -1;
    if (index < 0) return -1;
    // Owners in front have had one turn more when this entry's comes.
    return owners.reduce((sum, other, i) => {
      const length = this.#lines.get(other)?.length ?? 0;
      return sum + (i === mine ? index : Math.min(length, i < mine ? index + 1 : index));
    }, 0);
  }
}
