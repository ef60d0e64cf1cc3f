/** What is recorded of one try's body, of a whole answer as of a broken one. */
import { createHash, randomBytes } from "node:crypto";
import type { StreamRecording } from "../../errors.ts";
import type { Frame, StreamEnd } from "../../stream/event.ts";
import { redact } from "../keys.ts";
import { searchFor } from "../spellings.ts";
import type { Dialect } from "../provider.ts";
import { type Entry, type Head, roundedMs } from "./entry.ts";
import { ShapeRecorder } from "./shape.ts";
import type { Hash } from "./skeleton.ts";

/** Most characters of a recording: of a shape 64 KiB, of a full one 1 MiB. Both then say that they were cut. */
export const longestRecording = { shape: 65_536, full: 1_048_576 } as const;
/** Kept for the first line, the last one and the mark of the cut. */
const reserve = 1_024;

export interface RecorderOptions {
  readonly mode: StreamRecording["mode"];
  readonly dialect: Dialect;
  readonly asked: Head["asked"];
  readonly status: number;
  /** Taken out of a full recording in any spelling; a shape holds no text. */
  readonly secrets: readonly (string | undefined)[];
  /** Milliseconds that only ever grow. Default `performance.now`. */
  readonly now?: () => number;
  readonly hash?: Hash;
}

export interface Recorder {
  /** Bytes of the body, as they arrive. */
  chunk(bytes: Uint8Array): void;
  /** An event of the body, before anybody has changed it. */
  frame(frame: Frame): void;
  /** A body that is JSON and no stream; `undefined` if it cannot be read. */
  document(body: unknown, length: number): void;
  /** How the body ended, if it was read to its end. */
  ended(how: StreamEnd): void;
  /**
   * @param how what to say where it was not.
   * @param reason why it was refused; undefined for a whole answer.
   */
  finish(how: "done" | "refused" | "limit", reason: string | undefined): StreamRecording;
}

export function createRecorder(options: RecorderOptions): Recorder {
  return options.mode === "full" ? fullRecorder(options) : shapeRecorder(options);
}

const headOf = ({ mode, dialect, asked, status }: RecorderOptions): Head => ({ v: 1, mode, dialect, asked, status });

function shapeRecorder(options: RecorderOptions): Recorder {
  const now = options.now ?? (() => performance.now());
  let at = now();
  const shape = new ShapeRecorder(options.hash ?? processHash, longestRecording.shape - reserve, at);
  let end: StreamEnd | undefined;
  return {
    ended(how) {
      end = how;
    },
    chunk() {
      at = now();
    },
    frame: (frame) => shape.frame(frame, at),
    document: (body, length) => shape.document(body, length),
    finish(how, reason) {
      shape.finish();
      return linesOf(options, shape.entries, shape.cut, end ?? how, reason);
    },
  };
}

function fullRecorder(options: RecorderOptions): Recorder {
  const now = options.now ?? (() => performance.now());
  const decoder = new TextDecoder();
  const chunks: { readonly gap: number; readonly text: string }[] = [];
  const limit = longestRecording.full - reserve;
  let chars = 0;
  let cut = 0;
  let last = now();
  let end: StreamEnd | undefined;
  return {
    ended(how) {
      end = how;
    },
    chunk(bytes) {
      const at = now();
      const text = decoder.decode(bytes, { stream: true });
      // Written as JSON a text grows by its line ends and quotes, at most to six times its length.
      const kept = cut > 0 ? "" : text.slice(0, Math.max(0, limit - chars));
      if (kept.length < text.length) cut += 1;
      if (kept !== "") chunks.push({ gap: roundedMs(at - last), text: kept });
      chars += kept.length;
      last = at;
    },
    frame() {},
    document() {},
    finish(how, reason) {
      const whole = chunks.map(({ text }) => text).join("");
      const clean = redact(whole, options.secrets);
      // Where it was cut, half a key may stand at its end.
      const { reach } = searchFor(options.secrets);
      // A key may lie across two pieces, so where one was found the pieces are not told apart.
      const texts: Entry[] =
        clean === whole
          ? chunks.map(({ gap, text }): Entry => ["text", gap, text])
          : [["text", 0, cut > 0 ? clean.slice(0, -reach) : clean]];
      return linesOf(options, withinLimit(texts, limit), cut, end ?? how, reason);
    },
  };
}

/** Whole lines only: what does not fit is cut from the last one that begins within the limit. */
function withinLimit(texts: readonly Entry[], limit: number): Entry[] {
  const kept: Entry[] = [];
  let chars = 0;
  for (const entry of texts) {
    const line = JSON.stringify(entry).length + 1;
    if (chars + line > limit) {
      kept.push(["cut", texts.length - kept.length]);
      break;
    }
    chars += line;
    kept.push(entry);
  }
  return kept;
}

function linesOf(
  options: RecorderOptions,
  entries: readonly Entry[],
  cut: number,
  how: string,
  reason: string | undefined,
): StreamRecording {
  const marked = entries.at(-1)?.[0] === "cut" || cut === 0 ? [] : [["cut", cut]];
  const end = reason === undefined ? ["end", how] : ["end", how, reason];
  return {
    mode: options.mode,
    text: [headOf(options), ...entries, ...marked, end].map((entry) => JSON.stringify(entry)).join("\n"),
  };
}

/** Of this process alone: a hash that held everywhere could be looked up for the names that tools usually have. */
const salt = randomBytes(16);

const processHash: Hash = (value) => `#${createHash("sha256").update(salt).update(value).digest("hex").slice(0, 8)}`;
