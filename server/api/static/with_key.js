// Shows what this address has for those with a key: the document of the server comes in place of this one.

import { headersOf, listenToKey } from "./page/key.js";
import { t } from "./page/words.js";

const GATED = "img[src^='/models/']";

document.documentElement.classList.add("js");
listenToKey(show);

async function show(key) {
  const headers = headersOf(key);
  const response = await fetch(location.href, { headers: { Accept: "text/html", ...headers } }).catch(() => null);
  if (!response) return t("unreachable");
  if (response.status === 401) return false;
  const text = await response.text();
  if (response.headers.get("Content-Type")?.startsWith("text/html")) replaceBy(text, headers);
  else showPlain(text);
  return true;
}

function showPlain(text) {
  const block = document.createElement("pre");
  block.tabIndex = 0;
  block.textContent = text;
  document.querySelector("main").replaceChildren(block);
}

function replaceBy(text, headers) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const pictures = [...page.querySelectorAll(GATED)].map((image) => [image, image.getAttribute("src")]);
  for (const [image] of pictures) image.removeAttribute("src");
  document.replaceChild(document.adoptNode(page.documentElement), document.documentElement);
  for (const script of document.querySelectorAll("script[src]")) script.replaceWith(runnable(script));
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
  const seen = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter(({ isIntersecting }) => isIntersecting)) {
      seen.unobserve(target);
      load(target, pictures.find(([image]) => image === target)[1], headers);
    }
  }, { rootMargin: "50%" });
  for (const [image] of pictures) seen.observe(image);
}

/** A script that a parser of text has made never runs. */
function runnable(script) {
  const copy = document.createElement("script");
  for (const { name, value } of script.attributes) copy.setAttribute(name, value);
  return copy;
}

async function load(image, url, headers) {
  const response = await fetch(url, { headers }).catch(() => null);
  if (!response?.ok) return;
  image.onload = () => URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(await response.blob());
}
