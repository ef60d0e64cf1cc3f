/** What becomes of a crontab line: names, words or a shell, secrets, loops that try again, turns of OpenClaw's. */
import { describe, expect, it } from "vitest";
import { readCrontab } from "../../../src/load/crontab/crontab.ts";
import type { Surroundings } from "../../../src/load/crontab/draft.ts";
import { jobOf, type ImportedEntry } from "../../../src/load/crontab/job-of.ts";
import { nameOf } from "../../../src/load/crontab/name.ts";
import { readRetryLoop } from "../../../src/load/crontab/retry-loop.ts";

const scripts: Record<string, string> = {};
const around = (): Surroundings => ({
  me: { name: "ann", home: "/home/ann" },
  userOf: (name) => ({ name, home: name === "nobody-here" ? undefined : `/home/${name}` }),
  zone: "Europe/London",
  script: (path) => scripts[path],
  openClawPayload: (id) =>
    id === "b393d508" ? { kind: "agentTurn", message: "Run FPL check...", model: "kimi-coding/k2p5" } : undefined,
  modelProblem: (model) => (model === undefined || model.startsWith("kimi-coding/") ? undefined : "its provider is not known"),
  taken: new Set(),
});

function imported(text: string, system = false): ImportedEntry[] {
  const { entries, issues } = readCrontab(`${text}\n`, { file: "crontab", system });
  expect(issues).toEqual([]);
  const here = around();
  return entries.map((entry) => {
    const made = jobOf(entry, here);
    if ("problem" in made) throw new Error(made.problem);
    return made;
  });
}

function one(text: string, system = false): ImportedEntry {
  const [made] = imported(text, system);
  if (made === undefined) throw new Error("no entry");
  return made;
}

describe("what goes on in the background", () => {
  it.each([
    ["@reboot sleep 30 && /opt/bin/daemon &", 'what "&" puts'],
    ["0 5 * * * (nohup ./a.sh >/dev/null 2>&1 &)", 'what "&" puts'],
    ["0 5 * * * ./a.sh & ./b.sh", 'what "&" puts'],
    ["0 5 * * * ./a.sh &> /dev/null", '"&>" puts'],
    ["SHELL=/bin/dash\n0 5 * * * ./a.sh &>>log", '"&>" puts'],
  ])("is told, for here it ends with the command: %s", (line, told) => {
    expect(one(line).notes.join("\n")).toContain(told);
  });

  it.each([
    "0 5 * * * ./a.sh >log 2>&1 && ./b.sh <&3",
    "0 5 * * * ./a.sh & ./b.sh & wait",
    "0 5 * * * curl 'https://example.com/?a=1&b=2'",
    "0 5 * * * ./a.sh \\& b # & c",
    "SHELL=/usr/bin/bash\n0 5 * * * ./a.sh &> log",
    "SHELL=/bin/bash\n0 5 * * * ./a.sh |& tee log",
  ])("is not seen where there is none: %s", (line) => {
    expect(one(line).notes.join("\n")).not.toContain("background");
  });
});

it.each(['PGPASSWORD="tr0ub%4dor" psql', "curl -u 'bob:tr0ub%4dor' example.com", "x --password tr0ub%4dor -v"])(
  "a password that cron cuts at a %% is not written in two halves: %s",
  (command) => {
    const { entries } = readCrontab(`0 5 * * * ${command}\n`, { file: "crontab", system: false });
    const made = entries.map((entry) => JSON.stringify(jobOf(entry, around())));
    expect(made).toEqual([expect.stringContaining("problem")]);
    expect(made[0]).not.toMatch(/tr0ub|4dor/);
  },
);

it("a password with an escaped % is taken out whole, with a text for stdin behind the command", () => {
  const made = one('0 5 * * * PGPASSWORD="tr0ub\\%4dor" psql%select 1;');
  expect(JSON.stringify([made.value, made.comment])).not.toMatch(/tr0ub|4dor/);
  expect(made.value).toMatchObject({ payload: { input: "select 1;\n" } });
});

