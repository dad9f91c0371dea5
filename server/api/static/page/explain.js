// Why an answer is as it is: where in the picture a class was seen, and which pictures of the training are most like it.

import { nameOf } from "./answer.js";
import { ask } from "./upload.js";
import { t } from "./words.js";

const MAX_SIDE_PX = 640; // of the map as it is drawn
const NUM_SIMILAR = 4;

/** Listen to the button of a card, and to the choice of the class. */
export function listenToWhy(card) {
  const button = card.find(".why"), because = card.find(".because"), select = because.querySelector("select");
  button.addEventListener("click", () => {
    const isShown = because.hidden;
    because.hidden = !isShown;
    button.setAttribute("aria-expanded", String(isShown));
    select.replaceChildren(...card.answer.prediction.top_k.map(({ label }) => new Option(nameOf(label), label)));
    showReason(card, isShown);
  });
  select.addEventListener("change", () => showReason(card, true));
}

async function showReason(card, isWanted) {
  const because = card.find(".because"), select = because.querySelector("select"), line = because.querySelector("p");
  card.find(".heat")?.remove();
  line.textContent = isWanted ? t("why_wait") : "";
  if (!isWanted) return;
  const label = select.value;
  const { model, version } = card.answer;
  try {
    const similarly = card.licence === undefined ? {} : { similar: NUM_SIMILAR };
    const parameters = { model, version, explain: select.selectedIndex ? label : "true", ...similarly };
    const { prediction: { explanation, similar = [] } } = await ask(card.sent, card.name, { parameters, note: (text) => { line.textContent = text; } });
    const heat = await drawn(explanation);
    if (select.value !== label || because.hidden) return; // another was chosen meanwhile
    card.find(".heat")?.remove();
    card.find(".picture").append(heat);
    line.textContent = t("why_shown", { label: nameOf(explanation.label) });
    showSimilar(because.querySelector(".alike"), similar, card.licence);
  } catch (error) {
    line.textContent = error.words ?? error.message;
  }
}

/** Draw a heat map in the shape of the picture, so that it lies over it whatever its size. */
async function drawn({ heat_map, picture }) {
  const bitmap = await createImageBitmap(blobOf(heat_map));
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(picture.width_px, picture.height_px));
  const canvas = document.createElement("canvas");
  canvas.className = "heat";
  canvas.setAttribute("aria-hidden", "true");
  canvas.width = Math.max(1, Math.round(scale * picture.width_px));
  canvas.height = Math.max(1, Math.round(scale * picture.height_px));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Show pictures of the training, whose names say whose they are, and their licence. */
function showSimilar(element, similar, licence) {
  element.hidden = !similar.length;
  element.querySelector("small").textContent = [licence, ...similar.map(({ source }) => source.split("/").pop())].join(" · ");
  element.querySelector("ul").replaceChildren(...similar.map(({ label, source, thumbnail }) => {
    const item = document.createElement("li"), image = document.createElement("img");
    image.onload = () => URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(blobOf(thumbnail));
    image.alt = "";
    item.append(image, nameOf(label));
    item.title = source;
    return item;
  }));
}

/** Read a data: URL, which the page's policy lets nothing load. */
function blobOf(url) {
  const [, type, text] = url.match(/^data:([^;]+);base64,(.*)$/);
  return new Blob([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], { type });
}
