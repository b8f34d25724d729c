import { expect, test } from "../fixtures.ts";
import { TaskPage, chooseType, open } from "../task.ts";

const KEY = "sk-ant-api03-canary-of-the-journey-wxyz";

test.use({ model: "none" });

test.describe("in a browser", () => {
  // The browser reports the refusal of a field as an error.
  test.use({ allowedComplaints: [/status of 422/] });

  test("a key is given, tried, used by the next agent and removed", async ({ page, request, scriptedModel }) => {
    await page.goto("/");
    await page.getByRole("link", { name: "Give a key in the settings" }).click();
    await expect(page.getByRole("heading", { level: 1 })).toHaveText("Settings");
    await expect(page.getByText("No API key is set.")).toBeVisible();

    const claude = page.getByRole("region", { name: "Claude" });
    await claude.getByLabel("API key").fill(KEY);
    await claude.getByLabel("Address of the API").fill("http://example.com");
    await claude.getByRole("button", { name: "Save" }).click();
    await expect(claude.getByLabel("Address of the API")).toHaveAttribute("aria-invalid", "true");
    await expect(claude.locator("#anthropic_base_url-fault")).toContainText("https");

    await claude.getByLabel("Address of the API").fill(scriptedModel.url);
    await claude.getByRole("button", { name: "Save" }).click();
    await expect(claude.getByRole("status").first()).toHaveText("Saved.");
    await expect(claude).toContainText("The API key is set, it ends in wxyz.");
    await expect(claude.getByLabel("API key")).toHaveValue("");
    await expect(page.locator(".notice", { hasText: "No Claude credentials are set" })).toHaveCount(0);
    expect(await (await request.get("/api/settings")).text()).not.toContain(KEY);
    await page.reload();
    expect(await page.content()).not.toContain(KEY);

    await page.getByRole("button", { name: "Test the credentials" }).click();
    await expect(page.getByText("It works: Claude has answered.")).toBeVisible({ timeout: 40_000 });

    await page.goto("/tasks/new");
    await chooseType(page, "Free prompt");
    await page.getByLabel("Description").fill("Say hello.\n\nscenario: echo");
    await page.getByRole("button", { name: "Create and start" }).click();
    const task = new TaskPage(page);
    await expect(task.status).toHaveText("Completed", { timeout: 60_000 });

    await page.goto("/settings");
    await page.getByRole("button", { name: "Remove the API key" }).click();
    await expect(page.getByText("No API key is set.")).toBeVisible();
  });

  test("what new tasks begin with and how many agents work is set", async ({ page }) => {
    await page.goto("/settings");
    const tasks = page.getByRole("region", { name: "New tasks" });
    await tasks.getByLabel("Strict").check();
    await tasks.getByLabel("Approve every gate by itself").check();
    await tasks.getByRole("button", { name: "Save" }).click();
    await expect(tasks.getByRole("status").first()).toHaveText("Saved.");
    const work = page.getByRole("region", { name: "Agents and reviews" });
    await work.getByLabel("Agents at once").fill("65");
    await work.getByRole("button", { name: "Save" }).click();
    await expect(work.locator("#agents_max-fault")).toHaveText("It must be between 1 and 64.");
    await work.getByLabel("Agents at once").fill("5");
    await work.getByRole("button", { name: "Save" }).click();
    await expect(work.getByRole("status").first()).toHaveText("Saved.");
    await expect(page.locator(".agent-count")).toContainText("of 5");

    await page.goto("/tasks/new");
    await expect(page.getByLabel("Strict")).toBeChecked();
    await expect(page.getByLabel("Approve every gate by itself")).toBeChecked();
  });
});

