import type { FullResult, Reporter, Suite, TestCase } from "@playwright/test/reporter";
import { relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** Ends the run with one line per failed test, where whoever sees only the last lines finds it. */
export default class FailureLines implements Reporter {
  private suite: Suite | undefined;

  onBegin(_config: unknown, suite: Suite): void {
    this.suite = suite;
  }

  onEnd(result: FullResult): void {
    if (result.status === "passed") return;
    const failed = this.suite?.allTests().filter((test) => test.outcome() === "unexpected") ?? [];
    for (const test of failed) console.log(line(test));
    console.log(`browser tests: ${result.status}, ${failed.length} failed`);
  }
}

function line(test: TestCase): string {
  const errors = test.results.flatMap((result) => result.errors);
  const text = stripVTControlCharacters(errors[0]?.message ?? "no error was reported");
  const first = text.split("\n").find((part) => part.trim() !== "") ?? "";
  return `FAILED ${relative(".", test.location.file)}:${test.location.line} "${test.title}": ${first.slice(0, 300)}`;
}
