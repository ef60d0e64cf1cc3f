/** What goes between a stream and the worker that runs the event handler's module. Plain values: they are cloned. */
import type { Frame } from "../../stream/event.ts";

/** What the worker is given when it starts. */
export interface WorkerStart {
  /** Absolute path of the module. */
  readonly path: string;
  /** One 32-bit counter: events that the handler is through with. It shows a handler that hangs, which can no longer say so itself. */
  readonly progress: SharedArrayBuffer;
}

export type ToWorker =
  | { readonly kind: "events"; readonly stream: number; readonly events: readonly Frame[] }
  /** The stream has ended: what is held back comes now. */
  | { readonly kind: "flush"; readonly stream: number }
  /** Nobody waits for the stream any more. */
  | { readonly kind: "close"; readonly stream: number };

export interface HandlerFault {
  readonly message: string;
  /** `file:line` of the module, where the error says it. */
  readonly at?: string;
}

export type FromWorker =
  | { readonly kind: "loaded" }
  | { readonly kind: "load_failed"; readonly fault: HandlerFault }
  | { readonly kind: "out"; readonly stream: number; readonly events: readonly Frame[] }
  | { readonly kind: "failed"; readonly stream: number; readonly fault: HandlerFault };
