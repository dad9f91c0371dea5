// Asks a server by @huggingface/inference, and prints as JSON what came back: `node hugging_face.mjs URL PHOTO`.
// It is run where that is installed: Node looks for packages beside the program, so they are named by an absolute path.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const { InferenceClient, imageClassification } = createRequire(process.cwd() + "/")("@huggingface/inference");
const [endpointUrl, path] = process.argv.slice(2);
const content = await readFile(path);
const photo = new Blob([content]);
const pairs = (answer) => answer.map(({ label, score }) => [label, score]);
const failure = async (asked) => {
  try {
    return await asked;
  } catch (error) {
    return { name: error.name, status: error.httpResponse?.status, message: error.message };
  }
};

console.log(
  JSON.stringify({
    endpoint: pairs(await new InferenceClient().endpoint(endpointUrl).imageClassification({ data: photo })),
    options: pairs(await new InferenceClient("hf_x", { endpointUrl }).imageClassification({ data: photo })),
    each_call: pairs(await imageClassification({ endpointUrl, data: photo })),
    inputs: pairs(await imageClassification({ endpointUrl, inputs: new Blob([content], { type: "image/jpeg" }) })),
    with_a_model: pairs(await imageClassification({ endpointUrl, model: "stub", data: photo })),
    no_photo: await failure(imageClassification({ endpointUrl, data: new Blob(["no photo"]) })),
    no_model: await failure(imageClassification({ endpointUrl: endpointUrl + "/missing", data: photo })),
  }),
);