describe("a command", () => {
  it("without anything for a shell is a list of words, else a line for cron's shell, in cron's environment", () => {
    expect(one("0 5 * * * /usr/bin/rsync -a /srv /backup").value).toEqual({
      schedule: { kind: "cron", expr: "0 5 * * *", tz: "Europe/London" },
      catchUp: "skip",
      overlap: "skip",
      payload: {
        kind: "command",
        argv: ["/usr/bin/rsync", "-a", "/srv", "/backup"],
        env: { PATH: "/usr/bin:/bin", HOME: "/home/ann", LOGNAME: "ann", USER: "ann" },
        timeoutSeconds: 86_400,
      },
      workDir: "/home/ann",
      retry: { maxAttempts: 1 },
      idempotent: false,
    });
    const shell = one("SHELL=/bin/bash\nHOME=/srv\nLC_ALL=C\n0 5 * * * cat *.txt | wc -l%one\\%");
    expect(shell.value).toMatchObject({
      payload: {
        argv: ["/bin/bash", "-c", "cat *.txt | wc -l"],
        input: "one%\n",
        env: { HOME: "/srv", LC_ALL: "C", SHELL: "/bin/bash" },
      },
      workDir: "/srv",
    });
    expect(one("0 5 * * * cd /srv").value).toMatchObject({ payload: { argv: ["/bin/sh", "-c", "cd /srv"] } });
    expect(one("0 5 * * * A=1 x").value).toMatchObject({ payload: { argv: ["/bin/sh", "-c", "A=1 x"] } });
  });

  it("of another user is started as that one", () => {
    const made = one("0 5 * * * www-data /bin/x", true);
    expect(made.value).toMatchObject({
      payload: { argv: ["runuser", "-u", "www-data", "--", "/bin/x"], env: { HOME: "/home/www-data", USER: "www-data" } },
    });
    expect(made.notes.join()).toContain("only root");
    expect(one("0 5 * * * ann /bin/x", true).value).toMatchObject({ payload: { argv: ["/bin/x"] } });
    expect(one("0 5 * * * nobody-here /bin/x", true).notes.join()).toContain("there is no user");
  });

  it("keeps what cron passes on literally, which a job would take for a reference", () => {
    expect(one("A=${HOME}/x\n0 5 * * * run").value).toMatchObject({ payload: { argv: ["/usr/bin/env", "A=${HOME}/x", "run"] } });
  });

  it("whose first % is within a quotation is told", () => {
    expect(one("0 5 * * * date +%F > /tmp/x").notes.join()).not.toContain("quotation");
    expect(one('0 5 * * * echo "$(date +%F)" > /tmp/x').notes.join()).toContain("quotation");
  });
});

describe("times", () => {
  it("are followed in the zone that holds from the line on", () => {
    const made = imported('0 5 * * * a\nCRON_TZ=Asia/Tokyo\n0 5 * * * b\nCRON_TZ=""\nTZ=UTC\n0 5 * * * c');
    expect(made.map(({ schedule }) => schedule.zone)).toEqual(["Europe/London", "Asia/Tokyo", "Europe/London"]);
    expect(made[1]?.notes.join()).toContain("Debian's cron does not know it");
    expect(made[2]?.notes.join()).toContain("TZ is for the command alone");
    // The machine's own zone by another name is followed by every cron.
    expect(one("CRON_TZ=GB\n0 5 * * * a").notes.join()).not.toContain("Debian's cron does not know it");
  });

  it.each([
    ["@daily", { kind: "cron", expr: "@daily" }],
    ["@reboot", { kind: "boot" }],
    ["*/70 5 * * *", { expr: "0 5 * * *" }],
    ["0 5 */2 * 1", { expr: "0 5 */2 * +1" }],
    ["0 5 1 * */2", { expr: "0 5 1 * +0,2,4,6" }],
    ["0 5 1 * 5", { expr: "0 5 1 * 5" }],
    ["05 5 * jan mon", { expr: "05 5 * JAN MON" }],
    ["0 5 * * sat-7", { expr: expect.stringMatching(/^0 5 \* \* (?:SAT-7|0,6)$/) as string }],
  ])("%s becomes %j", (time, value) => expect(one(`${time} x`).value).toMatchObject({ schedule: value }));

  it("refuses a zone that there is not", () => {
    const { entries } = readCrontab("CRON_TZ=Europe/Londn\n0 5 * * * x\n", { file: "crontab", system: false });
    const [entry] = entries;
    expect(entry === undefined ? undefined : jobOf(entry, around())).toMatchObject({
      suggestion: expect.stringContaining("Europe/London") as string,
    });
  });

  it.each([
    ["CRON_TZ=", 2],
    ['CRON_TZ="Asia/Tokyo', 2],
    [" 'CRON_TZ' = \u0007", 2],
    ["CRON_TZ=Asia/T\uFFFDkyo", 2],
  ])("below a zone that cannot be read (%j) are nobody's, until the next zone", (refused, line) => {
    const text = `CRON_TZ=Asia/Tokyo\n${refused}\n0 5 * * * a\n@reboot b\nTZ=UTC\n0 5 * * * c\nCRON_TZ=Asia/Tokyo\n0 5 * * * d\n`;
    const { entries, issues } = readCrontab(text, { file: "crontab", system: false });
    expect(issues).toMatchObject([{ line }]);
    const made = entries.map((entry) => jobOf(entry, around()));
    const lost = {
      problem: `CRON_TZ, set on line ${line}, cannot be read, so nobody can say in which zone this line's times are`,
      suggestion: `mend line ${line}, and import again`,
    };
    expect(made).toMatchObject([lost, { value: { schedule: { kind: "boot" } } }, lost, { schedule: { zone: "Asia/Tokyo" } }]);
  });

  it("have no say in a variable that cannot be read, which is told and not what it was before", () => {
    const { entries } = readCrontab("PATH=/opt/bin\nPATH=\nMAILTO=\n0 5 * * * a\n", { file: "crontab", system: false });
    const [made] = entries.map((entry) => jobOf(entry, around()));
    expect(made).toMatchObject({
      value: { payload: { env: { PATH: "/usr/bin:/bin" } } },
      notes: ["PATH, set on line 2, cannot be read, so the job is without it"],
    });
  });

  it("takes the delay of cronie as a stagger", () => {
    expect(one("RANDOM_DELAY=45\n0 5 * * * x").value).toMatchObject({ schedule: { staggerMs: 2_700_000 } });
  });
});

