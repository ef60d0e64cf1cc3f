/** One thing that `runner doctor` looked at. */
export interface Check {
  readonly area: "providers" | "programs" | "clock" | "state" | "machine" | "service" | "scheduler" | "jobs" | "live";
  readonly name: string;
  /** `warn`: it works, or may; a person should know. `fail`: some run will fail because of it. */
  readonly status: "ok" | "warn" | "fail";
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
  /** For `fail`: 77 a key, an account or a permission; 78 configuration or the machine. Default 78. */
  readonly exitCode?: 77 | 78;
}

/** The worst of the findings: 0, else 78 before 77, because what is configured wrongly comes first. */
export function doctorExitCode(checks: readonly Check[]): 0 | 77 | 78 {
  const failed = checks.filter(({ status }) => status === "fail").map(({ exitCode }) => exitCode ?? 78);
  if (failed.length === 0) return 0;
  return failed.includes(78) ? 78 : 77;
}
