/** Why a run was stopped from outside: the closed list of reasons, of which each has its own ending. */
export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export type StopReason =
  /** A signal to the command that carries the run by hand: it decides the exit code. */
  | { readonly kind: "signal"; readonly signal: StopSignal }
  /** The daemon that has the run ends: nobody wanted the run itself to end, so it is `interrupted`. */
  | { readonly kind: "daemon" }
  /** A person's `runner cancel`; `words` are the request's. */
  | { readonly kind: "request"; readonly words: string }
  /** A newer slot of the job takes its place (`overlap: replace`). */
  | { readonly kind: "replaced"; readonly slotAt: number };

/** The reason of the signal by which a run is ended. */
export class Stopped extends Error {
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(wordsOf(reason));
    this.name = "Stopped";
    this.reason = reason;
  }
}

function wordsOf(reason: StopReason): string {
  switch (reason.kind) {
    case "signal":
      return `stopped by ${reason.signal}`;
    case "daemon":
      return "the daemon was stopped";
    case "request":
      return reason.words;
    case "replaced":
      return `replaced by slot ${new Date(reason.slotAt).toISOString()} (overlap: replace)`;
  }
}
