import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

import { expect, test } from "../fixtures.ts";
import { TaskPage, chooseType } from "../task.ts";

interface Message {
  headers: IncomingHttpHeaders;
  body: string;
}

/** A receiver of webhooks that keeps what it gets, and answers what it is told to. */
class Receiver implements AsyncDisposable {
  readonly messages: Message[] = [];
  status = 204;
  private readonly server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8");
    request.on("data", (part: string) => (body += part));
    request.on("end", () => {
      this.messages.push({ headers: request.headers, body });
      response.writeHead(this.status).end();
    });
  });

  static async start(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((ready) => receiver.server.listen(0, "127.0.0.1", ready));
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/hook`;
  }

  types(): string[] {
    return this.messages.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }
}

function signature({ headers, body }: Message, secret: string): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`;
  return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

test.describe("in a browser", () => {
  // The browser reports the refusal of a field as an error.
  test.use({ allowedComplaints: [/status of 422/] });

  test("a webhook is added, tried, told what it wants to hear, and removed", async ({ page }) => {
    await using receiver = await Receiver.start();
    await page.goto("/settings");
    const section = page.getByRole("region", { name: "Notifications" });
    await expect(section).toContainText("They are told in the inbox, and nowhere else.");
    await section.getByLabel("URL or channel").fill("#ops");
    await section.getByLabel("To", { exact: true }).selectOption("Slack");
    await section.getByRole("button", { name: "Add" }).click();
    await expect(section.locator("#target_channel-fault")).toContainText("needs the token of a Slack bot");

    await section.getByLabel("To", { exact: true }).selectOption("Webhook");
    await section.getByLabel("URL or channel").fill(receiver.url);
    await section.getByRole("button", { name: "Add" }).click();
    const row = section.getByRole("listitem");
    await expect(row).toContainText(receiver.url);
    await expect(row).toContainText("gets everything");
    await expect(section.getByLabel("URL or channel")).toHaveValue("");

    receiver.status = 500;
    await row.getByRole("button", { name: "Send a test to" }).click();
    await expect(section.getByRole("status")).toContainText("The test was not delivered: it answered with the status 500");
    receiver.status = 204;
    await row.getByRole("button", { name: "Send a test to" }).click();
    await expect(section.getByRole("status")).toContainText("The test was delivered.");

    await row.getByRole("button", { name: "Show the signing secret" }).click();
    const secret = await section.locator(".target-secret code").innerText();
    const tried = receiver.messages.at(-1) as Message;
    expect(tried.headers["webhook-signature"]).toBe(signature(tried, secret));

    await row.getByText("Choose").click();
    await row.getByLabel("Completed tasks").uncheck();
    await row.getByRole("button", { name: "Save" }).click();
    await expect(row).toContainText("gets 10 of 11 kinds");
    receiver.messages.length = 0;
    await runEcho(page);
    await page.goto("/settings");
    await row.getByText("Choose").click();
    await expect(row.getByLabel("Completed tasks")).not.toBeChecked();
    await row.getByLabel("Completed tasks").check();
    await row.getByRole("button", { name: "Save" }).click();
    await expect(row).toContainText("gets everything");
    await runEcho(page);
    await expect.poll(() => receiver.types()).toEqual(["notification.completed"]);
    const { data } = JSON.parse(receiver.messages[0]?.body ?? "") as { data: { url: string } };
    expect(data.url).toBe(page.url());

    await page.goto("/settings");
    await row.getByText("Remove", { exact: true }).click();
    await row.getByRole("button", { name: "for good" }).click();
    await expect(section).toContainText("They are told in the inbox, and nowhere else.");
  });
});

async function runEcho(page: import("@playwright/test").Page): Promise<void> {
  await page.goto("/tasks/new");
  await chooseType(page, "Free prompt");
  await page.getByLabel("Description").fill("Say hello.\n\nscenario: echo");
  await page.getByRole("button", { name: "Create and start" }).click();
  await expect(new TaskPage(page).status).toHaveText("Completed", { timeout: 60_000 });
}

test.describe("without script", () => {
  test.use({ javaScriptEnabled: false });

  test("a webhook is added, tried and removed", async ({ page }) => {
    await using receiver = await Receiver.start();
    await page.goto("/settings");
    const section = page.getByRole("region", { name: "Notifications" });
    await section.getByLabel("URL or channel").fill(receiver.url);
    await section.getByRole("button", { name: "Add" }).click();
    const row = section.getByRole("listitem");
    await row.getByRole("button", { name: "Send a test to" }).click();
    await expect(section).toContainText("The test was delivered.");
    expect(receiver.types()).toEqual(["notification.test"]);
    await row.getByRole("button", { name: "Show the signing secret" }).click();
    await expect(page.locator("body")).toContainText("whsec_");
    await page.goto("/settings");
    await row.getByText("Remove", { exact: true }).click();
    await row.getByRole("button", { name: "for good" }).click();
    await expect(section.getByRole("listitem")).toHaveCount(0);
  });
});
