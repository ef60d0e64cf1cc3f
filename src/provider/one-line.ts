/**
 * Foreign words on one line: without line breaks and other control characters, without what turns the direction of writing, and never
 * longer than the limit. Providers' codes and messages end up in the ledger, in logs and on terminals.
 */
export function oneLine(text: string, longest: number): string {
  // What is cut off would not be seen; white space and controls in front of it may shrink, so a little more is looked at.
  return text
    .slice(0, longest * 4)
    .replaceAll(/[\s\p{Cc}\p{Zl}\p{Zp}\u200B\u202A-\u202E\u2066-\u2069\uFEFF]+/gu, " ")
    .trim()
    .slice(0, longest);
}
