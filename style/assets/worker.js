// Shows what the server pushes while no page is open, and leads to its place.
"use strict";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data.json();
  } catch {
    // Browsers want something to be shown for every message.
  }
  const { title = "Claude Code Server", body = "", url = "/inbox", tag } = told;
  event.waitUntil(self.registration.showNotification(title, { body, tag, icon: "/favicon.svg", data: { url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url, self.location.origin);
  if (url.origin !== self.location.origin) return;
  const show = async () => {
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const open = pages.find((page) => page.url === url.href);
    return open ? open.focus() : self.clients.openWindow(url.href);
  };
  event.waitUntil(show());
});
