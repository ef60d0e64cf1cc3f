import { relative, sep } from "node:path";

/** A file's name as people would type it from `base`; absolute if it lies elsewhere. */
export function displayName(path: string, base: string): string {
  const short = relative(base, path);
  return short === "" || short === ".." || short.startsWith(`..${sep}`) ? path : short;
}
