"use strict";
// Photos are marked on their cards; what is marked is one list, whichever card of a photo was used.
(() => {
  const marked = new Map(); // path -> the row of moves.csv
  const cards = new Map(); // path -> the cards that show it
  const bar = document.getElementById("moves");
  const template = document.getElementById("classes-template");

  const show = () => {
    bar.hidden = marked.size === 0;
    document.getElementById("count").textContent = marked.size === 1 ? "1 photo marked" : `${marked.size} photos marked`;
    for (const [path, all] of cards) for (const card of all) {
      const row = marked.get(path);
      card.querySelector("input").checked = row !== undefined;
      let select = card.querySelector("select");
      if (row && !select) {
        select = template.content.firstElementChild.cloneNode(true);
        for (const option of select.options) option.disabled = option.value === card.dataset.from;
        select.addEventListener("change", () => { marked.get(path)[2] = select.value; show(); });
        card.append(select);
      }
      if (select) select.hidden = row === undefined;
      if (row) select.value = row[2];
    }
  };

  for (const card of document.querySelectorAll("[data-path]")) {
    const { path, from, to, why } = card.dataset;
    if (!cards.has(path)) cards.set(path, []);
    cards.get(path).push(card);
    const box = document.createElement("input");
    box.type = "checkbox";
    box.addEventListener("change", () => {
      if (box.checked) marked.set(path, [path, from, to, why]);
      else marked.delete(path);
      show();
    });
    const label = document.createElement("label");
    label.append(box, "move it");
    card.append(label);
  }

  document.getElementById("clear").addEventListener("click", () => { marked.clear(); show(); });
  document.getElementById("download").addEventListener("click", () => {
    const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
    const rows = [["path", "from", "to", "why"], ...marked.values()];
    const text = rows.map((row) => row.map(quoted).join(",") + "\r\n").join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = "moves.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
})();
