import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatIssue, type Issue } from "../../src/errors.ts";
import { loadJobs, type LoadedJobs } from "../../src/load/jobs.ts";

const dir = fileURLToPath(new URL("../fixtures/jobs/broken", import.meta.url));

/** One line a problem: file:line:column | path | a part of the message | a part of the suggestion, if there is to be one. */
const rows = readFileSync(fileURLToPath(new URL("../fixtures/jobs/broken.txt", import.meta.url)), "utf8")
  .trimEnd()
  .split("\n")
  .map(readRow);

interface Row {
  readonly text: string;
  readonly file: string;
  readonly place: string;
  readonly path: string;
  readonly message: string;
  readonly suggestion: string | undefined;
}

function readRow(text: string): Row {
  const [place = "", path = "", message = "", suggestion] = text.split(" | ");
  return { text, file: place.slice(0, place.indexOf(":")), place, path, message, suggestion };
}

const planted = /PLANTED/;

function agrees(issue: Issue, { place, path, message, suggestion }: Row): boolean {
  const said = suggestion === undefined ? issue.suggestion === undefined : issue.suggestion?.includes(suggestion) === true;
  return (
    `${issue.file}:${issue.line}:${issue.column}` === place && issue.path === path && issue.message.includes(message) && said
  );
}

describe("broken job files", () => {
  let loaded: LoadedJobs;
  beforeAll(async () => {
    loaded = await loadJobs({ dir, base: dir });
  });

  it("are at least a hundred and sixty, each with a row", () => {
    const files = readdirSync(dir).toSorted();
    expect(files.length).toBeGreaterThanOrEqual(160);
    expect([...new Set(rows.map(({ file }) => file))].toSorted()).toEqual(files);
  });

  it.each([...new Set(rows.map(({ file }) => file))])("%s", (file) => {
    const issues = loaded.issues.filter((issue) => issue.file === file);
    const expected = rows.filter((row) => row.file === file);
    const shown = issues.map(formatIssue).join("\n");
    for (const row of expected)
      expect(
        issues.find((issue) => agrees(issue, row)),
        `${row.text}\nis not among\n${shown}`,
      ).toBeDefined();
    expect(issues).toHaveLength(expected.length);
  });

  it("never repeat a key", () => {
    expect(JSON.stringify(loaded)).not.toMatch(planted);
  });

  it("leave the good jobs beside them usable", () => {
    expect(loaded.jobs.map(({ id, source }) => [id, source])).toEqual([
      ["one", { file: "list.yaml", line: 1 }],
      ["drei", { file: "several-ours.json", line: 3 }],
      ["uno", { file: "several.json", line: 4 }],
    ]);
  });
});

describe("files that cannot be kept in a repository", () => {
  const folder = mkdtempSync(join(tmpdir(), "runner-jobs-"));
  const good = '{ "payload": { "message": "Hello" } }';
  let loaded: LoadedJobs;
  const issueOf = (file: string): Issue | undefined => loaded.issues.find((issue) => issue.file === file);

  beforeAll(async () => {
    mkdirSync(join(folder, "folder.json"));
    symlinkSync("nowhere", join(folder, "dangling.json"));
    symlinkSync("circle.json", join(folder, "circle.json"));
    symlinkSync("/dev/zero", join(folder, "device.json"));
    writeFileSync(join(folder, "large.json"), `{ "payload": { "message": "${"x".repeat(2_000_000)}" } }`);
    writeFileSync(
      join(folder, "latin1.json"),
      Buffer.from('{\n  "name": "caf\u00e9", "payload": { "message": "Hello" } }', "latin1"),
    );
    writeFileSync(join(folder, "utf16.json"), Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(good, "utf16le")]));
    writeFileSync(join(folder, "bom-and-crlf.json"), '\uFEFF{\r\n  "payload": {\r\n    "message": 7\r\n  }\r\n}\r\n');
    writeFileSync(join(folder, "crlf.yaml"), "payload:\r\n  message: Hello\r\n  strem: true\r\n");
    writeFileSync(join(folder, "crlf.md"), "---\r\nschedule:\r\n  kind: nightly\r\n---\r\nHello\r\n");
    writeFileSync(join(folder, "good.json"), `\uFEFF${good}`);
    loaded = await loadJobs({ dir: folder, base: folder });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each([
    ["folder.json", "is a folder, not a file"],
    ["dangling.json", "does not exist, or is a link to something that does not"],
    ["circle.json", "is a link that leads round in a circle"],
    ["device.json", "is not a regular file"],
    ["large.json", "at most 1048576 are read"],
    ["utf16.json", "is UTF-16"],
  ])("%s: %s", (file, message) => {
    expect(issueOf(file)?.message).toContain(message);
  });

  it("say where a byte is that is not UTF-8", () => {
    expect(issueOf("latin1.json")).toMatchObject({ line: 2, column: 15, message: "is not valid UTF-8" });
  });

  it("count lines and columns past a byte-order mark and Windows line ends", () => {
    expect(issueOf("bom-and-crlf.json")).toMatchObject({ line: 3, column: 16, path: "payload.message" });
    expect(issueOf("crlf.yaml")).toMatchObject({ line: 3, column: 3, path: "payload.strem" });
    expect(issueOf("crlf.md")).toMatchObject({ line: 3, column: 9, path: "schedule.kind" });
  });

  it("do not hide a good one", () => {
    expect(loaded.jobs.map(({ name }) => name)).toEqual(["good"]);
  });

  it("that may not be read are named; only root may read them all the same", async () => {
    writeFileSync(join(folder, "secret.json"), good, { mode: 0o000 });
    const { issues } = await loadJobs({ dir: folder, base: folder });
    const message = issues.find(({ file }) => file === "secret.json")?.message;
    expect(message).toBe(process.getuid?.() === 0 ? undefined : "may not be read by this user");
  });
});
