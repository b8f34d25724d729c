import { expect, test } from "../fixtures.ts";
import { chooseType, describeTask } from "../task.ts";

// The browser reports the refusal of a form as an error.
test.use({ allowedComplaints: [/status of 422/] });

const TOO_LONG = "t".repeat(1000);

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with script" : "without script", () => {
    test.use({ javaScriptEnabled });

    test("what is wrong with a new task stands beside the field and nothing typed is lost", async ({ page }) => {
      await page.goto("/tasks/new");
      await chooseType(page, "Free prompt");
      await page.getByRole("button", { name: "Create draft" }).click();
      await expect(page.locator("#description-fault")).toContainText("must not be empty");
      await expect(page.getByLabel("Description")).toHaveAttribute("aria-invalid", "true");
      await expect(page.getByRole("radio", { name: "Free prompt" })).toBeChecked();

      await describeTask(page, "Free prompt", "A description that stays.");
      await page.getByLabel("Title").evaluate((input) => input.removeAttribute("maxlength"));
      await page.getByLabel("Title").fill(TOO_LONG);
      await page.getByRole("button", { name: "Create draft" }).click();
      await expect(page.locator("#title-fault")).toContainText("at most 200 characters");
      await expect(page.getByLabel("Title")).toHaveValue(TOO_LONG);
      await expect(page.getByLabel("Description")).toHaveValue("A description that stays.");

      await page.getByLabel("Title").fill("A draft");
      await page.getByRole("button", { name: "Create draft" }).click();
      await expect(page).toHaveURL(/\/tasks\/[0-9a-f-]{36}$/);
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("A draft");
      await expect(page.locator(".task-head .pill")).toHaveText("Draft");
    });
  });
}
