import { createHash } from "node:crypto";
import { UsageError } from "../../errors.ts";
import type { Job } from "../../job/job.ts";
import { nextSlots } from "../../schedule/slot.ts";
import { cronWords } from "./cron-words.ts";
import type { ExportFormat, ExportInput, ExportNote } from "./format.ts";

const dayMs = 86_400_000;
/** The longest interval between two slots is looked for among so many. */
const slotsLookedAt = 20;

/** Stands for the image until `--image` names one; no registry has it. */
const placeholder = "runner:IMAGE";

/** A CronJob (batch/v1) a job. JSON is YAML, and needs no library; one document a job. */
export const k8s: ExportFormat = {
  name: "k8s",
  summary: "a Kubernetes CronJob a job",
  options: ["image", "secret"],
  write: (input) => {
    const image = text(input, "image") ?? placeholder;
    const secret = text(input, "secret") ?? "runner-keys";
    const notes: ExportNote[] = [];
    const files = input.jobs.flatMap((job) => {
      const words = cronWords(job.schedule, input.zone);
      if (!("expr" in words)) {
        const why = "boot" in words ? "runs at each start of a machine" : words.problem;
        if (job.schedule.kind !== "manual") notes.push({ job: job.name, message: `${why}: left out` });
        return [];
      }
      for (const message of [...words.notes, ...policyNotes(job)]) notes.push({ job: job.name, message });
      const name = resourceName(job);
      const document = cronJob(job, deadlineSeconds(job, input), {
        ...input,
        name,
        image,
        secret,
        expr: words.expr,
        zone: words.zone,
      });
      return [{ path: `${name}.yaml`, text: `# ${job.name}\n${JSON.stringify(document, undefined, 2)}\n` }];
    });
    if (image === placeholder) notes.push({ message: `the image is the placeholder ${placeholder}: name yours with --image` });
    if (files.length > 0)
      notes.push(
        {
          message: `the image must hold the project in /project; its ledger is in the claim "runner-state", which is to be made`,
        },
        { message: "when the clock changes, Kubernetes skips times in the gap, and does not follow Debian's rule" },
      );
    if (input.keys.length > 0) notes.push({ message: `keys are read from the Secret ${secret}: ${input.keys.join(", ")}` });
    return { files, between: "---\n", notes };
  },
};

function text({ options }: ExportInput, key: string): string | undefined {
  const value = options[key];
  if (typeof value !== "string") return undefined;
  if (!/^\S{1,255}$/.test(value)) throw new UsageError(`--${key} ${JSON.stringify(value)} is no name`);
  return value;
}

/** A CronJob's name is a DNS label of at most 52 characters; one that had to be changed ends in a mark of its own. */
function resourceName({ name, id }: Job): string {
  const clean = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  if (clean === name && clean.length <= 52) return clean;
  const mark = createHash("sha256").update(id).digest("hex").slice(0, 6);
  return `${clean.slice(0, 45).replace(/-+$/, "") || "job"}-${mark}`;
}

function policyNotes({ overlap = "skip", catchUp }: Job): string[] {
  const notes: string[] = [];
  if (overlap !== "skip")
    notes.push(
      `overlap "${overlap}" is Forbid there: a slot that finds a run waits until its deadline, and only the last of them`,
    );
  if (catchUp?.policy === "all") notes.push('catchUp "all" cannot be said: there is one run for what passed');
  if (catchUp?.policy === "skip") notes.push('catchUp "skip": a pod that begins more than 90 s after its slot answers none');
  return notes;
}

/** A slot that is at most 90 s late is on time; with catching up, as late as the job allows: by default one interval, and at most a day. */
function deadlineSeconds({ catchUp, schedule }: Job, { zone, now }: ExportInput): number {
  const { policy, maxAgeMs } = catchUp ?? { policy: "latest" };
  if (policy === "skip") return 90;
  const slots = nextSlots(schedule, now, slotsLookedAt, zone).map((at) => at.getTime());
  const longest = Math.max(0, ...slots.slice(1).map((at, index) => at - (slots[index] ?? at)));
  const most = maxAgeMs ?? (policy === "latest" ? Math.min(longest, dayMs) : dayMs);
  return Math.max(90, Math.floor(most / 1_000));
}

interface Made extends ExportInput {
  readonly name: string;
  readonly image: string;
  readonly secret: string;
  readonly expr: string;
  readonly zone: string;
}

function cronJob(job: Job, deadline: number, { name, image, secret, expr, zone, keys }: Made): object {
  const { limits } = job;
  return {
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: {
      name,
      labels: { "app.kubernetes.io/name": "runner" },
      annotations: { "runner/job": job.name, "runner/id": job.id },
    },
    spec: {
      schedule: expr,
      timeZone: zone,
      // Replace would start the new pod while the old one still ends its run, which then is in the new one's way.
      concurrencyPolicy: "Forbid",
      startingDeadlineSeconds: deadline,
      suspend: !job.enabled,
      jobTemplate: {
        spec: {
          // runner tries again itself; another pod would be a second run.
          backoffLimit: 0,
          activeDeadlineSeconds: Math.ceil(limits.runMs / 1_000) + 60,
          template: { spec: podSpec(job, image, secret, keys) },
        },
      },
    },
  };
}

function podSpec({ name }: Job, image: string, secret: string, keys: readonly string[]): object {
  return {
    restartPolicy: "Never",
    containers: [
      {
        name: "runner",
        image,
        // Kubernetes puts variables, and so keys, in the place of `$(NAME)`.
        args: ["run", name.replaceAll("$(", () => "$$("), "--slot", "due", "-C", "/project", "--state-dir", "/state"],
        ...(keys.length === 0
          ? {}
          : { env: keys.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name: secret, key } } })) }),
        volumeMounts: [{ name: "state", mountPath: "/state" }],
      },
    ],
    volumes: [{ name: "state", persistentVolumeClaim: { claimName: "runner-state" } }],
  };
}
