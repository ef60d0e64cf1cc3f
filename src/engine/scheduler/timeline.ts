/** What is due when: one heap of instants. */

/** Something with a time. */
export interface Timed {
  /** Epoch ms; undefined while nothing is ahead. Only a timeline sets it. */
  at: number | undefined;
  /** Where it stands in the heap of its timeline, which alone reads and sets it; -1: nowhere. Begins as -1. */
  place: number;
}

const smallest = 64;

/** So many items fit where an array stands. So much of addresses is set aside for it, 8 MB, of which nothing is memory before it is used. */
const fitIn = 2 ** 20;

/**
 * A binary heap whose instants lie in arrays of numbers, 24 bytes an item: a hundred thousand jobs that wait take little memory, and give the
 * garbage collector nothing to walk through. Each item knows its place, so that another time moves it and nothing stale is left behind.
 */
export class Timeline<T extends Timed> {
  readonly #items: T[] = [];
  #at = numbers(smallest);
  /** Of two that are due at once, the one that was put in first comes first. */
  #order = numbers(smallest);
  #puts = 0;

  /** How many have a time. */
  get size(): number {
    return this.#items.length;
  }

  /** Gives an item another time, or none. */
  set(item: T, at: number | undefined): void {
    if (item.at === at) return;
    if (at === undefined) return this.#takeOut(item);
    const place = item.place < 0 ? this.#items.length : item.place;
    if (place === this.#at.length) this.#resize(2 * place);
    item.at = at;
    this.#fill(place, item, at, this.#puts++);
    this.#settle(place);
  }

  /** When the first is due. */
  nextAt(): number | undefined {
    return this.#items.length === 0 ? undefined : this.#at[0];
  }

  /** What is due after the one instant and up to the other, the earliest first; it stays where it is. Costs what it finds, and what lies before it. */
  between(after: number, until: number): T[] {
    const places: number[] = [];
    const left = [0];
    for (let place = left.pop(); place !== undefined; place = left.pop()) {
      // Nothing below a place of the heap is due before it.
      if (place >= this.#items.length || this.#atOf(place) > until) continue;
      if (this.#atOf(place) > after) places.push(place);
      left.push(2 * place + 1, 2 * place + 2);
    }
    places.sort((one, other) => (this.#isBefore(one, other) ? -1 : 1));
    return places.flatMap((place) => this.#items[place] ?? []);
  }

  /** Takes out what is due at `now`, at most `most`, the earliest first. What is taken out has no time until it is given one. */
  takeDue(now: number, most = Infinity): T[] {
    const due: T[] = [];
    while (due.length < most) {
      const first = this.#items[0];
      if (first === undefined || this.#atOf(0) > now) break;
      this.#takeOut(first);
      due.push(first);
    }
    return due;
  }

  #takeOut(item: T): void {
    const { place } = item;
    item.at = undefined;
    item.place = -1;
    const end = this.#items.length - 1;
    const last = this.#items.pop();
    if (last !== undefined && place < end) {
      this.#fill(place, last, this.#atOf(end), this.#order[end] ?? 0);
      this.#settle(place);
    }
    if (this.#at.length > smallest && end < this.#at.length / 4) this.#resize(this.#at.length / 2);
  }

  #atOf(place: number): number {
    return this.#at[place] ?? Infinity;
  }

  #fill(place: number, item: T, at: number, order: number): void {
    this.#items[place] = item;
    this.#at[place] = at;
    this.#order[place] = order;
    item.place = place;
  }

  /** Moves what stands at a place up or down to where it belongs. */
  #settle(place: number): void {
    let here = place;
    while (here > 0 && this.#isBefore(here, (here - 1) >> 1)) here = this.#swap(here, (here - 1) >> 1);
    for (;;) {
      const left = 2 * here + 1;
      const child = left + 1 < this.#items.length && this.#isBefore(left + 1, left) ? left + 1 : left;
      if (child >= this.#items.length || !this.#isBefore(child, here)) return;
      here = this.#swap(here, child);
    }
  }

  #isBefore(one: number, other: number): boolean {
    const difference = this.#atOf(one) - this.#atOf(other);
    return difference < 0 || (difference === 0 && (this.#order[one] ?? 0) < (this.#order[other] ?? 0));
  }

  /** Returns where the first of the two stands now. */
  #swap(one: number, other: number): number {
    const [mine, its] = [this.#items[one], this.#items[other]];
    const [at, order] = [this.#atOf(one), this.#order[one] ?? 0];
    if (its !== undefined) this.#fill(one, its, this.#atOf(other), this.#order[other] ?? 0);
    if (mine !== undefined) this.#fill(other, mine, at, order);
    return other;
  }

  #resize(length: number): void {
    this.#at = resized(this.#at, length);
    this.#order = resized(this.#order, length);
  }
}

type Numbers = Float64Array<ArrayBuffer>;

function numbers(length: number, most = Math.max(length, fitIn)): Numbers {
  return new Float64Array(new ArrayBuffer(length * 8, { maxByteLength: most * 8 }));
}

/** It grows and shrinks where it stands, as long as it may, so that nothing is left that it had outgrown. */
function resized(array: Numbers, length: number): Numbers {
  const bytes = length * 8;
  if (bytes > array.buffer.maxByteLength) {
    const larger = numbers(length, 2 * length);
    larger.set(array);
    return larger;
  }
  array.buffer.resize(bytes);
  return array;
}
