// The rules of Tiny Steps: pure functions. Today's date is always passed in, as YYYY-MM-DD.

const DAY = 24 * 60 * 60 * 1000;
const LONGEST_NAME = 60;

export class HabitError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

export function emptyRecord() {
  return { format: "tiny-steps", version: 1, habits: [] };
}

export function addDays(day, count) {
  return new Date(Date.parse(`${day}T00:00:00Z`) + count * DAY).toISOString().slice(0, 10);
}

function weekday(day) {
  return new Date(`${day}T00:00:00Z`).getUTCDay();
}

export function addHabit(record, name, rest, today) {
  const trimmed = name.trim();
  if (trimmed === "") throw new HabitError("name-empty", "Give the habit a name.");
  if (trimmed.length > LONGEST_NAME) {
    throw new HabitError("name-long", `Use at most ${LONGEST_NAME} characters.`);
  }
  const taken = record.habits.some((habit) => habit.name.toLowerCase() === trimmed.toLowerCase());
  if (taken) throw new HabitError("name-taken", `You already keep ${trimmed}.`);
  const habit = { id: freeId(record, trimmed), name: trimmed, rest: [...rest].sort(), since: today, done: [] };
  return { ...record, habits: [...record.habits, habit] };
}

function freeId(record, name) {
  const base = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "habit";
  const ids = new Set(record.habits.map((habit) => habit.id));
  for (let n = 1; ; n += 1) {
    const id = n === 1 ? base : `${base}-${n}`;
    if (!ids.has(id)) return id;
  }
}

export function removeHabit(record, id) {
  return { ...record, habits: record.habits.filter((habit) => habit.id !== id) };
}

export function toggleDay(record, id, day, today) {
  if (day !== today && day !== addDays(today, -1)) {
    throw new HabitError("day-closed", "Only today and yesterday can be changed.");
  }
  const toggle = (habit) => {
    const others = habit.done.filter((done) => done !== day);
    const done = others.length === habit.done.length ? [...others, day].sort() : others;
    return { ...habit, done };
  };
  return { ...record, habits: record.habits.map((habit) => (habit.id === id ? toggle(habit) : habit)) };
}

function stateOf(habit, done, day, today) {
  if (done.has(day)) return "done";
  if (day < habit.since) return "before";
  if (habit.rest.includes(weekday(day))) return "rest";
  return day === today ? "open" : "missed";
}

// Counts back from today: rest days and an open today neither count nor break.
export function streak(habit, today) {
  const done = new Set(habit.done);
  const earliest = habit.done[0] ?? today;
  let count = 0;
  for (let day = today; day >= earliest; day = addDays(day, -1)) {
    const state = stateOf(habit, done, day, today);
    if (state === "done") count += 1;
    if (state === "missed" || state === "before") break;
  }
  return count;
}

export function strip(habit, today, length) {
  const done = new Set(habit.done);
  return Array.from({ length }, (_, index) => {
    const day = addDays(today, index - length + 1);
    return { day, state: stateOf(habit, done, day, today) };
  });
}
