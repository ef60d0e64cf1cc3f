/** A readable name for a job, made of the command it runs. Pure. */
import { looksSecret } from "../../job/secret.ts";
import { shellTokens } from "./shell.ts";

/** Programs that start another one, which is what the job is about. */
const wrappers = new Set(
  (
    "sudo doas env nice ionice timeout flock chronic cronic setsid nohup time exec systemd-cat systemd-inhibit runuser su caffeinate chrt taskset " +
    "sh bash dash zsh ksh python python2 python3 perl ruby node nodejs deno bun php npx uv run tsx pipenv poetry"
  ).split(" "),
);

/** Programs whose first argument says what they do. */
const spoken = new Set(
  "openclaw clawdbot moltbot docker podman git certbot systemctl apt apt-get restic borg rclone aws gcloud kubectl npm make drush wp".split(
    " ",
  ),
);

const passedOver = new Set(
  "cd test [ [[ : true sleep export set . source if then echo printf command eval umask ulimit for while until do".split(" "),
);

/** At most 40 characters, letters, digits, dots and dashes; `job` where the command gives nothing. */
export function nameOf(command: string): string {
  const segments: string[][] = [[]];
  for (const token of shellTokens(command) ?? []) {
    if (token.kind === "operator" && !/[<>]/.test(token.text)) segments.push([]);
    else if (token.kind === "word") segments.at(-1)?.push(token.text);
  }
  const name =
    segments.map(ofSegment).find((named) => named !== undefined) ??
    clean(command.split(/\s/).find((word) => /^[\w./-]+$/.test(word) && !passedOver.has(word)) ?? "");
  return name === "" || looksSecret(name) || /^readme$/i.test(name) ? "job" : name;
}

function ofSegment(words: readonly string[]): string | undefined {
  const left = [...words];
  for (;;) {
    const [word = "", next] = left;
    if (word === "" || passedOver.has(word)) return undefined;
    const program = base(word);
    const passing =
      wrappers.has(program) ||
      word.startsWith("-") ||
      /^\w+=/.test(word) ||
      /^\d+[smhd]?$/.test(word) ||
      /\.lock(?:file)?$|^\/var\/lock\//.test(word);
    if (passing && next !== undefined) {
      left.splice(0, word === "-u" ? 2 : 1);
      continue;
    }
    const more =
      program === "run-parts"
        ? base(left.at(-1) ?? "")
        : spoken.has(program)
          ? left.slice(1).find((one) => /^[a-z][a-z-]{1,20}$/.test(one))
          : undefined;
    const name = clean(more === undefined ? program : `${program}-${more}`);
    return name === "" ? undefined : name;
  }
}

function base(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.(?:sh|bash|py|pl|rb|[cm]?[jt]s|php)$/, "");
}

function clean(text: string): string {
  return base(text)
    .replaceAll(/[^A-Za-z0-9.-]+/g, "-")
    .replace(/^[.-]+/, "")
    .slice(0, 40)
    .replace(/[.-]+$/, "")
    .toLowerCase();
}

/** The name, with a number behind it if it is taken. */
export function uniqueName(name: string, taken: Set<string>): string {
  let unique = name;
  for (let count = 2; taken.has(unique); count += 1) unique = `${name}-${count}`;
  taken.add(unique);
  return unique;
}
