// Renders the page and turns events into rules. After every change: save, then render.

import { HabitError, addDays, addHabit, removeHabit, streak, strip, toggleDay } from "./habits.js";
import { exportText, importText, load, save } from "./storage.js";

const WEEKDAYS = ["Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"];
const list = document.querySelector("#habits");
const problem = document.querySelector("#problem");
const rest = new Set();
let { record, damaged } = load(localStorage);

function today() {
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 10);
}

function element(tag, properties = {}, children = []) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function toggleButton(text, pressed, onclick) {
  const button = element("button", { type: "button", textContent: text, onclick });
  button.setAttribute("aria-pressed", String(pressed));
  return button;
}

function change(rule) {
  try {
    record = rule(record);
    problem.textContent = save(localStorage, record)
      ? ""
      : "Your browser doesn't let this page remember. Export before you close it.";
  } catch (error) {
    if (!(error instanceof HabitError)) throw error;
    problem.textContent = error.message;
    return false;
  }
  render();
  return true;
}

function card(habit) {
  const now = today();
  const days = streak(habit, now);
  const marks = strip(habit, now, 14).map(({ day, state }) =>
    element("li", { className: state, title: `${day}: ${state}` }, [element("span", { textContent: state })]),
  );
  const day = (label, date) =>
    toggleButton(label, habit.done.includes(date), () => change((r) => toggleDay(r, habit.id, date, now)));
  const remove = () => {
    if (confirm(`Remove ${habit.name} and its ${habit.done.length} days?`)) {
      change((r) => removeHabit(r, habit.id));
    }
  };
  return element("article", {}, [
    element("h2", { textContent: habit.name }),
    element("p", { className: "streak", textContent: days === 0 ? "start today" : `${days} days` }),
    element("ol", { className: "strip" }, marks),
    element("div", { className: "days" }, [day("Yesterday", addDays(now, -1)), day("Today", now)]),
    element("button", { type: "button", className: "quiet", textContent: "Remove", onclick: remove }),
  ]);
}

function render() {
  const empty = element("p", { textContent: "Nothing here yet. Start with one small thing." });
  list.replaceChildren(...(record.habits.length ? record.habits.map(card) : [empty]));
}

function renderRestDays() {
  const buttons = WEEKDAYS.map((label, day) =>
    toggleButton(label, rest.has(day), () => {
      if (!rest.delete(day)) rest.add(day);
      renderRestDays();
    }),
  );
  document.querySelector("#rest").replaceChildren(...buttons);
}

document.querySelector("#add").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = event.target.elements.name;
  if (change((r) => addHabit(r, name.value, rest, today()))) {
    name.value = "";
    rest.clear();
    renderRestDays();
  }
});

document.querySelector("#export").addEventListener("click", () => {
  const file = new Blob([exportText(record)], { type: "application/json" });
  const link = element("a", { href: URL.createObjectURL(file), download: `tiny-steps-${today()}.json` });
  link.click();
  URL.revokeObjectURL(link.href);
});

document.querySelector("#import").addEventListener("change", async (event) => {
  const [file] = event.target.files;
  if (!file) return;
  const text = await file.text();
  change(() => importText(text));
  event.target.value = "";
});

if (damaged) problem.textContent = "The stored record couldn't be read. A copy was kept.";
renderRestDays();
render();
