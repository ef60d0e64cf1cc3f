/**
 * What every turn is told beside its job's own words. An unattended turn that asks a question waits for ever
 * (anthropics/claude-code#81860), and a prompt that says "each Monday" has made agents schedule themselves a second time
 * (HKUDS/nanobot#1458).
 */
const unattendedNote =
  "You are running unattended, started by a scheduler: nobody reads along and nobody can answer. " +
  "Do the task now, once. Do not ask questions, do not wait for confirmation, and do not schedule anything: the schedule is taken care of. " +
  "If something is missing, do what can be done and say plainly what could not be.";

export function systemPrompt(own: string | undefined): string {
  return own === undefined || own === "" ? unattendedNote : `${unattendedNote}\n\n${own}`;
}
