/** What a job may grant its turn: the shapes of `payload.tools`. */
import { argv, environment, furtherWords, referenceText } from "./command-leaves.ts";
import { headerRule, host, httpAddress } from "./http-leaves.ts";
import type { FilesGrant, HttpGrant, McpGrant, ShellGrant } from "./job.ts";
import { duration, flag, line } from "./leaves.ts";
import { either, isRecord, leaf, list, mapped, optional, required, shape, table, type Hint, type KeyRule } from "./shape.ts";
import { describe, nearest } from "./words.ts";

const dayMs = 86_400_000;

const timeout = (example: string, words: string) => optional(words, duration(example, 1, dayMs));

const toolName = line("read_mail", 200);
const toolNames = list({ expects: "a list of names of tools", example: `["search", "read_mail"]` }, toolName, 200);

/** A server's name begins the names of its tools, which providers bound to 64 characters of this alphabet. */
const serverName: KeyRule = (name) =>
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(name)
    ? undefined
    : { problem: "is no name for a server", suggestion: "letters, digits, _ and -, at most 32" };

const mcpHint: Hint = { expects: "an object", example: `{ "command": ["npx", "-y", "@scope/server"] }` };
const notNeeded = `take it out: "command" means a program, "url" an address`;

const mcpProgram = mapped(
  shape(
    mcpHint,
    {
      command: required("The program that is the server: a list, or one text of plain words.", argv),
      args: optional("Its arguments, after those of `command`.", furtherWords),
      env: optional("Variables of its environment; `${NAME}` is taken from runner's.", environment),
      tools: optional("Names of its tools that may be used. Default all.", toolNames),
      timeout: timeout("60s", "Most time of one tool call. Default 60s."),
    },
    {
      type: notNeeded,
      transport: notNeeded,
      argv: `write it as "command"`,
      environment: `write it as "env"`,
      headers: `goes with "url"; a program takes "env"`,
      cwd: `the server works in the job's "workDir"`,
      timeoutMs: `write "timeout" with a unit: "60s"`,
      allow: `write it as "tools"`,
    },
  ),
  ({ command, args = [], env, tools, timeout: timeoutMs = 60_000 }): McpGrant => ({
    transport: "stdio",
    argv: [...command, ...args],
    ...(env === undefined ? {} : { env }),
    ...(tools === undefined ? {} : { tools }),
    timeoutMs,
  }),
);

const headerText = leaf({ expects: "a text", example: '"Bearer ${NAME}"', json: { type: "string" } }, referenceText);

const mcpAddress = mapped(
  shape(
    mcpHint,
    {
      url: required("Address of the server (streamable HTTP).", httpAddress),
      headers: optional(
        "Headers of every request; values may hold `${NAME}`.",
        table({ expects: "an object of headers", example: `{ "authorization": "Bearer \${NAME}" }` }, headerText, {
          rule: headerRule,
          max: 50,
        }),
      ),
      tools: optional("Names of its tools that may be used. Default all.", toolNames),
      timeout: timeout("60s", "Most time of one tool call. Default 60s."),
    },
    {
      type: notNeeded,
      transport: notNeeded,
      command: `a server is a program ("command") or an address ("url"), not both`,
      env: `goes with "command"; an address takes "headers"`,
      timeoutMs: `write "timeout" with a unit: "60s"`,
      allow: `write it as "tools"`,
    },
  ),
  ({ url, headers, tools, timeout: timeoutMs = 60_000 }): McpGrant => ({
    transport: "http",
    url,
    ...(headers === undefined ? {} : { headers }),
    ...(tools === undefined ? {} : { tools }),
    timeoutMs,
  }),
);

