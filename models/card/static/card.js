// The slider of the operating point: what one threshold for all classes would have given on the validation pictures.
// Without a script the table beside it says the same for some thresholds.

const section = document.querySelector("[data-curve]");
if (section) {
  const curve = JSON.parse(section.dataset.curve);
  const words = JSON.parse(section.dataset.words); // in the language of the page
  const slider = section.querySelector("input[type=range]");
  const outcome = section.querySelector("output");
  const rows = [...section.querySelectorAll("tr[data-class]")];
  const numImages = sum(curve.num_images);

  slider.max = String(curve.thresholds.length - 1);
  slider.value = String(Math.max(0, curve.thresholds.indexOf(0.8)));
  slider.addEventListener("input", show);
  section.querySelector(".slider").hidden = false;
  show();

  function show() {
    const place = Number(slider.value);
    const accepted = sum(curve.num_accepted.map((row) => row[place] ?? 0));
    const right = sum(curve.num_right.map((row) => row[place] ?? 0));
    const threshold = say("percent", { value: decimal(100 * curve.thresholds[place]) });
    slider.setAttribute("aria-valuetext", threshold);
    outcome.textContent = accepted
      ? say("slider_accepting", {
        threshold, share: part(accepted, numImages), right: part(right, accepted), interval: within(right, accepted),
        left: part(numImages - accepted, numImages),
      })
      : say("slider_nothing", { threshold });
    for (const row of rows) {
      const index = Number(row.dataset.class);
      const [taken, hits] = [curve.num_accepted[index][place] ?? 0, curve.num_right[index][place] ?? 0];
      const cells = [threshold, part(hits, taken) + within(hits, taken), part(hits, curve.num_images[index]), String(taken)];
      cells.forEach((text, column) => { row.cells[column + 1].textContent = text; });
    }
  }

  function say(key, values) {
    return words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  function part(some, all) {
    return all ? say("percent", { value: (100 * some / all).toFixed(1) }) : "-";
  }

  /** The 95 % interval of a fraction (Wilson 1927), as the server writes it. */
  function within(some, all) {
    if (!all) return "";
    const spread = 1.96 ** 2 / all, fraction = some / all;
    const centre = (fraction + spread / 2) / (1 + spread);
    const margin = Math.sqrt(fraction * (1 - fraction) * spread + spread ** 2 / 4) / (1 + spread);
    const [low, high] = [Math.max(0, centre - margin), Math.min(1, centre + margin)];
    return ` (${say("interval", { low: (100 * low).toFixed(1), high: (100 * high).toFixed(1) })})`;
  }
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function decimal(number) {
  return String(Math.round(number * 10) / 10);
}
