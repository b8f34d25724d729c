// Where the record lives: one JSON document in the browser, or a file that the user exports.

import { HabitError, emptyRecord } from "./habits.js";

const KEY = "tiny-steps";
const DATE = /^\d{4}-\d{2}-\d{2}$/;

export function load(storage) {
  const text = storage.getItem(KEY);
  if (text === null) return { record: emptyRecord(), damaged: false };
  try {
    return { record: importText(text), damaged: false };
  } catch {
    // Keep what can't be read, so that nothing is overwritten in silence.
    storage.setItem(`${KEY}-damaged`, text);
    return { record: emptyRecord(), damaged: true };
  }
}

export function save(storage, record) {
  try {
    storage.setItem(KEY, JSON.stringify(record));
    return true;
  } catch {
    return false;
  }
}

export function exportText(record) {
  return `${JSON.stringify(record, null, 2)}\n`;
}

export function importText(text) {
  let record;
  try {
    record = JSON.parse(text);
  } catch {
    throw notARecord();
  }
  const isRecord = record?.format === "tiny-steps" && record.version === 1 && Array.isArray(record.habits);
  if (!isRecord || !record.habits.every(isHabit)) throw notARecord();
  return record;
}

function isHabit(habit) {
  return (
    typeof habit?.id === "string" &&
    typeof habit.name === "string" &&
    DATE.test(habit.since) &&
    Array.isArray(habit.rest) &&
    habit.rest.every((day) => Number.isInteger(day) && day >= 0 && day <= 6) &&
    Array.isArray(habit.done) &&
    habit.done.every((day) => DATE.test(day))
  );
}

function notARecord() {
  return new HabitError("not-a-record", "This file isn't a record of Tiny Steps.");
}