const key = "sk-planted-0123456789abcdefghijklmnop";

describe("secrets", () => {
  const telegram = "Pl4nted".repeat(5);
  const slack = "Pl4nted".repeat(3);
  it.each([
    [`OPENAI_API_KEY=${key}\n0 5 * * * ask`, ["OPENAI_API_KEY"], ["ask"]],
    [`DB_PASSWORD=hunter2\n0 5 * * * ask`, ["DB_PASSWORD"], ["ask"]],
    [`0 5 * * * ask --key ${key}`, ["ASK_KEY"], ["/bin/sh", "-c", 'ask --key "${ASK_KEY}"']],
    [
      `0 5 * * * curl -H 'Authorization: Bearer abcdefghijklmnopqrstuvwxyz'`,
      ["CURL_TOKEN"],
      ["/bin/sh", "-c", `curl -H 'Authorization: Bearer '"\${CURL_TOKEN}"''`],
    ],
    [`0 5 * * * curl -H "X: ${key}"`, ["CURL_KEY"], ["/bin/sh", "-c", 'curl -H "X: ${CURL_KEY}"']],
    [
      `0 5 * * * curl https://api.telegram.org/bot123456789:${telegram}/sendMessage`,
      ["CURL_KEY"],
      ["/bin/sh", "-c", 'curl https://api.telegram.org/bot"${CURL_KEY}"/sendMessage'],
    ],
    [
      `0 5 * * * curl https://hooks.slack.com/services/T0PLANTED/B0PLANTED/${slack} -d x`,
      ["CURL_KEY"],
      ["/bin/sh", "-c", 'curl https://hooks.slack.com/services/T0PLANTED/B0PLANTED/"${CURL_KEY}" -d x'],
    ],
    ["0 5 * * * MY_TOKEN=abc123 run.sh", ["MY_TOKEN"], ["/bin/sh", "-c", 'MY_TOKEN="${MY_TOKEN}" run.sh']],
    ["0 5 * * * dump --password=hunter2 db", ["DUMP_PASSWORD"], ["/bin/sh", "-c", 'dump --password="${DUMP_PASSWORD}" db']],
    [
      "0 5 * * * get https://me:hunter2@example.com/x",
      ["GET_KEY"],
      ["/bin/sh", "-c", 'get https://me:"${GET_KEY}"@example.com/x'],
    ],
    [`PGPASSWORD=hunter2\n0 5 * * * ask`, ["PGPASSWORD"], ["ask"]],
    [`REDISCLI_AUTH=hunter2\n0 5 * * * ask`, ["REDISCLI_AUTH"], ["ask"]],
    ["0 5 * * * PGPASSWORD=hunter2 dump", ["DUMP_PGPASSWORD"], ["/bin/sh", "-c", 'PGPASSWORD="${DUMP_PGPASSWORD}" dump']],
    [
      "0 5 * * * mysqldump -u root -phunter2 db",
      ["MYSQLDUMP_KEY"],
      ["/bin/sh", "-c", 'mysqldump -u root -p"${MYSQLDUMP_KEY}" db'],
    ],
    ["0 5 * * * curl -u me:hunter2 x", ["CURL_KEY"], ["/bin/sh", "-c", 'curl -u me:"${CURL_KEY}" x']],
    ["0 5 * * * sshpass -p 'hunter2' ssh h", ["SSHPASS_KEY"], ["/bin/sh", "-c", `sshpass -p ''"\${SSHPASS_KEY}"'' ssh h`]],
    [
      `0 5 * * * curl -H "Authorization: Bearer abc123" -H 'X-Api-Key: hunter2'`,
      ["CURL_AUTHORIZATION", "CURL_X_API_KEY"],
      ["/bin/sh", "-c", `curl -H "Authorization: Bearer \${CURL_AUTHORIZATION}" -H 'X-Api-Key: '"\${CURL_X_API_KEY}"''`],
    ],
    [
      `0 5 * * * ask%the "key" is ${key}%`,
      ["ASK_KEY"],
      ["/bin/sh", "-c", `printf '%s' "the \\"key\\" is \${ASK_KEY}\n" | { ask\n}`],
    ],
  ])("of %j become references", (text, variables, argv) => {
    const made = one(text);
    expect(made.variables).toEqual(variables);
    expect(made.value).toMatchObject({
      payload: { argv, env: Object.fromEntries(variables.map((name) => [name, `\${${name}}`])) },
    });
    const all = JSON.stringify([made.value, made.comment, made.notes]);
    for (const secret of [key, telegram, slack, "hunter2", "abc123", "abcdefghijklmnopqrstuvwxyz"])
      expect(all).not.toContain(secret);
  });

  it("that are references already stay as they are", () => {
    expect(one('0 5 * * * ask --token "$TOKEN"').variables).toEqual([]);
  });
});

