/** What reading a job asks of the machine, beside what stands in its own file. */
import type { JobFiles } from "../job/job-files.ts";

export interface Outside {
  readonly files: JobFiles;
  readonly zone?: () => string;
}

/**
 * The same, and counted: the files that a job names, a home folder, the machine's zone may all be others tomorrow, so what was made with one of
 * them is not left for later (job-cache.ts).
 */
export function counted({ files, zone }: Outside): Outside & { readonly asked: () => number } {
  let asked = 0;
  const count = <Args extends readonly unknown[], Answer>(ask: (...args: Args) => Answer) => {
    return (...args: Args): Answer => {
      asked += 1;
      return ask(...args);
    };
  };
  const fromHome = count(files.workDir);
  return {
    files: {
      workDir: (written) => (written.startsWith("~") ? fromHome(written) : files.workDir(written)),
      file: count(files.file),
      json: count(files.json),
      include: count(files.include),
    },
    ...(zone === undefined ? {} : { zone: count(zone) }),
    asked: () => asked,
  };
}
