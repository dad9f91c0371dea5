// The API key, where the server asks for one: in this tab alone, until it is closed.

import { t } from "./words.js";

const STORE = "opsin-key";
const SENDABLE = /^[\x21-\x7e]+$/; // in a header

const form = document.getElementById("credentials");
const field = document.getElementById("key");
const known = document.getElementById("known");
let kept = read();

export function headersOf(key) {
  return SENDABLE.test(key) ? { Authorization: `Bearer ${key}` } : {};
}

/** The headers that say who asks, by the key that is kept, or else the one that stands in the field. */
export function credentials() {
  return headersOf(kept || (field?.value.trim() ?? ""));
}

/** Take a key in; `tried` is given it and tells if the server lets it in, or in words what is in the way of that. */
export function listenToKey(tried) {
  if (!form) return;
  let inHand = ""; // a field that is sent off and then goes away is left, too
  const use = async (key) => {
    if (key === inHand) return;
    inHand = key;
    const outcome = SENDABLE.test(key) && (await tried(key));
    inHand = "";
    if (outcome === true) keep(key);
    else if (outcome === false) askForKey(t("error_invalid_api_key"));
    else showForm(outcome);
  };
  const useField = () => { if (field.value.trim()) use(field.value.trim()); };
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    useField();
  });
  field.addEventListener("blur", useField);
  known.querySelector("button").addEventListener("click", () => {
    write("");
    location.reload(); // without what the key has shown
  });
  if (kept) use(kept);
}

/** Ask for another key; what is wrong with the last one outlasts what was sent after it without any. */
export function askForKey(text, wasSent = true) {
  write("");
  if (wasSent || document.getElementById("key-note")?.className !== "wrong") showForm(text);
}

function keep(key) {
  const hadFocus = form.contains(document.activeElement);
  write(key);
  field.value = "";
  form.hidden = true;
  known.hidden = false;
  if (hadFocus) known.querySelector("button").focus();
}

function showForm(text) {
  if (!form) return;
  form.hidden = false;
  known.hidden = true;
  const note = document.getElementById("key-note");
  note.textContent = text;
  note.className = "wrong";
}

function read() {
  try {
    return sessionStorage.getItem(STORE) ?? "";
  } catch {
    return "";
  }
}

function write(key) {
  kept = key;
  try {
    if (key) sessionStorage.setItem(STORE, key);
    else sessionStorage.removeItem(STORE);
  } catch { /* a browser that lets nothing be stored has it as long as the page is open */ }
}
