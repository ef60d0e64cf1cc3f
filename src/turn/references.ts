/**
 * `${NAME}` in what a job grants: the value is looked up in runner's environment when an attempt begins, and goes to the one process it was
 * written for, never into the turn's environment. Pure.
 */
import type { McpGrant, ToolGrants } from "../job/job.ts";

type Environment = Readonly<Record<string, string | undefined>>;
type Texts = Readonly<Record<string, string>>;

const reference = /\$\{(?<name>[A-Za-z_][A-Za-z0-9_]*)\}/g;

/** Shorter values would blot out ordinary words in errors. */
const shortestSecret = 4;

export interface Resolved {
  readonly texts: Texts;
  /** What stood for references, so that it can be kept out of errors and logs. */
  readonly values: readonly string[];
  /** Names that are not set, or empty. */
  readonly missing: readonly string[];
}

/** The texts with each `${NAME}` replaced; a value that itself holds one is not looked at again. */
export function resolveTexts(texts: Texts, env: Environment): Resolved {
  const values: string[] = [];
  const missing: string[] = [];
  const resolve = (text: string): string =>
    text.replaceAll(reference, (whole, name: string) => {
      const value = env[name];
      if (value === undefined || value === "") {
        missing.push(name);
        return whole;
      }
      if (value.length >= shortestSecret) values.push(value);
      return value;
    });
  return { texts: Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, resolve(text)])), values, missing };
}

export function resolveGrants(
  tools: ToolGrants | undefined,
  env: Environment,
): { readonly tools: ToolGrants | undefined; readonly values: readonly string[] } | { readonly missing: readonly string[] } {
  if (tools?.mcp === undefined) return { tools, values: [] };
  const values: string[] = [];
  const missing: string[] = [];
  const resolved = (texts: Texts | undefined): Texts => {
    const one = resolveTexts(texts ?? {}, env);
    values.push(...one.values);
    missing.push(...one.missing);
    return one.texts;
  };
  const grant = (one: McpGrant): McpGrant =>
    one.transport === "stdio" ? { ...one, env: resolved(one.env) } : { ...one, headers: resolved(one.headers) };
  const mcp = Object.fromEntries(Object.entries(tools.mcp).map(([name, one]) => [name, grant(one)]));
  return missing.length > 0 ? { missing: [...new Set(missing)] } : { tools: { ...tools, mcp }, values };
}

export function missingWords(names: readonly string[]): string {
  const listed = names.join(", ");
  return `the job refers to ${names.length === 1 ? `${listed}, which is` : `${listed}, which are`} not set in runner's environment`;
}
