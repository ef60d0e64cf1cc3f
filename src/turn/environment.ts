/** The environment a turn's process gets: what every program gets of the parent's, and what says whose it is. */
import { chosen, passedOn } from "../job/chosen-environment.ts";

/** Says which process belongs to which attempt; `kill.ts` finds processes by it. */
export interface TurnIdentity {
  readonly runId: string;
  readonly attempt: number;
  readonly sessionId: string;
  /** The same for every attempt of the run. */
  readonly idempotencyKey?: string;
  /** The due instant that the run answers, epoch ms. */
  readonly slotAt?: number;
}

/** Directories of one attempt: fresh, mode 0700, removed afterwards. */
export interface TurnDirectories {
  /** Where the process starts. */
  readonly work: string;
  /** Its HOME: what a person keeps in the real one (logins, histories, configuration) is not within the turn's sight. */
  readonly home: string;
  /** Its TMPDIR. */
  readonly tmp: string;
}

/** What the directories are called before there are any, for `run --dry-run`. */
const directoriesToCome: TurnDirectories = {
  work: "<fresh directory>/work",
  home: "<fresh directory>/home",
  tmp: "<fresh directory>/tmp",
};

/** The whole environment of a turn's process. Pure. */
export function turnEnvironment(
  identity: TurnIdentity,
  env: Readonly<Record<string, string | undefined>>,
  directories: TurnDirectories,
): Record<string, string> {
  return {
    ...chosen(env, passedOn),
    HOME: directories.home,
    TMPDIR: directories.tmp,
    RUNNER_RUN_ID: identity.runId,
    RUNNER_ATTEMPT: String(identity.attempt),
    RUNNER_SESSION_ID: identity.sessionId,
    // Under names that scripts can pass on to a service as they are; the side-effect rule of docs/healing.md needs them.
    ATTEMPT: String(identity.attempt),
    ...(identity.idempotencyKey === undefined ? {} : { IDEMPOTENCY_KEY: identity.idempotencyKey }),
    ...(identity.slotAt === undefined ? {} : { SLOT: new Date(identity.slotAt).toISOString() }),
  };
}

/** The same as it would be, before directories and a session exist, for `run --dry-run`. */
export function environmentToCome(
  spec: Pick<TurnIdentity, "runId" | "attempt" | "idempotencyKey" | "slotAt">,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  return turnEnvironment({ ...spec, sessionId: "<fresh for every attempt>" }, env, directoriesToCome);
}

const secretName = /key|token|secret|passw|credential|auth|cookie|private/i;

/** Shorter values would blot out ordinary words, and nobody issues keys that short. */
const shortestSecret = 8;

/**
 * Values of the parent's environment whose names say that they are secret, the token, and what was granted by reference; longest first so
 * that no part of one is left.
 */
export function secretValues(
  env: Readonly<Record<string, string | undefined>>,
  token: string | undefined,
  granted: readonly string[] = [],
): string[] {
  const values = new Set<string>(granted);
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && value.length >= shortestSecret && secretName.test(name)) values.add(value);
  }
  if (token !== undefined && token !== "") values.add(token);
  return [...values].toSorted((a, b) => b.length - a.length);
}

/**
 * Those of the granted values whose variables have a secret's name, longest first. Another one, such as a region, is a word of its own right
 * in what a server tells the model.
 */
export function secretsAmong(granted: readonly string[], env: Readonly<Record<string, string | undefined>>): string[] {
  return secretValues(env, undefined).filter((value) => granted.includes(value));
}

/** The text without any of the secrets. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "[removed]"), text);
}
