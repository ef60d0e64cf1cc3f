import type { AssembledMessage, Frame, StreamDialect } from "./event.ts";

export function framesOf(_dialect: StreamDialect, _body: unknown): Frame[] {
  throw new Error("not built yet");
}
export function messageToEvents(_dialect: StreamDialect, _body: unknown): string {
  throw new Error("not built yet");
}
export function checkMessage(_dialect: StreamDialect, _body: unknown): AssembledMessage {
  throw new Error("not built yet");
}