describe("names", () => {
  it.each([
    ["/usr/local/bin/backup.sh --all", "backup"],
    ["cd /srv/app && ./bin/report.py daily >> log 2>&1", "report"],
    ["test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }", "run-parts-cron.daily"],
    ["/usr/bin/flock -n /tmp/x.lock nice -n 10 python3 /opt/a_b.py", "a-b"],
    ["[ -f /x ] && certbot -q renew", "certbot-renew"],
    ["sudo -u www php /var/www/cron.php", "cron"],
    ["A=1 B=2 job", "job"],
    ["$HOME/bin/daily.job", "daily.job"],
    ["'", "job"],
    ["true", "job"],
    [key, "job"],
  ])("%j: %s", (command, name) => {
    expect(nameOf(command)).toBe(name);
  });

  it("are each used once", () =>
    expect(imported("0 1 * * * x\n0 2 * * * x\n0 3 * * * x").map(({ name }) => name)).toEqual(["x", "x-2", "x-3"]));
});

const counted = `#!/bin/bash
# Tries again, because the stream breaks (openclaw/openclaw#44482).
MAX_RETRIES=5
DELAY=5
attempt=1
while [ $attempt -le $MAX_RETRIES ]; do
  if openclaw cron run "$1" --wait; then
    exit 0
  fi
  echo "attempt $attempt failed" >&2
  sleep $DELAY
  DELAY=$((DELAY * 2))
  attempt=$((attempt + 1))
done
exit 1
`.replace('"$1" --wait', "b393d508 --wait");

