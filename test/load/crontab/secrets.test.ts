/** Keys in lines of a crontab: taken out where their place says what they are, and everything else reaches the program as it was. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { holdsSecret, withoutSecrets } from "../../../src/load/crontab/secrets.ts";

const key = "Zq7mPl0v3";
const other = "W8nRk2xT5";

/** Commands with the key in a place that says that it is one. */
const telling = [
  `redis-cli -a ${key} ping`,
  `redis-cli -h h -a '${key}' --no-auth-warning PING`,
  `redis-cli --pass ${key} PING`,
  `REDISCLI_AUTH=${key} redis-cli ping`,
  `openssl enc -aes-256-cbc -k ${key} -in a`,
  `openssl enc -d -K "${key}" -iv 00`,
  `openssl rsa -passin pass:${key} -in a`,
  `tar c /srv | openssl enc -pass 'pass:${key}' -out b`,
  `PGPASSWORD=${key} pg_dump x`,
  `sshpass -p ${key} ssh h`,
  `sshpass -v -p"${key}" rsync a b`,
  `curl -H "Authorization: Bearer ${key}" u`,
  `curl -H 'X-Auth-Token: ${key}' u`,
  `curl -H "Cookie: session=${key}; theme=x" u`,
  `curl --oauth2-bearer ${key} u`,
  `curl -sSfu u:${key} x`,
  `curl --proxy-user=u:${key} x`,
  `wget --http-password=${key} u`,
  `wget --password ${key} u`,
  `wget --header='Authorization: Basic ${key}' u`,
  `mongo --password ${key} x`,
  `mongodump -u a -p ${key} --db x`,
  `ldapsearch -D cn=a -w ${key} -b x`,
  `smbclient //h/s -U u%${key} -c ls`,
  `smbclient -U 'u%${key}' //h/s`,
  `mysqldump -u a -p${key} db`,
  `docker exec db mariadb-dump -p'${key}' x`,
  `lftp -u u,${key} h`,
  `7z a -p${key} x.7z y`,
  `zip -rP ${key} a.zip b`,
  `gpg --batch --passphrase ${key} -c f`,
  `docker login -u u -p ${key} r`,
  `snmpget -v3 -A ${key} -X ${key} h`,
  `RESTIC_PASSWORD=${key} restic backup x`,
  `BORG_PASSPHRASE='${key}' borg create x`,
  `DB_PASS=${key} backup`,
  `dbPassword=${key} backup`,
  `swaks --auth-password ${key}`,
  `sudo -u www timeout 60 /usr/bin/redis-cli -a ${key} ping`,
  `sh -c "redis-cli -a ${key} ping && curl -u u:${key} x"`,
  `psql "host=h password=${key} user=x"`,
];

/** Commands that hold none, though they look alike. */
const plain = [
  "tar -p -k x",
  "openssl x509 -in a.pem -k",
  "openssl enc -pass file:/etc/k -in a",
  "openssl enc -pass env:K -kfile /x",
  "redis-cli -a",
  'redis-cli -a "$KEY" ping',
  "ssh -p 2222 h",
  "mkdir -p /a/b",
  "docker run -p 80:80 x",
  "docker compose -p proj up",
  "PATH=/usr/bin:/bin x",
  "KEYBOARD=de x",
  "PASS=1 x",
  "COMPASS=northwest x",
  'curl -H "Content-Type: application/json" u',
  'curl -u "$U:$P" x',
  "curl -u user x",
  "curl -k https://h",
  "smbclient -U u //h",
  "ldapsearch -W -x",
  "mongod -p x",
  "PASSWORD_FILE=/run/x y",
  "restic --password-file /etc/x b",
  "gpg --passphrase-file /x -c f",
  "mysql --skip-password x",
  "login --no-password now",
  "docker login --password-stdin r",
  "unzip -p a.zip f",
  "wget -P /srv/dl u",
  "pg_dump -U x -w -p 5432",
  "sort --key=2 f",
  "sort -k 2 f",
  "x --use-token=true",
  "cut -d: -k 1",
  "lftp -u user h",
  "mysql -p db",
];

let programs = "";
beforeAll(() => {
  programs = mkdtempSync(path.join(os.tmpdir(), "runner-programs-"));
  // Each says what it was called with, and which variables it has beside the ones of a shell.
  const script = `#!/bin/sh\nprintf '<%s>' "\${0##*/}" "$@"\necho\nenv | grep -v '^_=\\|^PWD=\\|^OLDPWD=\\|^PATH=' | sort\n`;
  const words = telling.flatMap((command) => command.match(/[\w.-]+/g) ?? []);
  for (const name of new Set(words.filter((word) => /^[a-z7][\w-]*$/.test(word) && word !== "sh")))
    writeFileSync(path.join(programs, name), script, { mode: 0o755 });
});
afterAll(() => rmSync(programs, { recursive: true, force: true }));

/** What the programs of a command are given: their words and variables. */
function given(command: string, env: Readonly<Record<string, string>>): string {
  const absolute = command.replaceAll("/usr/bin/", "");
  const done = spawnSync("/bin/sh", ["-c", absolute], {
    env: { PATH: `${programs}:/usr/bin:/bin`, ...env },
    encoding: "utf8",
    cwd: programs,
  });
  return done.stdout;
}

describe("a key whose place says that it is one", () => {
  it.each(telling)("%s", (command) => {
    const { command: made, names, hidden } = withoutSecrets(command, undefined, "JOB");
    expect(made).not.toContain(key);
    expect(hidden.every((one) => one.includes(key))).toBe(true);
    expect(names.length).toBeGreaterThan(0);
    expect(holdsSecret(command)).toBe(true);
    // With the variables set, each program is given what it was given before.
    const values = Object.fromEntries(names.map((name, at) => [name, hidden[at] ?? ""]));
    const before = given(command, Object.fromEntries(names.map((name) => [name, ""])));
    expect(before).toContain(key);
    expect(withoutNames(given(made, values), names)).toBe(withoutNames(before, names));
  });

  it("is replaced by the variable's value, whatever that holds", () => {
    const { command, names } = withoutSecrets(`redis-cli -a ${key} SET 'a b' "c"`, undefined, "JOB");
    expect(given(command, { [names[0] ?? ""]: `${other} $x "'` })).toContain(`<-a><${other} $x "'><SET><a b><c>`);
  });
});

/** The variables that were brought in by the test itself. */
function withoutNames(text: string, names: readonly string[]): string {
  return text
    .split("\n")
    .filter((line) => !names.some((name) => line.startsWith(`${name}=`)) || line.includes("<"))
    .join("\n");
}

describe("what holds no key", () => {
  it.each(plain)("%s", (command) => {
    expect(withoutSecrets(command, undefined, "JOB")).toMatchObject({ command, names: [], hidden: [] });
  });
});

it("takes no longer for a long line than for its length", () => {
  for (const piece of ["curl -u ", "redis-cli -a ", "'", '"sh -c ', "$(", "-p", "a:", "x-", "--a-", "cookie: "]) {
    const began = process.cpuUsage();
    withoutSecrets(piece.repeat(Math.ceil(131_072 / piece.length)).slice(0, 131_072), undefined, "JOB");
    const { user, system } = process.cpuUsage(began);
    expect({ piece, slow: (user + system) / 1_000 > 3_000 }).toEqual({ piece, slow: false });
  }
});
