import { readFileSync } from "node:fs";

/** The lines of a list that are not done yet. */
export function open(list) {
  return list.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("x "));
}

if (import.meta.filename === process.argv[1]) {
  const words = process.argv.slice(2);
  const isTrial = words[0] === "--dry-run";
  const file = isTrial ? words[1] : words[0];
  const due = open(readFileSync(file, "utf8"));
  console.log(isTrial ? `would remind of ${due.length} tasks` : due.join("\n"));
}
