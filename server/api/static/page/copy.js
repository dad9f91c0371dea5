// Copies text, and says so on the button.

import { say } from "./status.js";
import { t } from "./words.js";

const SHOWN_MS = 2000;

export async function copyFrom(button, text) {
  const before = button.dataset.text ??= button.textContent;
  const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false) || copyAsBefore(text);
  button.textContent = t(isCopied ? "copied" : "press_copy");
  say(button.textContent);
  setTimeout(() => { button.textContent = before; }, SHOWN_MS);
}

/** Where there is no secure context, http on another machine, there is no clipboard; the old command works there. */
function copyAsBefore(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return isCopied;
}
