// What screen readers are told: of few matters each, of many how they stand, every few seconds.

const PAUSE_MS = 5000;

const line = document.getElementById("status");
let timer = 0;
let next = "";

/** Say something now, in place of what was to be said. */
export function say(text) {
  clearTimeout(timer);
  timer = 0;
  line.textContent = text;
}

/** Say something in a while, unless something else is to be said by then. */
export function sayLater(text) {
  next = text;
  timer ||= setTimeout(() => say(next), PAUSE_MS);
}
