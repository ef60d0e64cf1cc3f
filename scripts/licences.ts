/** Licences of what is bundled: they ask to be passed on with every copy, and a bundle is a copy. */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";

interface Bundled {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly text: string;
}

/** Licences under which a package may be bundled into one that is published under MIT. */
const accepted =
  /^(?:MIT|MIT-0|ISC|0BSD|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|BlueOak-1\.0\.0|CC0-1\.0|Unlicense|\(MIT OR [\w.-]+\))$/;

/**
 * Writes `dist/THIRD-PARTY-LICENSES.txt` for the packages that these files of a bundle come from.
 * @throws Error for a package without a licence, or under one that nobody has looked at.
 */
export function writeLicences(root: string, inputs: readonly string[]): void {
  const folders = new Set(inputs.map(packageFolder).filter((folder) => folder !== undefined));
  const packages = [...folders].map((folder) => readPackage(path.join(root, folder)));
  const unique = new Map(packages.map((one) => [`${one.name}@${one.version}`, one]));
  const sorted = [...unique.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const line = "-".repeat(80);
  const parts = sorted.map(
    ({ name, version, license, text }) => `${line}\n${name} ${version} (${license})\n${line}\n\n${text}\n`,
  );
  writeFileSync(
    path.join(root, "dist/THIRD-PARTY-LICENSES.txt"),
    `The programs in this folder hold code of the following packages, under their licences.\n\n${parts.join("\n")}`,
  );
}

/** `node_modules/a/node_modules/@b/c/d.js` → `node_modules/a/node_modules/@b/c`; undefined for our own files. */
function packageFolder(input: string): string | undefined {
  return /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
}

function readPackage(folder: string): Bundled {
  const { name, version, license, author }: Record<string, unknown> = JSON.parse(
    readFileSync(path.join(folder, "package.json"), "utf8"),
  );
  if (typeof license !== "string" || !accepted.test(license))
    throw new Error(`${String(name)} has the licence ${JSON.stringify(license)}, which is not one of those that may be bundled`);
  const file = readdirSync(folder).find((entry) => /^(?:licen[cs]e|copying)(?:\.|-mit|$)/i.test(entry));
  const holder = typeof author === "string" ? author : (author as { name?: string } | undefined)?.name;
  const text =
    file === undefined
      ? `The package brings no text of its licence. Copyright ${holder ?? `the authors of ${String(name)}`}; the terms are those of ${license}.`
      : readFileSync(path.join(folder, file), "utf8").trim();
  return { name: String(name), version: String(version), license, text };
}
