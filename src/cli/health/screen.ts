/**
 * The whole terminal for a live view. Its other screen, so that what stood there before is there again afterwards; each frame in one
 * write over the last one, so that nothing flickers; lines are never broken by the terminal, so that a narrow one stays whole.
 * (A library such as log-update breaks long lines and cuts a frame that is too high from above, where the head stands.)
 */
import { writeAll } from "../output.ts";

const escape = "\u001B[";
/** Alternate screen, cursor hidden, no line wrap: xterm's private modes 1049, 25 and 7. */
const enter = `${escape}?1049h${escape}?25l${escape}?7l`;
const leave = `${escape}?7h${escape}?25h${escape}?1049l`;
/** Synchronized output (mode 2026): a terminal that knows it shows the frame at once, another one passes it over. */
const begin = `${escape}?2026h${escape}H`;
const end = `${escape}J${escape}?2026l`;

type ScreenEvent = "resized" | "quit" | "interrupted";

export interface Screen {
  readonly width: number;
  readonly height: number;
  draw(lines: readonly string[]): void;
  /** The size has changed since the last frame, or a key was pressed. */
  onEvent(listener: (event: ScreenEvent) => void): void;
  /** Gives the terminal back as it was; a second call does nothing. */
  close(): void;
}

export function openScreen(): Screen {
  const { stdin, stdout } = process;
  let listen: ((event: ScreenEvent) => void) | undefined;
  let shown = "";
  let open = true;
  const onResize = (): void => {
    shown = "";
    listen?.("resized");
  };
  const onKey = (keys: Buffer): void => {
    const text = keys.toString("latin1");
    if (text.includes("\u0003")) listen?.("interrupted");
    else if (/q/i.test(text)) listen?.("quit");
  };
  // In raw mode a key comes at once; Ctrl-C comes as a key then.
  const keyboard = stdin.isTTY;
  if (keyboard) stdin.setRawMode(true).resume().on("data", onKey);
  stdout.on("resize", onResize);
  writeAll(1, enter);
  return {
    get width() {
      // The last column stays free: what erases the rest of a line would erase the character in it as well.
      return (stdout.columns || 80) - 1;
    },
    get height() {
      return stdout.rows || 24;
    },
    draw(lines) {
      const frame = lines.map((line) => `${line}${escape}K`).join("\r\n");
      if (frame === shown || !open) return;
      shown = frame;
      writeAll(1, `${begin}${frame}${end}`);
    },
    onEvent(listener) {
      listen = listener;
    },
    close() {
      if (!open) return;
      open = false;
      writeAll(1, leave);
      stdout.off("resize", onResize);
      if (keyboard) stdin.off("data", onKey).setRawMode(false).pause();
    },
  };
}
