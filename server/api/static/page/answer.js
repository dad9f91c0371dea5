// Shows an answer: bars, whether it is one at all, and the labels that hold the right one; or what went wrong.

import { percent, t, troubleOf } from "./words.js";

const REJECT_LABEL = "_none"; // of the class of what belongs to none of the others
const MAX_SET = 12; // labels of a set that are shown

const form = document.getElementById("form");

export function nameOf(label) {
  return label === REJECT_LABEL ? t("none_label") : label;
}

/** Show a prediction in an element with the parts of an answer; gives it in words. */
export function showAnswer(element, prediction) {
  clear(element);
  element.querySelector("ol").replaceChildren(...prediction.top_k.map(makeBar));
  let verdict = "";
  if (prediction.unsure) {
    const line = element.querySelector(prediction.label === REJECT_LABEL ? ".verdict:not(.guess)" : ".verdict.guess");
    line.hidden = false;
    verdict = `${line.textContent.trim()} `;
  }
  if ("accepted" in prediction) {
    const line = element.querySelector(prediction.accepted ? ".accepted.yes" : ".accepted.no");
    line.hidden = false;
    verdict += `${line.textContent} `;
  }
  if (prediction.label_set) showSet(element.querySelector(".set"), prediction);
  return `${verdict}${nameOf(prediction.label)}, ${percent(prediction.probability)}`;
}

/** Show why there is no answer, in the visitor's language where the reason has a code, and in the server's words. */
export function showError(element, error) {
  clear(element);
  const line = element.querySelector(".error"), trouble = element.querySelector(".trouble");
  trouble.textContent = troubleOf(error.code);
  trouble.hidden = !trouble.textContent;
  line.textContent = error.message;
  line.lang = trouble.hidden ? "" : "en";
  line.hidden = false;
}

export function showWait(element, text) {
  const line = element.querySelector(".wait");
  line.textContent = text;
  line.hidden = !text;
}

function clear(element) {
  for (const line of element.querySelectorAll(".wait, .trouble, .error, .verdict, .accepted, .set")) line.hidden = true;
  element.querySelector("ol").replaceChildren();
}

function makeBar({ label, probability }) {
  const row = document.createElement("li");
  row.innerHTML = '<span class="label" dir="auto"></span> <span class="percent"></span>' +
    '<svg class="bar" aria-hidden="true"><rect class="filled" height="100%"/></svg>';
  row.querySelector(".label").textContent = nameOf(label);
  row.querySelector(".percent").textContent = percent(probability);
  row.querySelector("rect").setAttribute("width", `${100 * probability}%`);
  return row;
}

function showSet(element, { label_set: labels, unsure }) {
  const coverage = Number(new URL(form.action).searchParams.get("coverage"));
  const title = document.createElement("p"), list = document.createElement("ul");
  title.textContent = t(unsure ? "set_title_unsure" : "set_title", { percent: t("percent", { value: Number((100 * coverage).toPrecision(6)) }) });
  list.className = "chips";
  const texts = labels.slice(0, MAX_SET).map(({ label }) => nameOf(label));
  if (labels.length > MAX_SET) texts.push(t("set_more", { count: labels.length - MAX_SET }));
  list.append(...(labels.length === Number(form.dataset.numLabels) ? [t("set_all", { count: labels.length })] : texts).map(makeChip));
  element.replaceChildren(title, list);
  element.hidden = false;
}

function makeChip(text) {
  const chip = document.createElement("li");
  chip.dir = "auto";
  chip.textContent = text;
  return chip;
}
