/** What a job may say beside its message and schedule: tools, commands, contracts, budgets. */
import { describe, expect, it } from "vitest";
import type { Job } from "../../src/job/job.ts";
import { parseJob, type ParsedJob } from "../../src/job/parse.ts";

function parse(value: unknown): ParsedJob {
  return parseJob(value, () => ({ line: 1, column: 1 }), { file: "jobs/a.json", id: "a", name: "a" });
}

function jobOf(value: unknown): Job {
  const parsed = parse(value);
  if ("issues" in parsed) throw new Error(JSON.stringify(parsed.issues));
  return parsed.job;
}

function problem(value: unknown): string {
  const parsed = parse(value);
  const issues = "issues" in parsed ? parsed.issues : [];
  return issues.map(({ path, message, suggestion }) => `${path}: ${message} (${suggestion})`).join("\n");
}

const turn = (more: object): unknown => ({ payload: { message: "Hello", ...more } });
const tools = (granted: object): unknown => turn({ tools: granted });
const command = (more: object): unknown => ({ payload: { kind: "command", ...more } });
const job = (more: object): unknown => ({ payload: { message: "Hello" }, ...more });

const declaredOf = (value: unknown): unknown => jobOf(value).retry.declared;

function grantsOf(value: object) {
  const { payload } = jobOf(tools(value));
  return payload.kind === "agentTurn" ? payload.tools : undefined;
}

it("what is too long or too much is told as that", () => {
  expect(problem(job({ description: "x".repeat(10_001) }))).toBe(
    'description: has 10001 characters, at most 10000 are allowed (write "description": "What it is for.")',
  );
  // 1e999 in JSON, .inf in YAML.
  const endless = 'expected a duration such as "30m", found Infinity';
  expect(problem(job({ every: Number.POSITIVE_INFINITY }))).toBe(`every: ${endless} (write "every": "30m")`);
});

describe("tools", () => {
  it("are none by default", () => {
    expect(jobOf(turn({})).payload).not.toHaveProperty("tools");
    expect(grantsOf({})).toBeUndefined();
  });

  it("mcp: a program or an address", () => {
    expect(grantsOf({ mcp: { a: { command: "npx -y @scope/server" } } })?.mcp).toEqual({
      a: { transport: "stdio", argv: ["npx", "-y", "@scope/server"], timeoutMs: 60_000 },
    });
    const long = { command: "npx", args: ["-y", "x y"], env: { A: "${B}" }, tools: ["read"], timeout: "5s" };
    expect(grantsOf({ mcp: { a: long } })?.mcp).toEqual({
      a: { transport: "stdio", argv: ["npx", "-y", "x y"], env: { A: "${B}" }, tools: ["read"], timeoutMs: 5_000 },
    });
    const web = { url: "https://mcp.example.com/mcp", headers: { authorization: "Bearer ${T}" } };
    expect(grantsOf({ mcp: { a: web } })?.mcp).toEqual({ a: { transport: "http", ...web, timeoutMs: 60_000 } });
  });

  it("shell, files, http: short and long", () => {
    const git = { allow: ["git"], shellStrings: false, timeoutMs: 60_000 };
    expect(grantsOf({ shell: ["git"] })?.shell).toEqual(git);
    expect(grantsOf({ shell: { allow: ["git"] } })?.shell).toEqual(git);
    expect(grantsOf({ shell: { shellStrings: true, timeout: "1s" } })?.shell).toEqual({
      allow: [],
      shellStrings: true,
      timeoutMs: 1_000,
    });
    expect(grantsOf({ files: "rw" })?.files).toEqual({ access: "rw" });
    expect(grantsOf({ files: { access: "ro" } })?.files).toEqual({ access: "ro" });
    const web = {
      allow: ["api.example.com", "*.example.org"],
      methods: ["GET", "HEAD"],
      privateAddresses: false,
      timeoutMs: 30_000,
    };
    expect(grantsOf({ http: ["API.example.com", "*.example.org"] })?.http).toEqual(web);
    expect(grantsOf({ http: { allow: ["::1", "127.0.0.1"], methods: ["post"], privateAddresses: true } })?.http).toEqual({
      allow: ["::1", "127.0.0.1"],
      methods: ["POST"],
      privateAddresses: true,
      timeoutMs: 30_000,
    });
  });

  it.each<[object, string]>([
    [
      { mcp: { a: { command: "npx", url: "https://x.example" } } },
      "payload.tools.mcp.a.command: unknown key (a server is a program",
    ],
    [{ mcp: { a: {} } }, 'payload.tools.mcp.a.command: is missing (write "command": ["./check.sh"'],
    [
      { mcp: { a: { command: "a | b" } } },
      'command: needs a shell to be understood, and none is used here (write a list, ["program", "argument"], or ask for a shell: ["sh", "-c", "a | b"])',
    ],
    [{ mcp: { a: { command: ["a", 3] } } }, 'command: word 2 is 3, not a text (put it in quotes: "3")'],
    [{ mcp: { a: { command: [] } } }, "command: names no program"],
    [{ mcp: { "a b": { command: "x" } } }, 'payload.tools.mcp["a b"]: is no name for a server'],
    [
      { mcp: { a: { command: "x", env: { TOKEN: "abc" } } } },
      "env.TOKEN: holds a key by its name, so its value must be a reference (not shown)",
    ],
    [{ mcp: { a: { command: "x", env: { "A-B": "abc" } } } }, "is not a name of an environment variable"],
    [{ mcp: { a: { url: "ftp://x" } } }, 'url: expected an http(s) address, found "ftp://x"'],
    [{ mcp: { a: { url: "https://u:p@x.example" } } }, "url: holds a user name or password (not shown)"],
    [
      { mcp: { a: { url: "https://x.example", headers: { Authorization: "abc" } } } },
      "headers.Authorization: holds a key by its name",
    ],
    [{ mcp: { a: { command: "x", timeout: 5 } } }, "timeout: 5 has no unit"],
    [{ mcpServers: {} }, 'payload.tools.mcpServers: unknown key (did you mean "mcp"?)'],
    [{ shell: ["git status"] }, 'payload.tools.shell[0]: "git status" holds blanks: a program, without arguments (write "git")'],
    [{ shell: ["./x"] }, '"./x" is a relative path'],
    [{ shell: ["*"] }, '"*" is no program'],
    [{ shell: [] }, "payload.tools.shell: allows nothing"],
    [{ shell: { alow: ["git"] } }, 'payload.tools.shell.alow: unknown key (did you mean "allow"?)'],
    [{ shell: "git" }, 'payload.tools.shell: expected a list of programs, or an object, found "git"'],
    [{ files: true }, 'payload.tools.files: expected "ro" or "rw", found true (write "ro" to read, "rw" to write too)'],
    [{ files: { acess: "ro" } }, 'payload.tools.files.acess: unknown key (did you mean "access"?)'],
    [{ http: ["https://api.example.com/v1"] }, 'is an address, not a host (write "api.example.com")'],
    [{ http: ["localhost:8080"] }, 'names a port; a host is allowed with all its ports (write "localhost")'],
    [{ http: ["*"] }, "would be every host there is"],
    [{ http: ["api.*.com"] }, '"*" stands only at the front'],
    [
      { http: { allow: ["a.example"], methods: ["PSOT"] } },
      'methods[0]: expected a method of HTTP, found "PSOT" (did you mean "POST"?)',
    ],
    [{ fetch: ["a.example"] }, 'payload.tools.fetch: unknown key (did you mean "http"?)'],
  ])("%o is refused: %s", (grants, message) => {
    expect(problem(tools(grants))).toContain(message);
  });
});

