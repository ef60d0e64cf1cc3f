/**
 * The quick way through a shape: it makes of a good value just what valibot would, in one walk, and of any other it says only that
 * it is refused. What is wrong, and in which words, is then found out by valibot (see check.ts). Nearly all job files are good, and
 * a thousand of them are read by every `list`.
 */

/** A value that is not taken this way: something is wrong with it, or only the slow way can tell. */
export const refused = Symbol("refused");

/** What a shape makes of a value, or `refused`. */
export type Accept = (found: unknown) => unknown;

export function acceptLeaf(read: (found: unknown) => object): Accept {
  return (found) => {
    const reading = read(found);
    return "value" in reading ? reading.value : refused;
  };
}

interface Entry {
  readonly key: string;
  readonly accept: Accept;
  readonly optional: boolean;
}

/** An object of these keys, made in their order. */
export function acceptShape(entries: readonly Entry[]): Accept {
  const mayInherit = entries.some(({ key }) => key in Object.prototype);
  return (found) => {
    if (!isObject(found)) return refused;
    // Asked once and not of each key: what a file holds inherits nothing of these names.
    const inherits = mayInherit || !isPlain(found);
    const made: Record<string, unknown> = {};
    let left = Object.keys(found).length;
    for (const { key, accept, optional } of entries) {
      if (Object.hasOwn(found, key)) {
        const value = accept(found[key]);
        if (value === refused) return refused;
        made[key] = value;
        left -= 1;
      } else if (!optional) return refused;
      // valibot would take what an object inherits, too.
      else if (inherits && key in found) return refused;
    }
    return left === 0 ? made : refused;
  };
}

export function acceptList(item: Accept, most: number): Accept {
  return (found) => {
    if (!Array.isArray(found) || found.length > most) return refused;
    const made: unknown[] = [];
    for (const each of found) {
      const value = item(each);
      if (value === refused) return refused;
      made.push(value);
    }
    return made;
  };
}

/** Names that mean something to JavaScript itself. */
const reserved = new Set(["__proto__", "prototype", "constructor"]);

export function acceptTable(value: Accept, most: number, isName: (key: string) => boolean): Accept {
  return (found) => {
    if (!isObject(found)) return refused;
    const keys = Object.keys(found);
    if (keys.length > most) return refused;
    const made: Record<string, unknown> = {};
    for (const key of keys) {
      if (reserved.has(key) || !isName(key)) return refused;
      const taken = value(found[key]);
      if (taken === refused) return refused;
      made[key] = taken;
    }
    return made;
  };
}

function isPlain(found: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(found);
  return prototype === Object.prototype || prototype === null;
}

function isObject(found: unknown): found is Record<string, unknown> {
  return typeof found === "object" && found !== null && !Array.isArray(found);
}
