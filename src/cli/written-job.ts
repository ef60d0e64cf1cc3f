/** A resolved job in the words of a job file, so that each line of it can be copied into one. Pure. */
import { formatDuration } from "../job/duration.ts";
import type { HttpGrant, Job, McpGrant, ShellGrant, ToolGrants } from "../job/job.ts";

type Written = Readonly<Record<string, unknown>>;

/** Without what has a section of its own in a dry run: limits, the gate, what counts as done. */
export function asWritten({
  id,
  name,
  description,
  enabled,
  schedule,
  payload,
  vars,
  env,
  workDir,
  retry,
  idempotent,
  onRateLimit = "fallback",
  record = "shape",
  eventHandler,
}: Job): Written {
  return {
    id,
    name,
    description,
    enabled,
    schedule: schedule.kind === "manual" ? undefined : schedule,
    payload: payloadAsWritten(payload),
    vars,
    env,
    workDir,
    eventHandler,
    onRateLimit,
    record,
    retry: {
      maxAttempts: retry.maxAttempts,
      delay: formatDuration(retry.delayMs),
      factor: retry.factor,
      maxDelay: formatDuration(retry.maxDelayMs),
      jitter: retry.jitter,
      declared: retry.declared,
    },
    idempotent,
  };
}

function payloadAsWritten(payload: Job["payload"]): Written {
  if (payload.kind === "command") {
    const { noOutputMs, ...rest } = payload;
    return { ...rest, noOutputTimeoutSeconds: noOutputMs === undefined ? undefined : noOutputMs / 1_000 };
  }
  return { ...payload, tools: payload.tools === undefined ? undefined : toolsAsWritten(payload.tools) };
}

function toolsAsWritten({ mcp, shell, files, http }: ToolGrants): Written {
  const servers = Object.entries(mcp ?? {}).map(([name, grant]) => [name, serverAsWritten(grant)]);
  return {
    mcp: mcp === undefined ? undefined : Object.fromEntries(servers),
    shell: shell === undefined ? undefined : timed(shell),
    files: files?.access,
    http: http === undefined ? undefined : timed(http),
  };
}

function serverAsWritten(grant: McpGrant): Written {
  const { timeoutMs, tools } = grant;
  const what = grant.transport === "stdio" ? { command: grant.argv, env: grant.env } : { url: grant.url, headers: grant.headers };
  return { ...what, tools, timeout: formatDuration(timeoutMs) };
}

function timed({ timeoutMs, ...grant }: ShellGrant | HttpGrant): Written {
  return { ...grant, timeout: formatDuration(timeoutMs) };
}