describe("a command", () => {
  it("is a program with arguments, or a line for the shell", () => {
    const full = {
      argv: ["./backup.sh", "--all"],
      input: "yes",
      env: { LANG: "C" },
      timeoutSeconds: 5,
      noOutputTimeoutSeconds: 1.5,
      outputMaxBytes: 10,
    };
    const { payload, limits } = jobOf(command(full));
    expect(payload).toEqual({
      kind: "command",
      argv: ["./backup.sh", "--all"],
      input: "yes",
      env: { LANG: "C" },
      noOutputMs: 1_500,
    });
    expect(limits).toMatchObject({ attemptMs: 5_000, outputBytes: 10 });
    expect(jobOf(command({ command: "echo hi | wc" })).payload).toEqual({ kind: "command", argv: ["sh", "-lc", "echo hi | wc"] });
    expect(jobOf(command({ command: ["echo", "hi"] })).payload).toEqual({ kind: "command", argv: ["echo", "hi"] });
    expect(jobOf({ payload: { argv: ["true"] } }).payload).toEqual({ kind: "command", argv: ["true"] });
  });

  it("says by its exit code that it failed, and is then started again, unless retry.declared says otherwise", () => {
    expect(declaredOf(command({ argv: ["true"] }))).toBe(true);
    expect(declaredOf({ payload: { kind: "command", argv: ["true"] }, retry: { declared: false } })).toBeUndefined();
    expect(declaredOf(job({}))).toBeUndefined();
    expect(declaredOf(job({ retry: { declared: true } }))).toBe(true);
  });

  it("needs no model", () => {
    const parsed = parseJob(command({ argv: ["true"] }), () => ({}), { file: "a", id: "a", defaultModel: null, providers: [] });
    expect("job" in parsed).toBe(true);
  });

  it.each<[object, string]>([
    [{}, 'payload.argv: is missing (write "argv": ["./backup.sh", "--all"])'],
    [{ argv: ["a"], command: "b" }, 'payload.command: says the same as "argv" (keep one)'],
    [{ argv: "a && b" }, "payload.argv: needs a shell to be understood"],
    [{ argv: ["a"], model: "a/b" }, "payload.model: unknown key (a command asks no model"],
    [{ argv: ["a"], env: { API_TOKEN: "abc" } }, "payload.env.API_TOKEN: holds a key by its name"],
    [{ argv: ["a"], args: ["b"] }, 'payload.args: unknown key (write them in "argv", after the program)'],
  ])("%o is refused: %s", (payload, message) => {
    expect(problem(command(payload))).toContain(message);
  });
});

