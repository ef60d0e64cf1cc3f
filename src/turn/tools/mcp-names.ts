/** Names and schemas of other people's tools, made fit for every provider. Pure. */
import { createHash } from "node:crypto";

/** What OpenAI and Anthropic both take. */
const nameLimit = 64;

/** Characters of one tool's schema as JSON; every one of them is paid for with each question. */
const schemaLimit = 64 * 1024;

/** `mcp__SERVER__TOOL`; where that is too long, holds other characters or is taken, it ends in a checksum of the whole. */
export function toolName(server: string, tool: string, taken: Set<string>): string {
  const whole = `mcp__${server}__${tool}`;
  const plain = whole.replaceAll(/[^A-Za-z0-9_-]/g, "_");
  const checksum = createHash("sha256")
    .update(JSON.stringify([server, tool]))
    .digest("hex")
    .slice(0, 8);
  const fits = plain === whole && plain.length <= nameLimit && !taken.has(plain);
  let name = fits ? plain : `${plain.slice(0, nameLimit - 9)}_${checksum}`;
  // A server that lists one name twice.
  for (let again = 2; taken.has(name); again += 1)
    name = `${plain.slice(0, nameLimit - 9 - 1 - String(again).length)}_${checksum}_${again}`;
  taken.add(name);
  return name;
}

/** The schema as both dialects want it, an object's; undefined if it is too large. */
export function boundedSchema(schema: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  return JSON.stringify(schema).length > schemaLimit ? undefined : { ...schema, type: "object" };
}
