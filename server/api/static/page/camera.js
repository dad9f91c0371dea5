// The live camera: a frame at a time is asked for, and its answer stands under the picture.

import { showAnswer, showError, showWait } from "./answer.js";
import { say, sayLater } from "./status.js";
import { ask } from "./upload.js";
import { t } from "./words.js";

const PAUSE_MS = 200; // between an answer and the next frame
const PAUSE_AFTER_FAILURE_MS = 2000;
const MAX_SIDE_PX = 640; // of a frame
const QUALITY = 0.85;
const TROUBLES = { NotAllowedError: "camera_blocked", NotFoundError: "camera_missing", OverconstrainedError: "camera_missing" };

const viewfinder = document.getElementById("viewfinder");
const video = viewfinder.querySelector("video");
const openButton = document.getElementById("live");
const trouble = document.getElementById("camera-trouble");
let running = null; // what stops the camera that is on

export function listenToCamera(accept) {
  openButton.addEventListener("click", open);
  document.getElementById("stop").addEventListener("click", () => close());
  document.getElementById("keep").addEventListener("click", async () => {
    if (!video.videoWidth) return; // no frame has come yet
    const time = new Date().toLocaleTimeString([], { hour12: false }).replaceAll(":", "-");
    const name = t("camera_frame", { time });
    accept([{ file: new File([await grab()], name, { type: "image/jpeg" }), name }]);
  });
  viewfinder.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  for (const event of ["pagehide", "freeze"]) window.addEventListener(event, () => close());
  document.addEventListener("visibilitychange", () => { if (document.hidden) close("camera_hidden"); });
}

async function open() {
  if (running) return;
  trouble.hidden = true;
  const stop = running = new AbortController();
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    stop.signal.addEventListener("abort", () => { for (const track of stream.getTracks()) track.stop(); });
    if (stop.signal.aborted) return stream.getTracks().forEach((track) => track.stop());
    stream.getVideoTracks()[0].addEventListener("ended", () => { if (!stop.signal.aborted) close("camera_gone"); });
    viewfinder.hidden = false;
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    return refuse(error);
  }
  document.getElementById("stop").focus();
  await watch(stop.signal);
}

function refuse(error) {
  if (running?.signal.aborted ?? true) return; // it was closed meanwhile
  const key = error.name === "SecurityError" ? "camera_insecure" : TROUBLES[error.name] ?? "camera_in_use";
  close(key);
}

/** Switch it off; `reason` is the key of the words for it, where the visitor did not do so. */
function close(reason) {
  if (!running) return;
  running.abort();
  running = null;
  video.srcObject = null; // the tracks have stopped, and the light is off
  const hadFocus = viewfinder.contains(document.activeElement);
  viewfinder.hidden = true;
  if (hadFocus) openButton.focus();
  trouble.textContent = reason ? t(reason) : "";
  trouble.hidden = !reason;
}

async function watch(signal) {
  let last;
  while (!signal.aborted) {
    let pauseMs = PAUSE_MS;
    try {
      const frame = await grab();
      const { prediction } = await ask(frame, "frame.jpg", { note: (text) => showWait(viewfinder, text), signal });
      if (signal.aborted) return;
      const text = showAnswer(viewfinder, prediction);
      if (prediction.label !== last) (last ? sayLater : say)(text);
      last = prediction.label;
    } catch (error) {
      if (signal.aborted) return;
      showError(viewfinder, error);
      pauseMs = PAUSE_AFTER_FAILURE_MS;
    }
    await new Promise((resolve) => { setTimeout(resolve, pauseMs); });
  }
}

function grab() {
  const scale = Math.min(1, MAX_SIDE_PX / Math.max(video.videoWidth, video.videoHeight));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scale * video.videoWidth);
  canvas.height = Math.round(scale * video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
}
