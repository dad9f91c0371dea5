// The slider of the operating point: what one threshold for all classes would have given on the validation pictures.
// Without a script the table beside it says the same for some thresholds.

const section = document.querySelector("[data-curve]");
if (section) {
  const curve = JSON.parse(section.dataset.curve);
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
    const threshold = `${decimal(100 * curve.thresholds[place])} %`;
    slider.setAttribute("aria-valuetext", threshold);
    outcome.textContent = accepted
      ? `Accepting answers of ${threshold} and more: ${part(accepted, numImages)} of the pictures are answered, and of ` +
        `these answers ${part(right, accepted)} are right; ${part(numImages - accepted, numImages)} are left to a person.`
      : `No answer is as sure as ${threshold}: all pictures are left to a person.`;
    for (const row of rows) {
      const index = Number(row.dataset.class);
      const [taken, hits] = [curve.num_accepted[index][place] ?? 0, curve.num_right[index][place] ?? 0];
      const cells = [threshold, part(hits, taken), part(hits, curve.num_images[index]), String(taken)];
      cells.forEach((text, column) => { row.cells[column + 1].textContent = text; });
    }
  }
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function decimal(number) {
  return String(Math.round(number * 10) / 10);
}

function part(some, all) {
  return all ? `${(100 * some / all).toFixed(1)} %` : "-";
}
