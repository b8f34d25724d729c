import type { CDPSession, Page } from "@playwright/test";
import { expect, test } from "../fixtures.ts";
import { taskWithLog } from "../log.ts";
import { TaskPage, hydrated, settled } from "../task.ts";

const LINES = 200_000;
const MOST_NODES = 3000;
const MOST_MEMORY = 60 * 1024 * 1024;

/** What the page weighs at its heaviest moment so far. */
class Scale {
  nodes = 0;
  memory = 0;

  private constructor(
    private readonly page: Page,
    private readonly session: CDPSession,
  ) {}

  /** Before the page is opened: the module's memory is kept from when it comes to be. */
  static async of(page: Page): Promise<Scale> {
    await page.addInitScript(() => {
      const instantiate = WebAssembly.instantiateStreaming;
      WebAssembly.instantiateStreaming = async (source, imports) => {
        const made = await instantiate(source, imports);
        // The modules of pages use the main one's.
        const memory = made.instance.exports["memory"];
        if (memory instanceof WebAssembly.Memory) Object.assign(window, { moduleMemory: memory });
        return made;
      };
    });
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    await session.send("HeapProfiler.enable");
    return new Scale(page, session);
  }

  /** Elements, texts and comments that are in the document right now. */
  async weighNodes(): Promise<void> {
    const count = await this.page.evaluate(() => {
      const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL);
      let nodes = 1;
      while (walker.nextNode()) nodes += 1;
      return nodes;
    });
    this.nodes = Math.max(this.nodes, count);
  }

  /** JavaScript's heap and the module's memory, after what nobody holds is gone. */
  async weighMemory(): Promise<void> {
    await this.session.send("HeapProfiler.collectGarbage");
    const { metrics } = await this.session.send("Performance.getMetrics");
    const heap = metrics.find((metric) => metric.name === "JSHeapUsedSize")?.value ?? Number.NaN;
    const module = await this.session.send("Runtime.evaluate", {
      expression: "moduleMemory.buffer.byteLength",
      returnByValue: true,
    });
    const bytes = Number(module.result.value);
    expect(bytes, "the module's memory was found").toBeGreaterThan(0);
    this.memory = Math.max(this.memory, heap + bytes);
  }
}

/** The numbers of the rows inside the panel's visible part; empty if it is blank. */
async function visibleLines(task: TaskPage): Promise<number[]> {
  return task.log.evaluate((panel) => {
    const view = panel.getBoundingClientRect();
    const rows = [...panel.querySelectorAll(".log-row")].filter((row) => {
      const box = row.getBoundingClientRect();
      return box.bottom > view.top && box.top < view.bottom;
    });
    return rows.map((row) => Number(row.id.slice(1)));
  });
}

/** Waits until rows cover the visible part from its top to its bottom. */
async function expectNoBlank(task: TaskPage): Promise<void> {
  await expect
    .poll(
      () =>
        task.log.evaluate((panel) => {
          const view = panel.getBoundingClientRect();
          const rows = [...panel.querySelectorAll(".log-row")].map((row) => row.getBoundingClientRect());
          const covered = rows
            .filter((box) => box.bottom > view.top && box.top < view.bottom)
            .reduce((sum, box) => sum + Math.min(box.bottom, view.bottom) - Math.max(box.top, view.top), 0);
          return covered / view.height;
        }),
      { message: "the share of the panel that rows cover" },
    )
    .toBeGreaterThan(0.7);
}

// A search that the server refuses is a part of this.
test.use({ allowedComplaints: [/status of 503/] });

