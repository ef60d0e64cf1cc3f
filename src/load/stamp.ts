/** What changes with a file whenever it is written, or another is put in its place. */
import { statSync, type BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";

export interface Stamp {
  /** Device, inode, size and both times: a file that is put in another's place with an older time, as `mv` and Kubernetes do it, has another. */
  readonly text: string;
  /** When the file was last changed, epoch ms by the file system's clock. */
  readonly changedAt: number;
  /** In bytes. */
  readonly size: number;
  /** A time that the file system rounds to whole seconds. */
  readonly isCoarse: boolean;
}

function stampFrom({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Stamp {
  return {
    text: `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`,
    changedAt: Number(ctimeNs / 1_000_000n),
    size: Number(size),
    isCoarse: ctimeNs % 1_000_000_000n === 0n,
  };
}

/** Links are followed, so that a link that leads elsewhere now is another file. Undefined: there is nothing. A word: it cannot be looked at. */
export async function stampOf(path: string): Promise<Stamp | string | undefined> {
  try {
    return stampFrom(await stat(path, { bigint: true }));
  } catch (error) {
    return absence(error);
  }
}

/** `stampOf` at once: a command that looks at a thousand files, one after another, is done sooner without a promise for each. */
export function stampNow(path: string): Stamp | string | undefined {
  try {
    return stampFrom(statSync(path, { bigint: true }));
  } catch (error) {
    return absence(error);
  }
}

function absence(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  return code === "ENOENT" ? undefined : code;
}

/** The clocks that Linux stamps files with tick every 1 to 10 ms. */
const tickMs = 100;

/**
 * Whether a change after `now` is sure to give the file another stamp. One that was changed just now may be changed again within the same tick
 * of the file system's clock, and then looks as if nothing had happened; git calls such an entry of its index "racily clean". A time of whole
 * seconds is never sure: on FAT and in images (squashfs, erofs, ISO 9660) it is the time that the writer gave, which `cp -p` and reproducible
 * builds give again, and an image that is mounted in another's place numbers its files as the other did.
 */
export function isSettled({ changedAt, isCoarse }: Pick<Stamp, "changedAt" | "isCoarse">, now: number): boolean {
  return !isCoarse && changedAt < now - tickMs;
}
