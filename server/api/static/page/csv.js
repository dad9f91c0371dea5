// Writes answers as CSV, in the columns of `python -m models predict` (docs/predict.md).

/** Write rows of {name, answer} or {name, error}; an answer has a model, a version and a prediction. */
export function toCSV(rows) {
  const answers = rows.map((row) => row.answer?.prediction).filter(Boolean);
  const numLabels = Math.max(1, ...answers.map((prediction) => prediction.top_k.length));
  const ranks = Array.from({ length: numLabels }, (_, index) => index);
  const columns = ["file", ...ranks.flatMap((rank) => [`label_${rank + 1}`, `probability_${rank + 1}`])];
  if (answers.some((prediction) => "unsure" in prediction)) columns.push("unsure");
  if (answers.some((prediction) => "accepted" in prediction)) columns.push("accepted");
  if (answers.some((prediction) => "label_set" in prediction)) columns.push("label_set");
  columns.push("error", "message", "model", "version");
  const lines = rows.map((row) => columns.map((column) => cellOf(row, ranks)[column]));
  return [columns, ...lines].map((cells) => cells.map(escape).join(",")).join("\n") + "\n";
}

function cellOf({ name, answer, error }, ranks) {
  const cells = { file: name, error: error && (error.code || "failed"), message: error?.message };
  if (!answer) return cells;
  const { model, version, prediction } = answer;
  for (const rank of ranks) {
    cells[`label_${rank + 1}`] = prediction.top_k[rank]?.label;
    cells[`probability_${rank + 1}`] = prediction.top_k[rank]?.probability;
  }
  const labels = prediction.label_set?.map(({ label }) => label);
  const { unsure, accepted } = prediction;
  return { ...cells, unsure, accepted, label_set: labels && JSON.stringify(labels), model, version };
}

function escape(cell) {
  const text = String(cell ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