describe("contracts", () => {
  it("gate, expect, quiet, record, onRateLimit, vars, env, limits", () => {
    expect(jobOf(job({ gate: ["./new-mail.sh"] })).gate).toEqual({ argv: ["./new-mail.sh"], timeoutMs: 30_000 });
    expect(jobOf(job({ gate: { command: "./new-mail.sh --all", timeout: "5s" } })).gate).toEqual({
      argv: ["./new-mail.sh", "--all"],
      timeoutMs: 5_000,
    });
    const expectations = {
      notEmpty: false,
      contains: "a",
      notContains: ["b", "c"],
      matches: "^\\p{L}+$",
      minLength: 3,
      jsonSchema: { type: "object" },
      file: "report.md",
      files: [{ path: "b.md", fresh: false }],
      command: { command: ["jq", "."], timeout: "1s" },
    };
    expect(jobOf(job({ expect: expectations })).expect).toEqual({
      notEmpty: false,
      contains: ["a"],
      notContains: ["b", "c"],
      matches: ["^\\p{L}+$"],
      minLength: 3,
      jsonSchema: { type: "object" },
      files: [
        { path: "report.md", fresh: true },
        { path: "b.md", fresh: false },
      ],
      command: { argv: ["jq", "."], timeoutMs: 1_000 },
    });
    const more = { quiet: " NOTHING ", record: "full", onRateLimit: "defer", vars: { a: 1, b: true, c: "x" }, env: ["REGION"] };
    expect(jobOf(job(more))).toMatchObject({ ...more, quiet: "NOTHING", vars: { a: "1", b: "true", c: "x" } });
    expect(jobOf(job({ quiet: false })).quiet).toBe(false);
    expect(jobOf(job({ limits: { tokens: 1, usd: 0.5, calls: 2, turns: 3, seconds: 1.5 } })).budget).toEqual({
      tokens: 1,
      usd: 0.5,
      calls: 2,
      turns: 3,
      ms: 1_500,
    });
    expect(jobOf(job({ limits: { run: "2h" } }))).not.toHaveProperty("budget");
    expect(jobOf(turn({ thinking: "high", maxTurns: 4 })).payload).toMatchObject({ thinking: "high", maxTurns: 4 });
  });

  it.each<[object, string]>([
    [{ gate: "a | b" }, "gate: needs a shell to be understood"],
    [{ gate: { argv: ["a"] } }, 'gate.argv: unknown key (write it as "command")'],
    [{ expect: { matches: ["(", "a"] } }, 'expect.matches[0]: "(" is not a regular expression: unterminated group'],
    [{ expect: { matches: "(?i)x" } }, "flags such as (?i) go round a group"],
    [{ expect: { contains: [], regex: "x" } }, 'expect.regex: unknown key (did you mean "matches"?)'],
    [{ expect: { jsonSchema: 3 } }, "expect.jsonSchema: expected a JSON Schema, or the path of a file with one, found 3"],
    [{ expect: { file: { file: "x" } } }, 'expect.file.file: unknown key (did you mean "path"?)'],
    [{ expect: { minLength: "40" } }, "write 40 without quotes"],
    [{ quiet: true }, 'quiet: expected a text, or false, found true (leave it out, for "NO_REPLY", or write the text)'],
    [{ record: "all" }, 'record: expected "shape", "full" or "off", found "all"'],
    [{ onRateLimit: "waite" }, 'onRateLimit: expected "fallback", "wait" or "defer", found "waite" (did you mean "wait"?)'],
    [{ vars: { "a b": 1 } }, 'vars["a b"]: is no name for {{vars.x}}'],
    [{ vars: { a: {} } }, "vars.a: expected a text, a number or a boolean, found an object"],
    [{ env: ["KIMI_API_KEY"] }, "env[0]: holds a key by its name"],
    [{ env: ["${HOME}"] }, 'env[0]: is written with its braces (write "HOME")'],
    [{ limits: { usd: 0 } }, "limits.usd: 0 is less than 0.000001"],
    [{ limits: { cost: 1 } }, 'limits.cost: unknown key (did you mean "usd"?)'],
    [{ budget: { usd: 1 } }, 'budget: unknown key (write "limits": { "usd": …, "tokens": … })'],
  ])("%o is refused: %s", (more, message) => {
    expect(problem(job(more))).toContain(message);
  });

  it("templates: what is not declared is refused, with its line", () => {
    const parsed = parse({ vars: { team: "ops" }, payload: { message: "{{vars.team}}\n{{vars.taem}}\n{{env.HOME}} {{gate}}" } });
    expect("issues" in parsed ? parsed.issues.map(({ path, message }) => `${path}: ${message}`) : []).toEqual([
      'payload.message: {{vars.taem}}: "taem" is not in "vars"',
      'payload.message: {{env.HOME}}: "HOME" is not in "env"',
      "payload.message: {{gate}}: this job has no gate",
    ]);
  });
});
