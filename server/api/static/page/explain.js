// Why an answer is as it is: asks where in the picture a class was seen, and lays that over it.

import { nameOf } from "./answer.js";
import { ask } from "./upload.js";
import { t } from "./words.js";

const MAX_SIDE_PX = 640; // of the map as it is drawn

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
  line.textContent = "";
  if (!isWanted) return;
  const label = select.value;
  const { model, version } = card.answer;
  try {
    const parameters = { model, version, explain: select.selectedIndex ? label : "true" };
    const { prediction: { explanation } } = await ask(card.sent, card.name, { parameters });
    const heat = await drawn(explanation);
    if (select.value !== label || because.hidden) return; // another was chosen meanwhile
    card.find(".heat")?.remove();
    card.find(".picture").append(heat);
    line.textContent = t("why_shown", { label: nameOf(explanation.label) });
  } catch (error) {
    line.textContent = error.message;
  }
}

/** Draw a heat map in the shape of the picture, so that it lies over it whatever its size. */
async function drawn({ heat_map, picture }) {
  const bytes = Uint8Array.from(atob(heat_map.slice(heat_map.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(picture.width_px, picture.height_px));
  const canvas = document.createElement("canvas");
  canvas.className = "heat";
  canvas.setAttribute("aria-hidden", "true");
  canvas.width = Math.max(1, Math.round(scale * picture.width_px));
  canvas.height = Math.max(1, Math.round(scale * picture.height_px));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}
