// Shows where the time of a request went: as a bar of its parts, and in numbers.

import { milliseconds, t } from "./words.js";

const PARTS = ["prepare", "upload", "decode", "queue", "inference", "rest"];

export function showTimes(details, times) {
  const known = PARTS.slice(0, -1).reduce((sum, part) => sum + (times[part] ?? 0), 0);
  const total = times.total + (times.prepare ?? 0);
  const parts = { ...times, rest: Math.max(0, total - known) };
  const shown = PARTS.filter((part) => parts[part] !== undefined);
  let before = 0;
  const bars = shown.map((part) => {
    const x = (100 * before) / total;
    before += parts[part];
    return `<rect class="${classOf(part)}" height="100%" x="${x}%" width="${(100 * parts[part]) / total}%"/>`;
  });
  details.querySelector("summary").textContent = milliseconds(total);
  details.querySelector("summary").title = t("times");
  details.querySelector(".spent").innerHTML = bars.join("");
  details.querySelector("dl").replaceChildren(...shown.map((part) => makeRow(part, parts[part])));
  details.hidden = false;
}

function classOf(part) {
  return `part-${PARTS.indexOf(part) + 1}`;
}

function makeRow(part, ms) {
  const row = document.createElement("div"), name = document.createElement("dt"), value = document.createElement("dd");
  name.textContent = t(`time_${part}`);
  name.className = classOf(part);
  value.textContent = milliseconds(ms);
  row.append(name, value);
  return row;
}