describe("loops that try again", () => {
  it.each([
    ["counted", counted, [], { command: "openclaw cron run b393d508 --wait", attempts: 5, delaySeconds: 5, factor: 2 }],
    [
      "for in list",
      'for i in 1 2 3; do "$@" && exit 0; sleep 10; done; exit 1',
      ["a", "b c"],
      { command: "a 'b c'", attempts: 3, delaySeconds: 10, factor: 1 },
    ],
    [
      "seq",
      "D=5s\nfor i in $(seq 1 4); do\n  run && break\n  sleep $D\ndone",
      [],
      { command: "run", attempts: 4, delaySeconds: 5, factor: 1 },
    ],
    [
      "braces",
      "for i in {1..6}; do\nif run; then exit 0; fi\nsleep $((2 ** i))\ndone",
      [],
      { command: "run", attempts: 6, delaySeconds: 2, factor: 2 },
    ],
    [
      "arithmetic",
      "N=3\nwait=5\nfor ((i=0; i<N; i++)); do\n  run --x && exit 0\n  sleep $wait\n  ((wait *= 3))\ndone",
      [],
      { command: "run --x", attempts: 3, delaySeconds: 5, factor: 3 },
    ],
    [
      "until",
      'max="${1:-3}"; shift\nn=1\ndelay=10\nuntil "$@"; do\n  if [ $n -ge $max ]; then exit 1; fi\n  sleep $delay\n  delay=$((delay * 2))\n  n=$((n+1))\ndone',
      ["4", "job"],
      { command: "job", attempts: 4, delaySeconds: 10, factor: 2 },
    ],
    [
      "capped",
      "d=5\nfor i in 1 2 3 4 5 6; do\n  run && exit 0\n  sleep $d\n  d=$((d * 2))\n  [ $d -gt 60 ] && d=60\ndone",
      [],
      { command: "run", attempts: 6, delaySeconds: 5, factor: 2, maxDelaySeconds: 60 },
    ],
  ])("%s", (_, script, args, loop) => expect(readRetryLoop(script, args)).toEqual({ loop }));

  it.each([
    ["two commands", "for i in 1 2; do a && exit 0; b && exit 0; sleep 1; done"],
    ["no bound", "while ! run; do sleep 5; done"],
    ["a random sleep", "for i in 1 2; do run && exit 0; sleep $RANDOM; done"],
    ["linear growth", "d=1\nfor i in 1 2; do run && exit 0; sleep $((d * i)); done"],
    ["a variable's command", "for i in 1 2; do $CMD && exit 0; sleep 5; done"],
    ["two loops", "for i in 1 2; do run && exit 0; sleep 5; done\nfor j in 1 2; do x; done"],
  ])("with %s are seen and not guessed at", (_, script) => expect(readRetryLoop(script)).toHaveProperty("seen"));

  it.each(["echo hi", "for f in *; do gzip $f; done", "sleep 5; run"])("%j is none", (script) =>
    expect(readRetryLoop(script)).toBeUndefined(),
  );

  it("become a retry of the job, and the turn that they ask for", () => {
    scripts["/home/ann/retry-cron.sh"] = counted;
    const made = one("0 12 * * * /home/ann/retry-cron.sh >> /tmp/log 2>&1");
    expect(made.value).toMatchObject({
      payload: { kind: "agentTurn", message: "Run FPL check...", model: "kimi-coding/k2p5" },
      retry: { maxAttempts: 5, delay: "5s", factor: 2, maxDelay: "40s", jitter: 0 },
      idempotent: false,
    });
    expect(made.notes.join("\n")).toMatch(/up to 5 tries, 5 s apart at first and 2 times as long/);
    const command = one("0 12 * * * for i in 1 2 3; do sync-all && break; sleep 10; done");
    expect(command.value).toMatchObject({
      payload: { kind: "command", argv: ["sync-all"] },
      retry: { maxAttempts: 3, delay: "10s", factor: 1 },
      idempotent: true,
    });
    expect(one("0 12 * * * while ! run; do sleep 5; done").value).toMatchObject({
      payload: { argv: ["/bin/sh", "-c", "while ! run; do sleep 5; done"] },
      retry: { maxAttempts: 1 },
    });
  });
});

describe("turns of OpenClaw's", () => {
  it("become turns where the message can be read", () => {
    const made = one(
      `0 9 * * * cd /srv && timeout -k 60 600 openclaw agent --agent ops -m 'Say {{hi}}, it is 9.' --thinking minimal --model=kimi-coding/k2p5 --json >> /tmp/x.log 2>&1`,
    );
    expect(made.value).toMatchObject({
      payload: {
        kind: "agentTurn",
        message: "Say {{{{hi}}, it is 9.",
        model: "kimi-coding/k2p5",
        thinking: "low",
        timeoutSeconds: 600,
      },
      retry: { maxAttempts: 1 },
    });
    expect(made.notes.join("\n")).toMatch(/not acted on: --agent[\s\S]*\/tmp\/x\.log/);
  });

  it.each([
    ['openclaw agent -m "Hello $USER"', "puts a part of its words together"],
    ["openclaw agent --session-id x -m Hello", "conversation"],
    ["openclaw agent --deliver --to +1 -m Hello", "conversation"],
    ["openclaw agent", "names no message"],
    ["openclaw agent -m Hello --model other/x", "provider is not known"],
    ["openclaw cron run unknown", "no job"],
    ["openclaw cron list", "no turn"],
    ["clawdbot agent -m Hello | mail me", "cannot be read for certain"],
  ])("stay commands where that is not certain: %s", (command, why) => {
    const made = one(`0 9 * * * ${command}`);
    expect(made.value).toMatchObject({ payload: { kind: "command" } });
    expect(made.notes.join()).toContain(why);
  });
});
