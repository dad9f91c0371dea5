// Sends one picture to /predict and waits for its answer, also while the server is busy or being restarted.

import { askForKey, credentials } from "./key.js";
import { t, troubleOf } from "./words.js";

const MAX_WAIT_S = 60; // of one picture, of all that a busy server asks for
const MAX_DOWN_MS = 8000; // for which a server that is away is looked for; a restart takes less
const LOOK_AGAIN_S = 1;
const BAD_GATEWAY = 502; // of a proxy whose server is away
const CODES = { 408: "upload_timeout", 413: "upload_too_large", 429: "rate_limited", 503: "overloaded", 504: "deadline_exceeded" }; // of what a proxy says

const form = document.getElementById("form");
let downSince = 0; // of all pictures, so that not each looks for a server that is gone

export class Failure extends Error {
  constructor(message, { code = "", mayRetry = false } = {}) {
    super(message);
    this.code = code;
    this.mayRetry = mayRetry;
  }

  /** What went wrong, in the visitor's language as far as it can be. */
  get words() {
    return troubleOf(this.code) || this.message;
  }
}

export function lookAgain() {
  downSince = 0;
}

/** Fail where a file cannot be read: it was moved or changed since it was chosen, or is none. */
export async function read(part) {
  try {
    return await part.text();
  } catch {
    throw new Failure(t("unreadable"), { code: "unreadable_file" });
  }
}

/** Ask for one picture: the first of the answer's predictions, and the milliseconds of each part of the way. */
export async function ask(file, name, { note = () => {}, signal, parameters = {} } = {}) {
  if (file.size > Number(form.dataset.maxUploadBytes)) throw new Failure(t("too_large", { size: form.dataset.maxUpload }));
  let waitedS = 0;
  for (;;) {
    const started = performance.now();
    const key = credentials();
    const response = await send(file, name, { signal, parameters, key });
    if (!response) {
      note(t("waiting_down"));
      await sleep(LOOK_AGAIN_S, signal);
      continue;
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok && answer.predictions) {
      const { model, version, predictions: [prediction] } = answer;
      return { model, version, prediction, times: timesOf(response, performance.now() - started) };
    }
    if (response.status === 401) {
      if (credentials().Authorization !== key.Authorization) continue; // another has come in meanwhile
      askForKey(troubleOf(answer.error?.code), answer.error?.code !== "missing_api_key");
    }
    const waitS = Number(response.headers.get("Retry-After")) || LOOK_AGAIN_S;
    waitedS += waitS;
    if (![429, 503].includes(response.status) || waitedS > MAX_WAIT_S) throw failureOf(response, answer.error);
    note(t("waiting_busy", { seconds: waitS }));
    await sleep(waitS, signal);
  }
}

/** Send it; null where the server is away, for a while. */
async function send(file, name, { signal, parameters, key }) {
  const url = new URL(form.action);
  for (const [key, value] of Object.entries({ timing: true, ...parameters })) url.searchParams.set(key, value);
  const body = new FormData();
  body.append("image", file, name);
  try {
    const response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json", ...key }, signal });
    if (response.status !== BAD_GATEWAY) {
      downSince = 0;
      return response;
    }
  } catch (error) {
    if (signal?.aborted) throw error;
    await read(file.slice(0, 1));
  }
  downSince ||= performance.now();
  if (performance.now() - downSince > MAX_DOWN_MS) throw new Failure(t("unreachable"), { mayRetry: true });
  return null;
}

function failureOf(response, error) {
  const message = sentence(error?.message ?? t("no_answer", { status: response.status }));
  const mayRetry = response.status >= 500 || [401, 408, 429].includes(response.status);
  return new Failure(message, { code: error?.code ?? CODES[response.status], mayRetry });
}

function timesOf(response, total) {
  const times = { total };
  for (const [, part, ms] of (response.headers.get("Server-Timing") ?? "").matchAll(/(\w+);dur=([\d.]+)/g)) times[part] = Number(ms);
  return times;
}

function sentence(message) {
  return message[0].toUpperCase() + message.slice(1) + (/[.。]$/.test(message) ? "" : ".");
}

function sleep(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}
