// The cards, the newest on top, and what can be done with all of them.

import { Card } from "./card.js";
import { toCSV } from "./csv.js";
import { empty, enqueue } from "./queue.js";
import { say, sayLater } from "./status.js";
import { lookAgain } from "./upload.js";
import { counted, t } from "./words.js";

const results = document.getElementById("results");
const toolbar = document.getElementById("toolbar");
const MAX_TOLD_EACH = 3; // pictures at once of which each answer is read aloud
const KEY_TROUBLES = ["missing_api_key", "invalid_api_key"];
let cards = [];
let isMany = false; // since they were more, and not all are done

/** Show pictures, each {file, name}, as cards, and ask for their answers; `numLeftOut` files beside them were none. */
export function accept(pictures, numLeftOut = 0) {
  const leftOut = numLeftOut ? counted("left_out", numLeftOut) : pictures.length ? "" : t("nothing_found");
  if (leftOut) say(document.getElementById("left-out").textContent = leftOut);
  document.getElementById("left-out").hidden = !leftOut;
  if (!pictures.length) return;
  document.querySelector(".refusal[role=alert]:not([id])")?.remove();
  if (cards.every((card) => card.isDone)) lookAgain();
  const added = pictures.map((picture) => new Card(picture, { enqueue, changed, tell }));
  cards = [...added, ...cards];
  results.prepend(...added.map((card) => card.element));
  const text = counted("classifying", pictures.length, { name: pictures[0].name });
  say(`${text} ${leftOut}`.trim());
  begin(added, (card) => card.start());
  added[0].element.scrollIntoView({ block: "nearest" });
}

export function listenToToolbar() {
  document.getElementById("csv").addEventListener("click", download);
  document.getElementById("clear").addEventListener("click", clear);
  document.getElementById("retry-failed").addEventListener("click", () => {
    retry(failed());
    document.getElementById("csv").focus(); // the button that had the focus is hidden
  });
}

/** While answers are on their way the browser asks before it leaves; only then, as else it could not come back to them. */
function stay(event) {
  event.preventDefault();
}

/** Ask again for what was refused for want of a key. */
export function retryWithKey() {
  retry(failed().filter((card) => KEY_TROUBLES.includes(card.error.code)));
}

function retry(some) {
  lookAgain();
  begin(some, (card) => card.retry());
}

function begin(some, start) {
  for (const card of some) start(card);
  isMany ||= numBusy() > MAX_TOLD_EACH;
  showSummary();
}

function failed() {
  return cards.filter((card) => card.error?.mayRetry);
}

function numBusy() {
  return cards.filter((card) => !card.isDone).length;
}

function tell(text) {
  (isMany ? sayLater : say)(text);
}

/** A picture is answered, or has failed, in words; of many, screen readers hear how far they are. */
function changed(text) {
  showSummary();
  if (!isMany) return say(text);
  isMany = numBusy() > 0;
  tell(document.getElementById("summary").textContent);
}

function showSummary() {
  const numFailed = cards.filter((card) => card.error).length;
  const values = { done: cards.filter((card) => card.answer).length, count: cards.length, failed: numFailed };
  document.getElementById("summary").textContent = t(numFailed ? "summary_failed" : "summary", values);
  document.getElementById("retry-failed").hidden = failed().length < 2;
  toolbar.hidden = !cards.length;
  (numBusy() ? addEventListener : removeEventListener)("beforeunload", stay);
}

function download() {
  const done = cards.filter((card) => card.answer || card.error);
  // The mark at the begin tells spreadsheets that it is UTF-8.
  const url = URL.createObjectURL(new Blob(["\ufeff", toCSV(done)], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "answers.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

function clear() {
  empty();
  for (const card of cards) card.abort.abort();
  cards = [];
  results.replaceChildren();
  document.getElementById("left-out").hidden = true;
  showSummary();
  document.getElementById("image").focus(); // the button that had the focus is hidden
}
