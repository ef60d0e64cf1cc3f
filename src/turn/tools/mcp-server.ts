/** One MCP server of an attempt, from its start to its end: its list of tools, their calls, and what it wrote to stderr. */
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { CallToolResultSchema, ErrorCode, ListToolsResultSchema, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { McpGrant } from "../../job/job.ts";
import { outcomeOf } from "./mcp-content.ts";
import { boundedSchema, toolName } from "./mcp-names.ts";
import { httpTransport, isThere, stdioTransport, type Connection } from "./mcp-transport.ts";
import type { ProgramRoom } from "./shell.ts";
import { failed, refused, type Tool, type ToolOutcome } from "./tool.ts";

/** From starting a server to the end of its list of tools. */
const startMs = 30_000;

/** Limits of one server's list. */
const listPages = 20;
const listTools = 500;

/** How long servers get to end by themselves; whatever still lives then is ended with the turn's tree. */
const closeMs = 2_000;

/** Characters of a server's stderr that are told, its last ones. */
const toldOfStderr = 4_000;

/** Takes out of a text what nobody may be told. */
export type Clean = (text: string) => string;

const requestTimeout: number = ErrorCode.RequestTimeout;

interface Listed {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: Readonly<Record<string, unknown>>;
}

class NotStarted extends Error {
  /** There is no such program, or it may not be run: waiting puts none there. */
  readonly missing: boolean;
  /** Which grant of the job it is: `mcp.mail`. */
  readonly unready: string;
  constructor(message: string, facts: { readonly missing: boolean; readonly name: string }, cause: unknown) {
    super(message, { cause });
    this.missing = facts.missing;
    this.unready = `mcp.${facts.name}`;
  }
}

export class McpServer {
  readonly warnings: string[] = [];
  readonly #name: string;
  readonly #grant: McpGrant;
  readonly #connection: Connection;
  readonly #client: Client;
  readonly #room: ProgramRoom;
  readonly #clean: Clean;
  #listed: readonly Listed[] = [];
  /** Set when the connection has ended. It is never opened again: what was under way may have been done. */
  #ended = false;

  constructor(name: string, grant: McpGrant, room: ProgramRoom, clean: Clean) {
    this.#clean = clean;
    this.#room = room;
    this.#name = name;
    this.#grant = grant;
    this.#connection = grant.transport === "stdio" ? stdioTransport(grant, room) : httpTransport(grant);
    // No capabilities: nobody is there to be asked, and the model is asked by the turn alone.
    this.#client = new Client({ name: "turn-runner", version: "1" }, { capabilities: {} });
    Object.assign(this.#client, {
      onclose: () => void (this.#ended = true),
      // What a server prints beside its messages is no message; a call that gets no answer ends by its time.
      onerror: () => undefined,
    });
  }

  /** @throws NotStarted if it does not start or lists no tools in time; it is ended then. */
  async open(): Promise<void> {
    // Within namespaces it is another program that is started first, whose words on this are many.
    const missing = this.#grant.transport === "stdio" && !isThere(this.#grant, this.#room.work);
    const endsAt = performance.now() + startMs;
    const left = (): { timeout: number } => ({ timeout: Math.max(1, Math.ceil(endsAt - performance.now())) });
    try {
      const transport: Transport = this.#connection.transport;
      await this.#client.connect(transport, left());
      this.#listed = this.#allowed(await this.#list(left));
    } catch (error) {
      const said = this.evidence().replaceAll(/\s+/g, " ").slice(-500);
      await this.close();
      const words = `the MCP server ${this.#name} did not start: ${this.#wordsOf(error)}${said === "" ? "" : ` (${said})`}`;
      throw new NotStarted(words, { missing: missing || isMissing(error), name: this.#name }, error);
    }
  }

  async #list(left: () => { timeout: number }): Promise<Listed[]> {
    const listed: Listed[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < listPages && listed.length <= listTools; page += 1) {
      const params = cursor === undefined ? {} : { cursor };
      const { tools, nextCursor } = await this.#client.request({ method: "tools/list", params }, ListToolsResultSchema, left());
      listed.push(...tools.map(({ name, description = "", inputSchema }) => ({ name, description, inputSchema })));
      if (nextCursor === undefined && listed.length <= listTools) return listed;
      if (nextCursor === undefined) break;
      cursor = nextCursor;
    }
    this.warnings.push(`the MCP server ${this.#name} lists more tools than ${listTools}; the rest is not offered`);
    return listed.slice(0, listTools);
  }

  #allowed(listed: readonly Listed[]): Listed[] {
    const { tools } = this.#grant;
    const missing = (tools ?? []).filter((name) => !listed.some((one) => one.name === name));
    if (missing.length > 0) this.warnings.push(`the MCP server ${this.#name} has no tool ${missing.join(", ")}`);
    return listed.filter((one) => tools === undefined || tools.includes(one.name));
  }

  /** Its tools, under names that are not among `taken`, which they are added to. */
  tools(taken: Set<string>): Tool[] {
    return this.#listed.flatMap((listed) => {
      const inputSchema = boundedSchema(listed.inputSchema);
      if (inputSchema === undefined) {
        this.warnings.push(`the tool ${listed.name} of the MCP server ${this.#name} has too large a schema and is not offered`);
        return [];
      }
      return [
        {
          name: toolName(this.#name, listed.name, taken),
          grant: `mcp:${this.#name}`,
          description: listed.description.slice(0, 2_000),
          inputSchema,
          run: (input) => this.#call(listed.name, input),
        },
      ];
    });
  }

  async #call(name: string, input: Readonly<Record<string, unknown>>): Promise<ToolOutcome> {
    if (this.#ended) return refused(`the MCP server ${this.#name} has ended and is not started again${this.#said()}`);
    const { timeoutMs } = this.#grant;
    try {
      const result = await this.#client.request(
        { method: "tools/call", params: { name, arguments: { ...input } } },
        CallToolResultSchema,
        {
          timeout: timeoutMs,
          maxTotalTimeout: timeoutMs,
        },
      );
      return outcomeOf(result, this.#clean);
    } catch (error) {
      if (error instanceof McpError && error.code === requestTimeout)
        return failed(`it did not answer within ${timeoutMs / 1000} s; whether it was done is not known`);
      if (this.#ended)
        return failed(`the MCP server ${this.#name} ended in the middle; whether it was done is not known${this.#said()}`);
      return failed(this.#wordsOf(error));
    }
  }

  /** The last thing it wrote to stderr, for an error. */
  #said(): string {
    const last = this.#stderr().split("\n").at(-1) ?? "";
    return last === "" ? "" : `; it said: ${last.slice(-300)}`;
  }

  /** Cut only once it is clean: half a secret is not found any more. */
  #stderr(): string {
    return this.#clean(this.#connection.stderr()).trimEnd().slice(-toldOfStderr);
  }

  #wordsOf(error: unknown): string {
    const words = this.#clean(outOfForm(error) ?? (error instanceof Error ? error.message : String(error)));
    return words.replaceAll(/\s+/g, " ").slice(0, 1_000);
  }

  evidence(): string {
    const said = this.#stderr();
    return said === "" ? "" : `mcp ${this.#name}: ${said}`;
  }

  async close(): Promise<void> {
    const closed = this.#connection.close().catch(() => undefined);
    const timer = new AbortController();
    const limit = new Promise<void>((resolve) => {
      const handle = setTimeout(resolve, closeMs);
      timer.signal.addEventListener("abort", () => clearTimeout(handle));
    });
    await Promise.race([closed, limit]);
    timer.abort();
  }
}

/** As the system says it of a program that it was to start, or of the interpreter that one names. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "EACCES");
}

/** What the SDK's validator found, in words; its own message is a list in JSON. */
function outOfForm(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("issues" in error) || !Array.isArray(error.issues)) return undefined;
  const [first]: readonly unknown[] = error.issues;
  if (typeof first !== "object" || first === null) return undefined;
  const place = "path" in first && Array.isArray(first.path) && first.path.length > 0 ? `${first.path.join(".")}: ` : "";
  const words = "message" in first && typeof first.message === "string" ? first.message : "not in the form";
  return `its answer is not what MCP asks for: ${place}${words}`;
}
