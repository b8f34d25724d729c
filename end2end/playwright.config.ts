import { defineConfig, devices } from "@playwright/test";

// The browser is the system's (scripts/browser.sh finds it): nothing is downloaded by Playwright.
const executablePath = process.env["CCS_TEST_CHROMIUM"];
if (!executablePath) {
  throw new Error("CCS_TEST_CHROMIUM is not set: run the browser tests with `scripts/test.sh browser`");
}

export default defineConfig({
  testDir: "tests",
  // Every test has a server, a database and agents of its own. They wait more than they work: two cores
  // carry two files at a time.
  workers: 2,
  // A test that passes the second time has found a race: it stays red.
  retries: 0,
  timeout: 120_000,
  expect: { timeout: 10_000 },
  forbidOnly: Boolean(process.env["CI"]),
  reporter: [["list"], ["./reporter.ts"]],
  use: {
    ...devices["Desktop Chrome"],
    // Pictures of every step would cost as much as the pages themselves.
    trace: { mode: "retain-on-failure", screenshots: false },
    // What moves on a page is painted without pause, by the processor.
    contextOptions: { reducedMotion: "reduce" },
    screenshot: "only-on-failure",
    actionTimeout: 10_000,
    navigationTimeout: 30_000,
    launchOptions: {
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
