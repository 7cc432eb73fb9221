class Node<T> {
  /** by the first UTF-16 unit of their labels */
  #children: Map<number, Node<T>> | undefined;
  /** The child that was found last: texts of one letter, which cost most, find it again and again. */
  #last: Node<T> | undefined;
  #lastUnit = -1;

  /** @param label what leads here from the node above */
  constructor(
    public label: string,
    public value: T | undefined,
  ) {}

  child(unit: number): Node<T> | undefined {
    if (unit === this.#lastUnit) return this.#last;
    const found = this.#children?.get(unit);
    if (found !== undefined) {
      this.#last = found;
      this.#lastUnit = unit;
    }
    return found;
  }

  put(child: Node<T>): void {
    this.#children ??= new Map<number, Node<T>>();
    this.#children.set(child.label.charCodeAt(0), child);
    this.#lastUnit = -1;
  }
}

/**
 * Texts to be found in other texts: where several begin, the longest is meant. A search takes steps in proportion to the text that is
 * searched, however many texts there are; chains without branches are one node, so that there are at most two nodes per text.
 */
export class TextTrie<T> {
  readonly #root = new Node<T>("", undefined);

  /** One with half a surrogate pair is left out: no text in proper UTF-16 has it. */
  add(text: string, value: T): void {
    if (!text.isWellFormed()) return;
    let node = this.#root;
    let at = 0;
    while (at < text.length) {
      const child = node.child(text.charCodeAt(at));
      if (child === undefined) {
        node.put(new Node(text.slice(at), value));
        return;
      }
      const common = commonLength(child.label, text, at);
      node = common === child.label.length ? child : split(node, child, common);
      at += common;
    }
    node.value = value;
  }

  has(text: string): boolean {
    return this.#longestAt(text, 0)?.end === text.length;
  }

  /** `text` in pieces: what was found by its value, what is between as text. */
  *pieces(text: string): Generator<string | T, void, void> {
    let from = 0;
    for (let at = 0; at < text.length;) {
      const found = this.#longestAt(text, at);
      if (found === undefined) at++;
      else {
        if (at > from) yield text.slice(from, at);
        yield found.value;
        from = at = found.end;
      }
    }
    if (from < text.length) yield text.slice(from);
  }

  #longestAt(text: string, start: number): { value: T; end: number } | undefined {
    let found: { value: T; end: number } | undefined;
    let node: Node<T> | undefined = this.#root;
    for (let at = start; ;) {
      node = node.child(text.charCodeAt(at));
      if (node === undefined) return found;
      const { length } = node.label;
      if (length > 1 && !text.startsWith(node.label, at)) return found;
      at += length;
      if (node.value !== undefined) found = { value: node.value, end: at };
    }
  }
}

function commonLength(label: string, text: string, at: number): number {
  let length = 0;
  while (length < label.length && label.charCodeAt(length) === text.charCodeAt(at + length)) length++;
  return length;
}

/** Puts a node between `parent` and `child`, where the child's label and another text part. */
function split<T>(parent: Node<T>, child: Node<T>, common: number): Node<T> {
  const middle = new Node<T>(child.label.slice(0, common), undefined);
  child.label = child.label.slice(common);
  middle.put(child);
  parent.put(middle);
  return middle;
}
