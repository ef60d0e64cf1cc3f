import { statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const tests = fileURLToPath(new URL(".", import.meta.url));

/** Rooms whose files take long for their length, because they start whole programs; the longest first. */
const first = ["e2e", "docs", "corpus", "turn", "cli"];

/** What takes long begins early, so that at the end no worker is left alone with it; within a room, long files before short ones. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const places = new Map(files.map(({ moduleId }) => [moduleId, { rank: rank(moduleId), length: statSync(moduleId).size }]));
    const place = ({ moduleId }: TestSpecification) => places.get(moduleId) ?? { rank: 0, length: 0 };
    return files.toSorted((one, other) => place(one).rank - place(other).rank || place(other).length - place(one).length);
  }
}

function rank(file: string): number {
  const at = first.indexOf(path.relative(tests, file).split(path.sep)[0] ?? "");
  return at === -1 ? first.length : at;
}
