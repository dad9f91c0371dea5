// What the page says, in the language that the server has chosen, and how it writes numbers.

const texts = await (await fetch(document.getElementById("words").href)).json();

export function t(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function counted(key, count, values = {}) {
  return t(`${key}_${count === 1 ? "one" : "other"}`, { count, ...values });
}

/** What went wrong, by the server's code for it, or nothing where the server's own words have to do. */
export function troubleOf(code) {
  return texts[`error_${code}`] ?? "";
}

export function percent(probability) {
  const value = 100 * probability;
  return t("percent", { value: value > 0 && value < 0.1 ? "< 0.1" : value.toFixed(1) });
}

export function milliseconds(value) {
  return t("time", { value: value < 10 ? value.toFixed(1) : Math.round(value) });
}

export function size(numBytes) {
  return numBytes >= 1e6 ? `${(numBytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(numBytes / 1e3))} kB`;
}
