interface Node<T> {
  /** what leads here from the node above */
  label: string;
  /** by their first UTF-16 unit */
  children: Map<number, Node<T>> | undefined;
  value: T | undefined;
}

/**
 * Texts to be found in other texts: where several begin, the longest is meant. A search takes steps in proportion to the text that is
 * searched, however many texts there are; chains without branches are one node, so that there are at most two nodes a text.
 */
export class TextTrie<T> {
  readonly #root: Node<T> = { label: "", children: undefined, value: undefined };

  /** One with half a surrogate pair is left out: no text in proper UTF-16 has it. */
  add(text: string, value: T): void {
    if (!text.isWellFormed()) return;
    let node = this.#root;
    let at = 0;
    while (at < text.length) {
      const children = (node.children ??= new Map<number, Node<T>>());
      const unit = text.charCodeAt(at);
      const child = children.get(unit);
      if (child === undefined) {
        children.set(unit, { label: text.slice(at), children: undefined, value });
        return;
      }
      const common = commonLength(child.label, text, at);
      node = common === child.label.length ? child : split(children, unit, child, common);
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
    for (let at = 0; at < text.length; ) {
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
    for (let at = start; ; ) {
      node = node.children?.get(text.charCodeAt(at));
      if (node === undefined || !text.startsWith(node.label, at)) return found;
      at += node.label.length;
      if (node.value !== undefined) found = { value: node.value, end: at };
    }
  }
}

function commonLength(label: string, text: string, at: number): number {
  let length = 0;
  while (length < label.length && label.charCodeAt(length) === text.charCodeAt(at + length)) length++;
  return length;
}

/** Puts a node where `child`'s label and another text part. */
function split<T>(children: Map<number, Node<T>>, unit: number, child: Node<T>, common: number): Node<T> {
  const middle: Node<T> = { label: child.label.slice(0, common), children: new Map([[child.label.charCodeAt(common), child]]), value: undefined };
  child.label = child.label.slice(common);
  children.set(unit, middle);
  return middle;
}
