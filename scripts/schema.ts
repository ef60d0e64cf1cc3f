/** Writes the JSON Schemas that the package ships, from the shapes that files are checked by: `node scripts/schema.ts`. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defaultsFileSchema, jobFileSchema } from "../src/job/job-schema.ts";
import { configFileSchema } from "../src/load/config-schema.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

mkdirSync(`${root}schema`, { recursive: true });
for (const [name, schema] of [
  ["job", jobFileSchema()],
  ["defaults", defaultsFileSchema()],
  ["config", configFileSchema()],
] as const) {
  writeFileSync(`${root}schema/${name}.json`, `${JSON.stringify(schema, null, 2)}\n`);
}
execFileSync(process.execPath, [`${root}node_modules/oxfmt/bin/oxfmt`, `${root}schema`], { stdio: "inherit" });
