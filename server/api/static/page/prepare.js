// Makes of a file what is sent: big photos smaller, and of HEIC a JPEG where the browser can read it.

import { Failure, read } from "./upload.js";
import { t } from "./words.js";

const form = document.getElementById("form");
const shrink = document.getElementById("shrink");

// What is sent keeps a short side of so many times the model's (docs/page.md, measured by tests/shrinking.py).
const SIDES = 3;
const MIN_SIDE_PX = 512;
const QUALITY = 0.92;
const MIN_BYTES = 300_000; // of a photo that is worth it
const SHRUNK = ["image/jpeg", "image/png", "image/webp"];
const HEIC_BRANDS = /^ftyp(hei[cxms]|hev[cxms])/;

/** Prepare a file: {file, preview, took}, of which the last two are there where it was changed. */
export async function prepare(file) {
  const asItIs = { file };
  const isHEIC = await looksLikeHEIC(file);
  const isBig = shrink.checked && SHRUNK.includes(file.type) && file.size > MIN_BYTES;
  if (!isHEIC && !isBig) return asItIs;
  const started = performance.now();
  const made = await toJPEG(file, isHEIC);
  if (!made && isHEIC && !form.dataset.formats.split(" ").includes("HEIC")) throw new Failure(t("heic"));
  if (!made || (!isHEIC && made.size >= file.size)) return asItIs;
  return { file: made, preview: isHEIC ? made : undefined, took: performance.now() - started };
}

/** Encode a photo as a JPEG that has all that the model looks at; null where the browser cannot, or need not. */
async function toJPEG(file, isHEIC) {
  let bitmap;
  try {
    // Colours as they are in the file: the server, too, looks at no profile.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    return null;
  }
  const least = Math.max(MIN_SIDE_PX, SIDES * Number(form.dataset.side ?? 0));
  // By a power of two: the server, too, decodes at 1/2, 1/4 or 1/8, and comes to the same pixels.
  const halvings = Math.floor(Math.log2(Math.min(bitmap.width, bitmap.height) / least));
  const scale = shrink.checked ? 2 ** -Math.max(0, halvings) : 1;
  if (scale === 1 && !isHEIC) return null;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scale * bitmap.width);
  canvas.height = Math.round(scale * bitmap.height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff"; // behind what is transparent, as the server has it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
}

async function looksLikeHEIC(file) {
  if (/^image\/hei[cf]$/.test(file.type) || /\.hei[cf]$/i.test(file.name)) return true;
  return HEIC_BRANDS.test(await read(file.slice(4, 12)));
}
