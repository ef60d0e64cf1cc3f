/** What is due when: one heap of instants. */
import TinyQueue from "tinyqueue";

/** Something with a time. The field is the truth; the heap only knows where to look. */
export interface Timed {
  /** Epoch ms; undefined while nothing is ahead. */
  at: number | undefined;
}

interface Node<T> {
  readonly at: number;
  /** Of two that are due at once, the one that was put in first comes first. */
  readonly order: number;
  readonly item: T;
}

/**
 * A heap with lazy deletion: another time for an item is another node, and a node whose time is not its item's any more is passed
 * over. Stale nodes are swept out when they are more than the live ones, so that reloads for ever cost no memory.
 */
export class Timeline<T extends Timed> {
  #heap = this.#empty();
  #order = 0;
  #live = 0;

  /** How many have a time. */
  get size(): number {
    return this.#live;
  }

  /** Gives an item another time, or none. */
  set(item: T, at: number | undefined): void {
    if (item.at === at) return;
    if (item.at === undefined) this.#live += 1;
    if (at === undefined) this.#live -= 1;
    item.at = at;
    if (at === undefined) return;
    this.#heap.push({ at, order: this.#order++, item });
    if (this.#heap.length > 2 * this.#live + 1000) this.#sweep();
  }

  /** When the first is due. */
  nextAt(): number | undefined {
    for (;;) {
      const first = this.#heap.peek();
      if (first === undefined || first.item.at === first.at) return first?.at;
      this.#heap.pop();
    }
  }

  /** Takes out what is due at `now`, at most `most`, the earliest first. What is taken out has no time until it is given one. */
  takeDue(now: number, most = Infinity): T[] {
    const due: T[] = [];
    while (due.length < most) {
      const next = this.nextAt();
      if (next === undefined || next > now) break;
      const node = this.#heap.pop();
      if (node === undefined) break;
      node.item.at = undefined;
      this.#live -= 1;
      due.push(node.item);
    }
    return due;
  }

  #sweep(): void {
    const nodes = new Map<T, Node<T>>();
    for (const node of this.#heap.data) if (node.item.at === node.at) nodes.set(node.item, node);
    this.#heap = this.#empty([...nodes.values()]);
  }

  #empty(nodes: Node<T>[] = []): TinyQueue<Node<T>> {
    return new TinyQueue(nodes, (a, b) => a.at - b.at || a.order - b.order);
  }
}
