// Switches what is pushed to this browser: the form `data-push` of the inbox.
"use strict";

(() => {
  const form = document.querySelector("form[data-push]");
  if (!form || form.dataset.push === "live") return;
  form.dataset.push = "live";
  const status = form.querySelector("[role=status]");
  const boxes = () => [...form.querySelectorAll("input[type=checkbox]")];
  const say = (text) => { status.textContent = text; };
  const possible = "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
  if (!possible) {
    say("This browser takes no push messages here. They need HTTPS, or this machine itself.");
    return;
  }

  const bytes = (text) => {
    const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
    return Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  };
  const call = async (method, path, body) => {
    const answer = await fetch(path, {
      method,
      headers: body ? { "content-type": "application/json" } : {},
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    const json = text ? JSON.parse(text) : {};
    if (!answer.ok) throw new Error(json.detail ?? answer.statusText);
    return json;
  };
  const state = async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    const own = await registration?.pushManager.getSubscription();
    const { public_key, subscriptions } = await call("GET", "/api/push");
    return { own, public_key, known: subscriptions.find((each) => each.endpoint === own?.endpoint) };
  };
  const save = async () => {
    const kinds = boxes().filter((box) => box.checked).map((box) => box.value);
    const { own, public_key, known } = await state();
    if (kinds.length === 0) {
      await own?.unsubscribe();
      if (known) await call("DELETE", `/api/push/subscriptions/${known.id}`);
      return "Nothing is pushed to this browser.";
    }
    if ((await Notification.requestPermission()) !== "granted") {
      return "This browser was told not to show notifications: allow them in its settings.";
    }
    await navigator.serviceWorker.register("/worker.js");
    const { pushManager } = await navigator.serviceWorker.ready;
    const options = { userVisibleOnly: true, applicationServerKey: bytes(public_key) };
    // One that was made with another key is of no use.
    if (own && !known) await own.unsubscribe();
    const { endpoint, keys } = (await pushManager.subscribe(options)).toJSON();
    await call("POST", "/api/push/subscriptions", { endpoint, keys, kinds });
    return "Saved for this browser.";
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      say(await save());
    } catch (error) {
      say(`It did not work: ${error.message}`);
    }
    button.disabled = false;
  });
  state().then(({ known }) => {
    for (const box of boxes()) box.checked = known?.kinds.includes(box.value) ?? false;
    form.querySelector("fieldset").disabled = false;
    if (known) say("Pushed to this browser.");
  }, (error) => say(error.message));
})();
