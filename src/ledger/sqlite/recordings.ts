/**
 * Recorded streams, apart from the tries, which lists read. Long ones are deflated, because a stream's events repeat themselves; short
 * ones lie as they are, because loading `node:zlib` costs a run more than it saves.
 */
import { promisify } from "node:util";
import { keptRecording } from "../ledger.ts";
import type { RecordingRow } from "../ledger.ts";
import type { StreamRecording } from "../../errors.ts";
import type { Connection } from "./connection.ts";
import { integer, word, type Row, type Values } from "./columns.ts";

interface Packed {
  readonly mode: StreamRecording["mode"];
  readonly cut: boolean;
  readonly deflated: boolean;
  readonly body: Uint8Array;
}

/** From so many characters on a recording is deflated. */
const shortest = 16_384;

/** Most bytes a character of the text takes in UTF-8 for one UTF-16 unit. */
const bytesPerUnit = 3;

/** Ready to be kept; outside of any transaction, and without holding up the streams of this process. */
export async function packed({ mode, text }: StreamRecording): Promise<Packed> {
  if (text.length < shortest) return { mode, cut: false, deflated: false, body: Buffer.from(text) };
  const { deflateRaw } = await import("node:zlib");
  const kept = text.length <= keptRecording ? text : text.slice(0, text.lastIndexOf("\n", keptRecording - 1) + 1);
  return { mode, cut: kept.length < text.length, deflated: true, body: await promisify(deflateRaw)(kept) };
}

/** @param key the try's: `run_id`, `attempt`, `call` and `try` */
export function keepRecording(connection: Connection, key: Values, { mode, cut, deflated, body }: Packed): void {
  connection
    .sql(
      `INSERT INTO recordings (run, attempt, call, try, mode, cut, deflated, body)
      VALUES ((SELECT key FROM runs WHERE id = :run_id), :attempt, :call, :try, :mode, :cut, :deflated, :body) ON CONFLICT DO NOTHING`,
    )
    .run({ ...key, mode, cut: cut ? 1 : 0, deflated: deflated ? 1 : 0, body });
}

export async function unpacked(rows: readonly Row[]): Promise<readonly RecordingRow[]> {
  if (rows.length === 0) return [];
  return Promise.all(
    rows.map(async (row): Promise<RecordingRow> => ({
      attempt: integer(row, "attempt"),
      call: integer(row, "call"),
      try: integer(row, "try"),
      mode: word(row, "mode", ["shape", "full"]),
      text: await textOf(row),
      ...(integer(row, "cut") === 1 ? { cut: true } : {}),
    })),
  );
}

async function textOf(row: Row): Promise<string> {
  const { body } = row;
  if (!(body instanceof Uint8Array)) throw new Error("broken invariant: a recording of the ledger holds no bytes");
  return integer(row, "deflated") === 1 ? inflated(body) : Buffer.from(body).toString("utf8");
}

async function inflated(body: Uint8Array): Promise<string> {
  const { inflateRaw } = await import("node:zlib");
  return new Promise((resolve, reject) => {
    inflateRaw(body, { maxOutputLength: keptRecording * bytesPerUnit }, (error, text) =>
      error === null ? resolve(text.toString("utf8")) : reject(error),
    );
  });
}
