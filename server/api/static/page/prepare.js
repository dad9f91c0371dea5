// Makes of a file what is sent: big photos smaller, and of HEIC a JPEG where the browser can read it.

import { Failure } from "./upload.js";
import { t } from "./words.js";

const form = document.getElementById("form");
const shrink = document.getElementById("shrink");

const SIDES = 3; // times the model's side, that the short side of what is sent has at least
const MIN_SIDE_PX = 512;
const QUALITY = 0.92;
const MIN_BYTES = 300_000; // of a photo that is worth it
const HEIC_BRANDS = /^ftyp(hei[cxms]|hev[cxms])/;

/** Prepare a file: {file, nameOf, preview, took}, of which the last two are there where it was changed. */
export async function prepare(file) {
  const asItIs = { file, nameOf: (name) => name };
  const isHEIC = await looksLikeHEIC(file);
  const isBig = shrink.checked && file.type === "image/jpeg" && file.size > MIN_BYTES;
  if (!isHEIC && !isBig) return asItIs;
  const started = performance.now();
  const made = await toJPEG(file);
  if (!made && isHEIC && !form.dataset.formats.split(" ").includes("HEIC")) throw new Failure(t("heic"));
  if (!made || (!isHEIC && made.size >= file.size)) return asItIs;
  const nameOf = (name) => name.replace(/\.hei[cf]$/i, ".jpg");
  return { file: made, nameOf, preview: isHEIC ? made : undefined, took: performance.now() - started };
}

/** Encode a photo as a JPEG that has all that the model looks at; null where the browser cannot read it. */
async function toJPEG(file) {
  let bitmap;
  try {
    // Colours as they are in the file: the server, too, looks at no profile.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    return null;
  }
  const least = Math.max(MIN_SIDE_PX, SIDES * Number(form.dataset.side));
  const scale = shrink.checked ? Math.min(1, least / Math.min(bitmap.width, bitmap.height)) : 1;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(scale * bitmap.width);
  canvas.height = Math.round(scale * bitmap.height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
}

async function looksLikeHEIC(file) {
  if (/^image\/hei[cf]$/.test(file.type) || /\.hei[cf]$/i.test(file.name)) return true;
  return HEIC_BRANDS.test(await file.slice(4, 12).text());
}
