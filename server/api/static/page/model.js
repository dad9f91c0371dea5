// Which model is asked: the choice of it, the classes it knows, and the code that asks the same.

import { copyFrom } from "./copy.js";
import { credentials, headersOf, listenToKey } from "./key.js";
import { say } from "./status.js";
import { t } from "./words.js";

const REPLACED = ["knows", "coverage", "code"];
const WITH_PICKER = ["model-panel", "coverage", "code"];
const LOOK_AGAIN_MS = 2000;

const form = document.getElementById("form");
const choice = document.getElementById("choice");

/** Listen to what is chosen; `retry` is called once the server knows the visitor's key. */
export function listenToModel(retry) {
  document.addEventListener("change", ({ target }) => { if (target.form === choice && target.name) choose(); });
  choice.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("input", ({ target }) => { if (target.id === "search") search(target.value); });
  document.addEventListener("click", (event) => {
    if (event.target.id === "all-classes") showClasses(event);
    if (event.target.id === "copy") copyCode(event.target);
  });
  listenToKey(async (key) => {
    if (!await adopt(location.href, WITH_PICKER, { headers: headersOf(key), isQuiet: true })) return t("unreachable");
    const isKnown = form.dataset.known !== undefined;
    if (isKnown) setTimeout(retry); // when the key is kept
    return isKnown;
  });
  correctAddress();
  waitForModel();
}

/** While the server still loads its models, look again until it has them. */
export async function waitForModel() {
  while (!document.querySelector("#model-panel :is(.model, #model)")) {
    await new Promise((resolve) => { setTimeout(resolve, LOOK_AGAIN_MS); });
    await adopt(location.href, WITH_PICKER, { isQuiet: true });
  }
}

async function showClasses(event) {
  event.preventDefault();
  await adopt(event.target.href, ["knows"]);
  document.getElementById("search")?.focus();
}

function copyCode(button) {
  const shown = [...document.querySelectorAll("#code code")].find((code) => code.checkVisibility?.() ?? code.offsetParent);
  getSelection().selectAllChildren(shown);
  copyFrom(button, shown.textContent);
}

/** Show the page of another choice, without the pictures of this one being lost. */
async function choose() {
  const chosen = [...new FormData(choice)].filter(([, value]) => value);
  const url = new URL(choice.action);
  url.search = new URLSearchParams(chosen);
  await adopt(url, REPLACED);
  history.replaceState(null, "", url);
}

async function adopt(url, ids, { headers = credentials(), isQuiet = false } = {}) {
  const response = await fetch(url, { headers: { Accept: "text/html", ...headers } }).catch(() => null);
  if (!response?.ok) {
    if (!isQuiet) say(t("unreachable"));
    return false;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const language = document.querySelector("[name=language]:checked").value;
  for (const id of ids) document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
  document.querySelector(`[name=language][value=${language}]`).checked = true;
  const fresh = page.getElementById("form");
  form.setAttribute("action", fresh.getAttribute("action"));
  for (const key of Object.keys(form.dataset)) delete form.dataset[key];
  Object.assign(form.dataset, fresh.dataset);
  correctAddress();
  return true;
}

/** Behind a proxy the server may not know by which address visitors reach it; the browser does. */
function correctAddress() {
  for (const code of document.querySelectorAll("#code code")) {
    code.textContent = code.textContent.replace(form.dataset.origin, location.origin);
  }
}

function search(text) {
  const classes = [...document.querySelectorAll("#classes li")];
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const item of classes) {
    const label = item.textContent.toLowerCase();
    item.hidden = !words.every((word) => label.includes(word));
    found += !item.hidden;
  }
  document.getElementById("found").textContent = words.length ? t("found_classes", { found, count: classes.length }) : "";
}
