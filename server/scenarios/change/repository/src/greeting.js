/** Greets a person by name. */
export function greeting(name) {
  return `Hello, ${name}!`;
}
