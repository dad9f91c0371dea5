// The upload page: photos chosen, dropped, pasted or taken go to /predict one by one, and each gets a card.

const MAX_REQUESTS = 2; // at once, so that many photos do not crowd out other visitors
const MAX_RETRIES = 5; // of a photo that the server had no room for
const REJECT_LABEL = "_none"; // of the class of what belongs to none of the others

const form = document.getElementById("form");
const results = document.getElementById("results");
const statusLine = document.getElementById("status");
const waiting = [];
let numRunning = 0;

function percent(probability) {
  const value = 100 * probability;
  return value > 0 && value < 0.1 ? "< 0.1 %" : `${value.toFixed(1)} %`;
}

function makeCard(file) {
  const card = document.getElementById("result").content.cloneNode(true).firstElementChild;
  const image = card.querySelector("img");
  image.addEventListener("load", () => URL.revokeObjectURL(image.src));
  image.addEventListener("error", () => image.parentElement.classList.add("none"));
  image.src = URL.createObjectURL(file);
  card.tabIndex = -1;
  card.querySelector("h3").textContent = file.name;
  card.querySelector("h3").title = file.name;
  return card;
}

function nameOf(label) {
  return label === REJECT_LABEL ? "none of these" : label;
}

function makeBar({ label, probability }) {
  const row = document.createElement("li");
  row.innerHTML = '<span class="label" dir="auto"></span> <span class="percent"></span>' +
    '<svg class="bar" aria-hidden="true"><rect class="filled" height="100%"/></svg>';
  row.querySelector(".label").textContent = nameOf(label);
  row.querySelector(".percent").textContent = percent(probability);
  row.querySelector("rect").setAttribute("width", `${100 * probability}%`);
  return row;
}

function showAnswer(card, file, prediction) {
  card.querySelector("ol").replaceChildren(...prediction.top_k.map(makeBar));
  let verdict = "";
  if (prediction.unsure) {
    const line = card.querySelector(prediction.label === REJECT_LABEL ? ".verdict:not(.guess)" : ".verdict.guess");
    line.hidden = false;
    verdict = `${line.textContent} `;
  }
  statusLine.textContent = `${file.name}: ${verdict}${nameOf(prediction.label)}, ${percent(prediction.probability)}`;
}

function showError(card, file, error) {
  const line = card.querySelector(".error");
  line.textContent = error.message;
  line.hidden = false;
  statusLine.textContent = `${file.name}: ${error.message}`;
  if (error.mayRetry) {
    const retry = document.createElement("button");
    retry.className = "button quiet retry";
    retry.textContent = "Try again";
    retry.addEventListener("click", () => {
      retry.remove();
      line.hidden = true;
      card.focus(); // the button that had the focus is gone
      enqueue(card, file);
    });
    card.querySelector(".answer").append(retry);
  }
}

function failure(message, mayRetry = false) {
  return Object.assign(new Error(message), { mayRetry });
}

function credentials() {
  const key = document.getElementById("key")?.value.trim(); // kept nowhere but in the field
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function send(file) {
  const body = new FormData();
  body.append("image", file, file.name);
  try {
    return await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json", ...credentials() } });
  } catch {
    throw failure("The server could not be reached.", true);
  }
}

async function classify(file) {
  if (file.size > Number(form.dataset.maxUploadBytes)) {
    throw failure(`The photo is larger than the ${form.dataset.maxUpload} that are allowed.`);
  }
  for (let attempt = 1; ; attempt++) {
    const response = await send(file);
    const answer = await response.json().catch(() => ({}));
    if (response.ok && answer.predictions) return answer.predictions[0];
    if (response.status !== 503 || attempt > MAX_RETRIES) {
      throw failure(sentence(answer.error?.message ?? `the server answered ${response.status}`), response.status >= 500 || response.status === 401);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000 * (Number(response.headers.get("Retry-After")) || 1)));
  }
}

function sentence(message) {
  return message[0].toUpperCase() + message.slice(1) + (message.endsWith(".") ? "" : ".");
}

async function run({ card, file }) {
  try {
    showAnswer(card, file, await classify(file));
  } catch (error) {
    showError(card, file, error);
  }
  card.removeAttribute("aria-busy");
}

async function work() {
  if (numRunning >= MAX_REQUESTS || !waiting.length) return;
  numRunning++;
  await run(waiting.shift());
  numRunning--;
  work();
}

function enqueue(card, file) {
  card.setAttribute("aria-busy", "true");
  waiting.push({ card, file });
  work();
}

function accept(files) {
  const cards = [...files].map((file) => [makeCard(file), file]);
  if (!cards.length) return;
  document.querySelector(".refusal")?.remove();
  results.prepend(...cards.map(([card]) => card));
  statusLine.textContent = cards.length === 1 ? `Classifying ${files[0].name}` : `Classifying ${cards.length} photos`;
  for (const [card, file] of cards) enqueue(card, file);
  cards[0][0].scrollIntoView({ block: "nearest" });
}

function listenToInputs() {
  document.getElementById("credentials")?.addEventListener("submit", (event) => event.preventDefault()); // by Enter
  for (const id of ["image", "camera"]) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => {
      accept([...input.files]);
      input.value = ""; // so that the same photo can be chosen again
    });
  }
  document.addEventListener("paste", (event) => accept([...(event.clipboardData?.files ?? [])]));
}

function listenToDrops() {
  let depth = 0; // dragenter and dragleave fire for every element on the way
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    form.classList.toggle("over", depth > 0);
  };
  document.addEventListener("dragenter", () => mark(1));
  document.addEventListener("dragleave", () => mark(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-Infinity);
    accept([...event.dataTransfer.files]);
  });
}

function listenToCopy() {
  const button = document.getElementById("copy");
  const example = document.getElementById("example");
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(example);
    try {
      await navigator.clipboard.writeText(example.textContent);
      button.textContent = "Copied";
    } catch {
      // Not a secure context: http on another machine. The text is selected, and the old command still works there.
      button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
    }
    statusLine.textContent = button.textContent;
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

document.documentElement.classList.add("js");
listenToInputs();
listenToDrops();
listenToCopy();