test("a log of 200,000 lines is read like a short one", async ({ page, request, server }, testInfo) => {
  test.setTimeout(240_000);
  const id = await taskWithLog(request, server, "A long log", LINES);

  const scale = await Scale.of(page);
  await page.goto(`/tasks/${id}`);
  await hydrated(page);
  const task = new TaskPage(page);
  const look = async (): Promise<void> => {
    await scale.weighNodes();
    await expectNoBlank(task);
    await scale.weighNodes();
  };

  await test.step("the page opens at the end and follows", async () => {
    await expect(page.getByRole("button", { name: "At the end" })).toBeVisible();
    await look();
    await expect.poll(async () => Math.max(...(await visibleLines(task)))).toBeGreaterThan(LINES);
    await scale.weighMemory();
  });

  await test.step("the wheel moves through it line by line", async () => {
    await task.log.hover();
    let top = Math.min(...(await visibleLines(task)));
    for (let turn = 0; turn < 12; turn += 1) {
      await page.mouse.wheel(0, -600);
      await settled(page);
      await look();
      const now = Math.min(...(await visibleLines(task)));
      expect(now, "the first visible line").toBeLessThanOrEqual(top);
      expect(top - now, "lines skipped by a turn of the wheel").toBeLessThan(100);
      top = now;
    }
  });

  await test.step("the scroll bar reaches any part of it", async () => {
    for (const share of [0.9, 0.75, 0.5, 0.33, 0.1, 0.6, 0.2, 0.8]) {
      await task.log.evaluate((panel, share) => panel.scrollTo(0, panel.scrollHeight * share), share);
      await settled(page);
      await look();
      const middle = (await visibleLines(task))[0] ?? 0;
      expect(Math.abs(middle / LINES - share), `where ${share} of the way leads`).toBeLessThan(0.1);
    }
    await scale.weighMemory();
  });

  await test.step("Home, End and an address lead to lines", async () => {
    await task.log.focus();
    await page.keyboard.press("Home");
    await expect(page.locator("#L1")).toBeInViewport();
    await look();
    await page.keyboard.press("End");
    await look();
    await expect.poll(async () => Math.max(...(await visibleLines(task)))).toBeGreaterThan(LINES);
    await page.evaluate(() => (location.hash = "#L123456"));
    await expect(page.locator("#L123456")).toBeInViewport();
    await look();
  });

  await test.step("the search finds lines far away", async () => {
    const search = page.getByRole("searchbox", { name: "Search the log" });
    await search.fill("line 54321.");
    await search.press("Enter");
    await expect(page.locator(".log-row[data-current]")).toContainText("This is line 54321.");
    await expect(page.locator(".log-row[data-current]")).toBeInViewport();
    await look();
    // What is found last is shown first, and the matches before it page by page.
    await search.fill("this is line 1999");
    await search.press("Enter");
    await expect(page.locator(".log-row[data-current]")).toContainText("This is line 199996.");
    await expect(page.locator(".log-search-place")).toHaveText(/^(\d+) of \1\+$/);
    await page.getByRole("button", { name: "Previous match" }).click();
    await expect(page.locator(".log-row[data-current]")).toContainText("This is line 199995.");
    await search.fill("nobody has said this");
    await search.press("Enter");
    await expect(page.locator(".log-search-place")).toHaveText("No match");
    await search.fill("x".repeat(300));
    await expect(search).toHaveValue("x".repeat(200));
    await page.route("**/logs/matches?*", (route) => route.fulfill({ status: 503, json: {} }));
    await search.press("Enter");
    await expect(page.locator(".log-search-place")).toHaveText("Search failed");
    await page.unroute("**/logs/matches?*");
    await search.fill("");
  });

  await test.step("a filter asks for its lines alone", async () => {
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/logs")) asked.push(request.url());
    });
    await page.getByRole("button", { name: "Errors" }).click();
    // A debug build looks through 200,000 lines for some seconds.
    await expect(task.log.locator(".log-error").last()).toContainText("Error 190005", { timeout: 40_000 });
    await expect(task.log.locator(".log-error")).toHaveCount(20);
    await scale.weighNodes();
    await page.getByRole("button", { name: "Tools" }).click();
    await expect.poll(async () => (await visibleLines(task)).length).toBeGreaterThan(5);
    await expect(task.log.locator(".log-row:not([data-kind^=tool_]):not([data-kind=turn])")).toHaveCount(0);
    const newest = Math.max(...(await visibleLines(task)));
    await task.log.evaluate((panel) => panel.scrollTo(0, 0));
    await settled(page);
    await look();
    await page.getByRole("button", { name: "Show earlier lines" }).click();
    await expect.poll(async () => Math.max(...(await visibleLines(task)))).toBeLessThan(newest);
    await look();
    expect(asked.length, "requests for two filters").toBeLessThan(40);
    await scale.weighMemory();

    // Without the filter the same line is where it was.
    const first = (await visibleLines(task))[0];
    await page.getByRole("button", { name: "Everything" }).click();
    await expect.poll(async () => (await visibleLines(task))[0]).toBe(first);
    await look();
  });

  await test.step("following brings new lines into view", async () => {
    await page.getByRole("button", { name: "To the end" }).click();
    await expect(page.getByRole("button", { name: "At the end" })).toBeVisible();
    const before = await task.newestLine();
    await page.getByRole("textbox", { name: "Message to the agent" }).fill("And once more.");
    await page.getByRole("button", { name: "Send" }).click();
    await expect.poll(() => task.newestLine(), { timeout: 60_000 }).toBeGreaterThan(before + 1);
    await expect(task.log.getByText("You wrote: And once more.")).toBeInViewport();
    await look();
    await scale.weighMemory();
  });

  const weight = `${scale.nodes} nodes, ${(scale.memory / 1024 / 1024).toFixed(1)} MiB`;
  testInfo.annotations.push({ type: "at most", description: weight });
  expect(scale.nodes, "nodes in the document").toBeLessThan(MOST_NODES);
  expect(scale.memory, "bytes of JavaScript and the module").toBeLessThan(MOST_MEMORY);
});
