/** The text of a job file that an import writes, and whether it holds: it is read again as `validate` would. */
import type { Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { readDocument } from "./document.ts";
import { namedFiles } from "./named-files.ts";
import { parseDocumentJobs } from "./several.ts";

export interface ImportedFile {
  readonly text: string;
  /** The job that it holds; absent if it holds none that can be used. */
  readonly job?: Job;
  readonly issues: readonly Issue[];
  readonly warnings: readonly Issue[];
}

export interface FilePlace {
  /** The path that it will have, for messages, and without its ending below the folder of jobs: its id. */
  readonly file: string;
  readonly stem: string;
  readonly projectDir: string;
  /** Ids of the providers that are known. */
  readonly providers: readonly string[];
}

export async function importedFile(
  value: Readonly<Record<string, unknown>>,
  comment: readonly string[],
  { file, stem, projectDir, providers }: FilePlace,
): Promise<ImportedFile> {
  const { stringify } = await import("yaml");
  const head = comment.map((line) => `# ${line}`.trimEnd()).join("\n");
  const text = `${head}${head === "" ? "" : "\n"}${stringify(value, { lineWidth: 0 })}`;
  const read = await readDocument(text, "yaml", file);
  if ("issues" in read) return { text, issues: read.issues, warnings: [] };
  const files = namedFiles({ projectDir, roots: [projectDir], env: {}, found: () => {} });
  const { jobs, issues, warnings } = parseDocumentJobs(read.document, stem, { file, folder: projectDir, files, providers });
  const [job] = jobs;
  return { text, issues, warnings, ...(job === undefined ? {} : { job }) };
}
