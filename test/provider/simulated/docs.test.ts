import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { simulatedFaults } from "../../../src/provider/script.ts";
import type { SimulatedFault } from "../../../src/provider/script.ts";

const page = readFileSync(new URL("../../../docs/simulate.md", import.meta.url), "utf8");

function cellsOf({ name, group, description, streamedOnly }: SimulatedFault): string[] {
  return [`\`${name}\``, `\`${group}\``, streamedOnly ? "streams" : "both", description];
}

test("the table of faults in docs/simulate.md is the catalogue, in its order", () => {
  const table = page.slice(page.indexOf("<!-- faults -->"), page.indexOf("<!-- /faults -->"));
  const rows = table.split("\n").filter((line) => line.startsWith("|"));
  const cells = rows.map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
  expect(cells[0]).toEqual(["Fault", "Group", "Hits", "What comes"]);
  expect(cells.slice(2)).toEqual(simulatedFaults.map((fault) => cellsOf(fault)));
});

test("docs/simulate.md says how many there are and names every group", () => {
  const groups = [...new Set(simulatedFaults.map(({ group }) => group))];
  expect(page).toContain(`${simulatedFaults.length} faults in ${groups.length} groups`);
  expect(groups.filter((group) => !page.includes(`\`${group}\``))).toEqual([]);
});
