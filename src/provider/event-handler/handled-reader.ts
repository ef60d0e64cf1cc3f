/**
 * A reader whose events go through an event handler before they are proven. The bytes are read as always; only whole events reach the
 * handler, and what it gives back is proven like anything else: it can spoil an answer, not forge a proof.
 */
import type { Normalizer } from "../../stream/event.ts";
import type { Frame } from "../../stream/event.ts";
import { createNormalizer } from "../../stream/normalizer.ts";
import type { Dialect } from "../provider.ts";
import { createStreamReader, type StreamReader, type StreamReaderOptions } from "../sse.ts";
import type { EventHandler } from "./host.ts";

/** As a `StreamReader`, but its events take a way that is waited for. */
export interface HandledReader extends Omit<StreamReader, "push" | "end" | "unreleased"> {
  push(bytes: Uint8Array): Promise<string>;
  end(how: Parameters<StreamReader["end"]>[0]): Promise<string>;
}

export function handledReader(dialect: Dialect, options: StreamReaderOptions, handler: EventHandler): HandledReader {
  const { watch, ...proof } = options;
  let plain = false;
  // A body that is no stream is no matter for the handler; then the prover sees it first.
  const prover = createStreamReader(dialect, {
    ...proof,
    watch: { frame: (frame) => plain && watch?.frame(frame), document: (body, length) => watch?.document(body, length) },
  });
  const taken: Frame[] = [];
  const collector = collectingMachine(dialect, prover, taken);
  const splitter = createStreamReader(dialect, { ...(watch === undefined ? {} : { watch }), machine: collector });
  let begun = false;

  const through = async (events: Promise<readonly Frame[]>): Promise<string> => prover.push(Buffer.from(wire(await events)));
  const handled = async (): Promise<string> => {
    const events = taken.splice(0);
    return events.length === 0 ? "" : through(handler.take(events));
  };
  return {
    get done() {
      return prover.done;
    },
    get certified() {
      return prover.certified;
    },
    get repairs() {
      return prover.repairs;
    },
    get frames() {
      return prover.frames;
    },
    get contentSeen() {
      return prover.contentSeen;
    },
    get usage() {
      return prover.usage;
    },
    message: () => prover.message(),
    async push(bytes) {
      if (!begun) {
        const first = firstVisible(bytes);
        if (first === undefined) return "";
        begun = true;
        plain = !isStream(first);
      }
      if (plain) return prover.push(bytes);
      splitter.push(bytes);
      return handled();
    },
    async end(how) {
      if (plain || !begun) return prover.end(how);
      splitter.end(how);
      let out = await handled();
      if (!prover.done) out += await through(handler.flush());
      return prover.done ? out : out + prover.end(how);
    },
  };
}

/** Takes events and proves nothing; it ends with the machine that does. */
function collectingMachine(dialect: Dialect, prover: StreamReader, taken: Frame[]): Normalizer {
  const refusing = createNormalizer(dialect);
  return {
    push(frame) {
      taken.push(frame);
      return "";
    },
    end: () => "",
    get done() {
      return prover.done;
    },
    get certified() {
      return prover.certified;
    },
    repairs: [],
    get frames() {
      return taken.length + prover.frames;
    },
    get contentSeen() {
      return prover.contentSeen;
    },
    get usage() {
      return prover.usage;
    },
    message: () => prover.message(),
    refuse: (reason, what, action) => refusing.refuse(reason, what, action),
    note() {},
  };
}

function wire(events: readonly Frame[]): string {
  return events
    .map(({ event, data }) => {
      const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
      return `${event === undefined || event === "" ? "" : `event: ${event}\n`}${lines.join("")}\n`;
    })
    .join("");
}

const white = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
const noStream = new Set("{[<\u001F".split("").map((sign) => sign.charCodeAt(0)));

function firstVisible(bytes: Uint8Array): number | undefined {
  return bytes.find((byte) => !white.has(byte));
}

const isStream = (first: number): boolean => !noStream.has(first);
