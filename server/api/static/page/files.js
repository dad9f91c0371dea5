// Takes pictures in: chosen, of a folder, dropped anywhere on the page, or pasted.

const EXTENSIONS = /\.(jpe?g|png|webp|gif|bmp|tiff?|avif|heic|heif)$/i;

/** Hand `accept` the pictures, each {file, name}, and the number of files that are none and were left out. */
export function listenToFiles(accept) {
  for (const id of ["image", "camera", "folder"]) {
    const input = document.getElementById(id);
    input.addEventListener("change", () => {
      take([...input.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })), accept);
      input.value = ""; // so that the same photo can be chosen again
    });
  }
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files.map(named), accept); // text goes where it was pasted
  });
  listenToDrops(accept);
}

function named(file) {
  return { file, name: file.name };
}

/** Of a folder leave out what is no picture; what was chosen by itself the server shall judge. */
function take(found, accept) {
  const visible = found.filter(({ name }) => !name.split("/").some((part) => part.startsWith(".") || part === "__MACOSX"));
  const isWanted = ({ file, name }) => file && (!name.includes("/") || file.type.startsWith("image/") || EXTENSIONS.test(name));
  const pictures = visible.filter(isWanted);
  accept(pictures, visible.length - pictures.length);
}

function listenToDrops(accept) {
  const form = document.getElementById("form");
  let depth = 0; // dragenter and dragleave fire for every element on the way
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    form.classList.toggle("over", depth > 0);
  };
  document.addEventListener("dragenter", () => mark(1));
  document.addEventListener("dragleave", () => mark(-1));
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    mark(-Infinity);
    // Both are there only until the first await.
    const files = [...event.dataTransfer.files].map(named);
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const hasFolder = entries.some((entry) => entry.isDirectory);
    take(hasFolder ? (await Promise.all(entries.map((entry) => filesOf(entry)))).flat() : files, accept);
  });
}

async function filesOf(entry) {
  const name = entry.fullPath.slice(1);
  if (entry.isFile) return [{ file: await new Promise((resolve) => entry.file(resolve, () => resolve(null))), name }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([]))); // a hundred at a time
    if (!some.length) return found;
    for (const child of some) found.push(...(await filesOf(child)));
  }
}
