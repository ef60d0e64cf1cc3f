/** Recorded streams: deflated, because a stream's events repeat themselves, and apart from the tries, which lists read. */
import { promisify } from "node:util";
import { keptRecording } from "../ledger.ts";
import type { RecordingRow } from "../ledger.ts";
import type { StreamRecording } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { integer, word, type Row, type Values } from "./columns.ts";

interface Packed {
  readonly mode: StreamRecording["mode"];
  readonly cut: boolean;
  readonly deflated: Uint8Array;
}

/** Most bytes a character of the text takes in UTF-8 for one UTF-16 unit. */
const bytesPerUnit = 3;

/** Ready to be kept; outside of any transaction, and without holding up the streams of this process. */
export async function packed({ mode, text }: StreamRecording): Promise<Packed> {
  const { deflateRaw } = await import("node:zlib");
  const kept = text.length <= keptRecording ? text : text.slice(0, text.lastIndexOf("\n", keptRecording - 1) + 1);
  return { mode, cut: kept.length < text.length, deflated: await promisify(deflateRaw)(kept) };
}

/** @param key the try's: `run_id`, `attempt`, `call` and `try` */
export function keepRecording(connection: Connection, key: Values, { mode, cut, deflated }: Packed): void {
  connection
    .sql(
      `INSERT INTO recordings (run, attempt, call, try, mode, cut, deflated)
      VALUES ((SELECT key FROM runs WHERE id = :run_id), :attempt, :call, :try, :mode, :cut, :deflated) ON CONFLICT DO NOTHING`,
    )
    .run({ ...key, mode, cut: cut ? 1 : 0, deflated });
}

export async function unpacked(rows: readonly Row[]): Promise<readonly RecordingRow[]> {
  if (rows.length === 0) return [];
  const { inflateRaw } = await import("node:zlib");
  const inflate = async (row: Row): Promise<string> => {
    const { deflated } = row;
    if (!(deflated instanceof Uint8Array)) throw new Error("broken invariant: a recording of the ledger holds no bytes");
    const limit = { maxOutputLength: keptRecording * bytesPerUnit };
    return new Promise((resolve, reject) => {
      inflateRaw(deflated, limit, (error, text) => (error === null ? resolve(text.toString("utf8")) : reject(error)));
    });
  };
  return Promise.all(
    rows.map(async (row): Promise<RecordingRow> => ({
      attempt: integer(row, "attempt"),
      call: integer(row, "call"),
      try: integer(row, "try"),
      mode: word(row, "mode", ["shape", "full"]),
      text: await inflate(row),
      ...(integer(row, "cut") === 1 ? { cut: true } : {}),
    })),
  );
}
