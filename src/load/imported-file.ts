/** The text of a job file that an import writes, and whether it holds: it is read again as `validate` would. */
import type { Issue } from "../errors.ts";
import type { Job } from "../job/job.ts";
import { readDocument } from "./document.ts";
import { namedFiles } from "./named-files.ts";
import { parseDocumentJobs } from "./several.ts";

/** What an import makes of one entry of its source. */
export interface ImportDraft {
  readonly name: string;
  /** Of its file, without the ending. */
  readonly fileName: string;
  /** The job as a job file has it. */
  readonly value: Readonly<Record<string, unknown>>;
  /** Comment above it in the file. */
  readonly comment: readonly string[];
  /** What a person should know of this one. */
  readonly notes: readonly string[];
  /** Variables to set in runner's environment: their values are not in the file. */
  readonly variables: readonly string[];
}

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
  { value, comment }: Pick<ImportDraft, "value" | "comment">,
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
