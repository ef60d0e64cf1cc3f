/** Why a run was cancelled: the signal that did it decides the exit code. */
export type StopSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

export class StoppedBySignal extends Error {
  readonly signal: StopSignal;
  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.name = "StoppedBySignal";
    this.signal = signal;
  }
}
