/** Defaults of folders: `_defaults.yaml` (or .json, .json5, .ts, …) applies to the jobs of its folder and below. */
import { dirname } from "node:path";
import type { Issue } from "../errors.ts";
import type { Layer } from "../job/layers.ts";
import { normaliseJob } from "../job/normalise.ts";
import { checkDefaults } from "../job/parse.ts";
import { isRecord } from "../job/shape.ts";
import { describe } from "../job/words.ts";
import { displayName } from "./display-name.ts";
import type { FoundFiles } from "./find-files.ts";
import type { Document } from "./syntax.ts";

/** Reads one file, whatever its format. */
export type ReadFile = (path: string) => Promise<{ readonly document: Document } | { readonly issues: readonly Issue[] }>;

export interface FolderDefaults {
  /** The defaults that a job of this folder begins with, the nearest first; `undefined`: one of them cannot be used, so neither can the job. */
  readonly layersOf: (folder: string) => readonly Layer[] | undefined;
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
  /** The files that are used, by name. */
  readonly files: readonly string[];
}

/** Reads every file of defaults once. */
export async function readDefaults({ defaults }: FoundFiles, dir: string, base: string, read: ReadFile): Promise<FolderDefaults> {
  const issues: Issue[] = [];
  const warnings: Issue[] = [];
  const byFolder = new Map<string, Layer | "broken">();
  for (const [folder, [path, ...others]] of defaults) {
    if (path === undefined) continue;
    const file = displayName(path, base);
    for (const other of others) {
      const message = `is not read: ${file} comes first`;
      issues.push({ file: displayName(other, base), path: "", message, suggestion: "keep one" });
    }
    const found = await read(path);
    const { layer, ...said } =
      "issues" in found ? { layer: undefined, ...found, warnings: [] } : layerOf(found.document, file, folder);
    issues.push(...said.issues);
    warnings.push(...said.warnings);
    byFolder.set(folder, layer === undefined || others.length > 0 ? "broken" : layer);
  }
  const layersOf = (folder: string): readonly Layer[] | undefined => {
    const layers: Layer[] = [];
    for (let here = folder; ; here = dirname(here)) {
      const layer = byFolder.get(here);
      if (layer === "broken") return undefined;
      if (layer !== undefined) layers.push(layer);
      if (here === dir || here === dirname(here)) return layers;
    }
  };
  const files = [...byFolder.values()].flatMap((layer) => (layer === "broken" ? [] : [layer.file]));
  return { layersOf, issues, warnings, files };
}

function layerOf(
  { value, locate }: Document,
  file: string,
  folder: string,
): { layer?: Layer; issues: readonly Issue[]; warnings: readonly Issue[] } {
  if (!isRecord(value)) {
    const message = `expected an object of defaults, found ${describe(value)}`;
    return {
      issues: [{ file, ...locate([], "value"), path: "", message, suggestion: "write the fields that the jobs share" }],
      warnings: [],
    };
  }
  const checked = checkDefaults(value, locate, file);
  if (checked.issues.length > 0) return checked;
  const { value: normal, origin } = normaliseJob(value, false);
  return isRecord(normal) ? { ...checked, layer: { value: normal, origin, locate, file, folder } } : checked;
}