test.describe("other services and a login folder", () => {
  test.use({ allowedComplaints: [/status of 422/] });

  test("tokens are set and removed, and what is wrong stands beside the field", async ({ page, request }) => {
    await open(page, "/settings");
    const services = page.getByRole("region", { name: "Integrations" });
    await expect(services).toContainText("No GitHub token is set.");
    await services.getByLabel("GitHub token").fill("ghp_canary_of_the_journey_0123_wxyz");
    await services.getByLabel("Slack bot token").fill("xoxp-not-a-bot");
    await services.getByLabel("Slack channel").fill("#deployments");
    await services.getByRole("button", { name: "Save" }).click();
    await expect(services.locator("#slack_bot_token-fault")).toContainText("it begins with xoxb-");
    await expect(services.getByLabel("Slack bot token")).toBeFocused();
    await services.getByLabel("Slack bot token").fill("xoxb-canary-of-the-journey-abcd");
    await services.getByRole("button", { name: "Save" }).click();
    await expect(services).toContainText("The GitHub token is set, it ends in wxyz.");
    await expect(services).toContainText("The Slack token is set, it ends in abcd.");
    await services.getByRole("button", { name: "Remove the GitHub token" }).click();
    await expect(services.getByRole("status").first()).toHaveText("Removed.");
    await expect(services).toContainText("No GitHub token is set.");
    expect(await (await request.get("/api/settings")).text()).not.toContain("canary");
    await page.reload();
    await expect(services.getByLabel("Slack channel")).toHaveValue("#deployments");

    const claude = page.getByRole("region", { name: "Claude" });
    await claude.getByLabel("Login folder").fill("/nonexistent/.claude");
    await claude.getByRole("button", { name: "Save" }).click();
    await expect(claude.locator("#claude_login_folder-fault")).toContainText("there is no /nonexistent/.claude/.credentials.json");
  });
});

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("settings are saved, and come back with what is wrong", async ({ page, scriptedModel }) => {
    await page.goto("/settings");
    const claude = page.getByRole("region", { name: "Claude" });
    await claude.getByLabel("API key").fill(KEY);
    await claude.getByLabel("Address of the API").fill(scriptedModel.url);
    await claude.getByRole("button", { name: "Save" }).click();
    await expect(claude.getByRole("status").first()).toHaveText("Saved.");
    await expect(claude).toContainText("it ends in wxyz");
    expect(page.url()).not.toContain(KEY);

    await claude.getByLabel("API key").fill("two words");
    await claude.getByLabel("Address of the API").fill("nowhere");
    await claude.getByRole("button", { name: "Save" }).click();
    await expect(claude.locator("#anthropic_base_url-fault")).toContainText("must be an address");
    await expect(claude.getByLabel("Address of the API")).toHaveValue("nowhere");
    expect(page.url()).not.toContain("two");

    await page.getByRole("button", { name: "Test the credentials" }).click();
    await expect(page.getByText("It works: Claude has answered.")).toBeVisible({ timeout: 40_000 });
  });
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(`reusable secrets ${javaScriptEnabled ? "with" : "without"} script`, () => {
    // The browser reports the refusal of a field as an error.
    test.use({ javaScriptEnabled, allowedComplaints: [/status of 422/] });

    test("a secret is kept, replaced and deleted, and its value is never shown", async ({ page, request }) => {
      const visit = () => (javaScriptEnabled ? open(page, "/settings") : page.goto("/settings"));
      await visit();
      const secrets = page.getByRole("region", { name: "Reusable secrets" });
      await expect(secrets).toContainText("There are none yet.");
      const add = async (name: string, value: string, kind = "Variable") => {
        await secrets.getByLabel("Name", { exact: true }).fill(name);
        await secrets.getByLabel("Agents get it as").selectOption(kind);
        await secrets.getByLabel("Value", { exact: true }).fill(value);
        await secrets.getByRole("button", { name: "Keep the secret" }).click();
      };
      await add("STRIPE_KEY", "sk-live-canary-of-the-journey-abcd");
      const row = secrets.getByRole("listitem").filter({ hasText: "STRIPE_KEY" });
      await expect(row).toContainText("Variable, ends in abcd, given to no task");
      await expect(secrets.getByLabel("Value", { exact: true })).toHaveValue("");
      await add("account.json", '{\n  "key": 1\n}\n', "File");
      await expect(secrets.getByRole("listitem")).toHaveCount(2);

      await add("STRIPE_KEY", "sk-live-canary-of-another-journey");
      await expect(page.getByText("The name is taken already.").or(page.getByText("It is taken already.")).first()).toBeVisible();
      expect(page.url()).not.toContain("canary");

      await visit();
      await row.locator("summary", { hasText: "Replace" }).click();
      await row.getByLabel("New value of STRIPE_KEY").fill("sk-live-canary-of-the-journey-wxyz");
      await row.getByRole("button", { name: "Replace STRIPE_KEY", exact: true }).click();
      await expect(row).toContainText("ends in wxyz");

      await row.locator("summary", { hasText: "Delete" }).click();
      await expect(row).toContainText("No task was given it.");
      await row.getByRole("button", { name: "Delete STRIPE_KEY for good" }).click();
      await expect(secrets.getByRole("listitem")).toHaveCount(1);
      expect(await page.content()).not.toContain("canary");
      const kept = (await (await request.get("/api/secrets")).json()) as { items: { name: string; kind: string }[] };
      expect(kept.items.map(({ name, kind }) => [name, kind])).toEqual([["account.json", "file"]]);
    });
  });
}
