// Which model is asked: the choice of it, the classes it knows, and the code that asks the same.

import { copyFrom } from "./copy.js";
import { t } from "./words.js";

const REPLACED = ["knows", "coverage", "code"];

const form = document.getElementById("form");
const choice = document.getElementById("choice");

export function listenToModel() {
  document.addEventListener("change", ({ target }) => { if (target.form === choice && target.name) choose(); });
  choice.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("credentials")?.addEventListener("submit", (event) => event.preventDefault()); // by Enter
  document.getElementById("knows").addEventListener("input", ({ target }) => search(target.value));
  document.getElementById("knows").addEventListener("click", async (event) => {
    if (event.target.id !== "all-classes") return;
    event.preventDefault();
    await adopt(event.target.href, ["knows"]);
    document.getElementById("search")?.focus();
  });
  document.getElementById("code").addEventListener("click", ({ target }) => {
    if (target.id !== "copy") return;
    const shown = [...document.querySelectorAll("#code code")].find((code) => code.checkVisibility?.() ?? code.offsetParent);
    getSelection().selectAllChildren(shown);
    copyFrom(target, shown.textContent);
  });
}

/** Show the page of another choice, without the pictures of this one being lost. */
async function choose() {
  const chosen = [...new FormData(choice)].filter(([, value]) => value);
  const url = new URL(choice.action);
  url.search = new URLSearchParams(chosen);
  await adopt(url, REPLACED);
  history.replaceState(null, "", url);
}

async function adopt(url, ids) {
  const response = await fetch(url, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok) {
    document.getElementById("status").textContent = t("unreachable");
    return;
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const language = document.querySelector("[name=language]:checked").value;
  for (const id of ids) document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
  document.querySelector(`[name=language][value=${language}]`).checked = true;
  const fresh = page.getElementById("form");
  form.setAttribute("action", fresh.getAttribute("action"));
  Object.assign(form.dataset, fresh.dataset);
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