const mcp = table(
  { expects: "an object of servers by name", example: `{ "mail": { "command": ["npx", "-y", "@scope/server"] } }` },
  either(mcpHint, (found) => isRecord(found) && Object.hasOwn(found, "url"), mcpAddress, mcpProgram),
  { rule: serverName, pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$", max: 32 },
);

const programName = leaf(
  { expects: "the name of a program", example: `"git"`, json: { type: "string", pattern: "\\S" } },
  (found) => {
    if (typeof found !== "string") return {};
    const name = found.trim();
    if (name === "") return { problem: "may not be blank" };
    if (name.startsWith("/")) return { value: name };
    if (name === "*") return { problem: `"*" is no program`, suggestion: "name the programs that may be run" };
    if (/\s/.test(name)) {
      const first = name.split(/\s/)[0] ?? "";
      return {
        problem: `${describe(name)} holds blanks: a program, without arguments`,
        suggestion: `write ${JSON.stringify(first)}`,
      };
    }
    if (name.includes("/"))
      return { problem: `${describe(name)} is a relative path`, suggestion: "a name found in PATH, or an absolute path" };
    return { value: name };
  },
);

const programs = list({ expects: "a list of programs", example: `["git", "rg"]` }, programName, 200);
const shellHint: Hint = { expects: "a list of programs, or an object", example: `{ "allow": ["git", "rg"] }` };

const shell = either(
  shellHint,
  Array.isArray,
  mapped(programs, (allow): ShellGrant => ({ allow, shellStrings: false, timeoutMs: 60_000 })),
  mapped(
    shape(
      shellHint,
      {
        allow: optional("Programs that may be run, by name or absolute path.", programs),
        shellStrings: optional("Whole shell strings may be given; `allow` then means nothing. Default false.", flag(false)),
        timeout: timeout("60s", "Most time of one command. Default 60s."),
      },
      { timeoutMs: `write "timeout" with a unit: "60s"`, programs: `did you mean "allow"?`, commands: `did you mean "allow"?` },
    ),
    ({ allow = [], shellStrings = false, timeout: timeoutMs = 60_000 }): ShellGrant => ({ allow, shellStrings, timeoutMs }),
  ),
);

const access = leaf<FilesGrant["access"]>({ expects: `"ro" or "rw"`, example: `"ro"`, json: { enum: ["ro", "rw"] } }, (found) => {
  if (found === "ro" || found === "rw") return { value: found };
  if (found === true) return { suggestion: `write "ro" to read, "rw" to write too` };
  if (found === false) return { suggestion: `leave "files" out` };
  const meant = typeof found === "string" ? found.toLowerCase() : "";
  if (["read", "readonly", "read-only", "r", "ro"].includes(meant)) return { suggestion: `write "ro"` };
  return ["write", "readwrite", "read-write", "w", "wr", "rw"].includes(meant) ? { suggestion: `write "rw"` } : {};
});
const filesHint: Hint = { expects: `"ro", "rw" or an object`, example: `"ro"` };
const files = either(
  filesHint,
  isRecord,
  mapped(
    shape(
      filesHint,
      { access: required("`ro`: read and list. `rw`: write, too.", access) },
      { path: `files lie below the job's "workDir"`, allow: `write "access": "ro" or "rw"` },
    ),
    ({ access: granted }): FilesGrant => ({ access: granted }),
  ),
  mapped(access, (granted): FilesGrant => ({ access: granted })),
);

const hosts = list({ expects: "a list of hosts", example: `["api.example.com", "*.example.org"]` }, host, 200);
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
const method = leaf({ expects: "a method of HTTP", example: `"GET"`, json: { type: "string" } }, (found) => {
  const value = typeof found === "string" ? found.toUpperCase() : "";
  const same = methods.find((name) => name === value);
  if (same !== undefined) return { value: same };
  const near = nearest(value, methods);
  return near === undefined ? {} : { suggestion: `did you mean "${near}"?` };
});
const readOnly: readonly string[] = ["GET", "HEAD"];
const httpHint: Hint = { expects: "a list of hosts, or an object", example: `{ "allow": ["api.example.com"] }` };
const http = either(
  httpHint,
  Array.isArray,
  mapped(hosts, (allow): HttpGrant => ({ allow, methods: readOnly, privateAddresses: false, timeoutMs: 30_000 })),
  mapped(
    shape(
      httpHint,
      {
        allow: required("Hosts that may be asked; `*.example.com` is every name below it.", hosts),
        methods: optional(
          "Methods that may be used. Default GET and HEAD.",
          list({ expects: "a list of methods", example: `["GET", "POST"]` }, method, 10),
        ),
        privateAddresses: optional("Private networks and this machine may be asked. Default false.", flag(false)),
        timeout: timeout("30s", "Most time of one request. Default 30s."),
      },
      { timeoutMs: `write "timeout" with a unit: "30s"`, hosts: `did you mean "allow"?`, domains: `did you mean "allow"?` },
    ),
    ({ allow, methods: used = readOnly, privateAddresses = false, timeout: timeoutMs = 30_000 }): HttpGrant => ({
      allow,
      methods: used,
      privateAddresses,
      timeoutMs,
    }),
  ),
);

/** What a turn may do beside answering. */
export const tools = shape(
  { expects: "an object", example: `{ "files": "ro", "shell": ["git"] }` },
  {
    mcp: optional("MCP servers by a name of your choice; started for the attempt, dead after it.", mcp),
    shell: optional("Programs the turn may run.", shell),
    files: optional("Reading (`ro`) or reading and writing (`rw`) below the work folder.", files),
    http: optional("Hosts the turn may ask.", http),
  },
  {
    mcpServers: `did you mean "mcp"?`,
    servers: `did you mean "mcp"?`,
    bash: `did you mean "shell"?`,
    exec: `did you mean "shell"?`,
    file: `did you mean "files"?`,
    fetch: `did you mean "http"?`,
    web: `did you mean "http"?`,
  },
);
