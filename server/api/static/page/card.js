// A picture and what becomes of it: waiting, answered, or failed.

import { showAnswer, showError, showWait } from "./answer.js";
import { copyFrom } from "./copy.js";
import { listenToWhy } from "./explain.js";
import { prepare } from "./prepare.js";
import { showTimes } from "./times.js";
import { ask, lookAgain } from "./upload.js";
import { size, t } from "./words.js";

const form = document.getElementById("form");
const template = document.getElementById("result");

export class Card {
  /** The card of a file; `enqueue` is given the job of asking, `changed` called when that is over, `tell` is told words. */
  constructor({ file, name }, { enqueue, changed, tell }) {
    this.file = file;
    this.name = name;
    this.answer = this.error = null;
    this.enqueue = enqueue;
    this.changed = changed;
    this.tell = (text) => tell(`${name}: ${text}`);
    this.abort = new AbortController();
    this.element = template.content.cloneNode(true).firstElementChild;
    this.find("h3").textContent = this.find("h3").title = name;
    this.find(".json").addEventListener("click", (event) => copyFrom(event.target, this.toJSON()));
    listenToWhy(this);
    this.element.tabIndex = -1;
    this.showPreview(file);
  }

  find(selector) {
    return this.element.querySelector(selector);
  }

  get isDone() {
    return !this.element.hasAttribute("aria-busy");
  }

  toJSON() {
    const { model, version, prediction } = this.answer;
    return JSON.stringify({ model, version, predictions: [prediction] }, null, 2);
  }

  start() {
    this.error = null;
    this.element.setAttribute("aria-busy", "true");
    this.enqueue(() => this.run());
  }

  /** Try again what has failed. */
  retry() {
    this.find(".retry")?.remove();
    for (const line of this.element.querySelectorAll(".error, .trouble")) line.hidden = true;
    this.start();
  }

  async run() {
    let told;
    try {
      const sent = await prepare(this.file);
      if (sent.preview) this.showPreview(sent.preview);
      const note = (text) => { showWait(this.element, text); this.tell(text); };
      const { explainable, similar } = form.dataset; // of the model that is asked, and not of one that is chosen meanwhile
      this.answer = await ask(sent.file, this.name, { note, signal: this.abort.signal });
      this.sent = sent.file;
      this.licence = similar;
      this.find(".why").hidden = explainable === undefined;
      this.answer.prediction.filename = this.name;
      told = this.show(sent);
    } catch (error) {
      if (this.abort.signal.aborted) return;
      told = this.fail(error);
    }
    this.element.removeAttribute("aria-busy");
    this.changed(`${this.name}: ${told}`);
  }

  /** Show the answer; gives it in words, as `fail` does what went wrong. */
  show(sent) {
    const { model, version, prediction, times } = this.answer;
    const told = showAnswer(this.find(".answer"), prediction);
    if (sent.took !== undefined) times.prepare = sent.took;
    showTimes(this.find(".times"), times);
    this.find(".sent").textContent = sent.file === this.file ? "" : t("shrunk", { before: size(this.file.size), after: size(sent.file.size) });
    this.find(".by").textContent = t("model_option", { name: model, version });
    this.find(".sent").hidden = sent.file === this.file;
    this.find(".by").hidden = !document.getElementById("model"); // there is no choice
    this.find(".json").hidden = false;
    return told;
  }

  fail(error) {
    this.error = error;
    showWait(this.element, "");
    showError(this.find(".answer"), error);
    if (error.mayRetry) this.offerRetry();
    return error.words ?? error.message;
  }

  offerRetry() {
    const retry = document.createElement("button");
    retry.className = "button quiet small retry";
    retry.type = "button";
    retry.textContent = t("retry");
    retry.addEventListener("click", () => {
      this.element.focus(); // the button that has the focus goes
      lookAgain();
      this.retry();
    });
    this.find(".answer").append(retry);
  }

  showPreview(blob) {
    const image = this.find("img");
    image.onload = () => URL.revokeObjectURL(image.src);
    image.onerror = () => image.parentElement.classList.add("none");
    image.parentElement.classList.remove("none");
    image.src = URL.createObjectURL(blob);
  }
}
