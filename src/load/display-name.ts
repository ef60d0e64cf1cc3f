import { isAbsolute, relative, sep } from "node:path";

/** A file's name as people would type it from `base`; absolute if it lies elsewhere. */
export function displayName(path: string, base: string): string {
  const short = relativeTo(base, path);
  return short === "" || short === ".." || short.startsWith(`..${sep}`) ? path : short;
}

/** What `relative` says, without taking both paths apart where one plainly begins with the other: it is asked several times a file. */
export function relativeTo(base: string, path: string): string {
  const below = path.startsWith(base) && path.startsWith(sep, base.length) ? path.slice(base.length + sep.length) : "";
  // With nothing in the way of reading it from left to right: no empty step, no `.` and no `..`.
  const plain = below !== "" && !/(?:^|[\\/])\.{0,2}(?:[\\/]|$)/.test(below) && isAbsolute(base);
  return plain ? below : relative(base, path);
}
