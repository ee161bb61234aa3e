// A weights folder in the browser: config.json and model.onnx, computed by ONNX Runtime.

import * as ort from "./vendor/onnxruntime.js";

let runtime = null;

/** ONNX Runtime, once. Its WebAssembly is kept compressed, so that any server of files will do. */
function startRuntime() {
  runtime ??= (async () => {
    const packed = await (await get("vendor/onnxruntime.wasm.gz")).arrayBuffer();
    const bytes = new Uint8Array(packed);
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b; // some servers unpack it themselves
    const stream = new Blob([packed]).stream();
    ort.env.wasm.wasmBinary = isPacked
      ? await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer()
      : packed;
    ort.env.wasm.numThreads = 1; // more need headers that not every server sends
  })();
  return runtime;
}

/** A file of this page. Throws an Error with a line for the visitor. */
export async function get(path) {
  const response = await fetch(new URL(path, import.meta.url)).catch(() => null);
  if (!response?.ok)
    throw new Error(`${path} could not be loaded (${response?.status ?? "no connection"}). Reload the page.`);
  return response;
}

/** The JSON in a file of this page. Throws an Error with a line for the visitor. */
export async function getJSON(path) {
  const response = await get(path);
  return response.json().catch(() => {
    throw new Error(`${path} is damaged. Reload the page, or export it again.`);
  });
}

/** Load a model from a folder of this page. */
export async function loadClassifier(folder) {
  const [config, model] = await Promise.all([
    getJSON(`${folder}/config.json`),
    get(`${folder}/model.onnx`).then((response) => response.arrayBuffer()),
    startRuntime(),
  ]);
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const classifier = new Classifier(config, session);
  const { image_size: size, channels } = config.preprocessing;
  await classifier.classify(new Uint8Array(size * size * channels)); // the first answer is slow; let nobody wait for it
  return classifier;
}

class Classifier {
  constructor(config, session) {
    this.name = config.name;
    this.labels = config.labels;
    this.preprocessing = config.preprocessing;
    this.config = config;
    this.session = session;
  }

  /** size² · channels bytes → { scores, abstained, milliseconds }; scores are { label, probability }, best first. */
  async classify(pixels) {
    const { image_size: size, channels } = this.preprocessing;
    const started = performance.now();
    const { logits } = await this.session.run({ pixels: new ort.Tensor("uint8", pixels, [1, size, size, channels]) });
    const milliseconds = performance.now() - started;
    const scaled = Array.from(logits.data, (logit) => logit / this.config.temperature);
    const largest = Math.max(...scaled);
    const exponentials = scaled.map((value) => Math.exp(value - largest));
    const total = exponentials.reduce((sum, value) => sum + value, 0);
    const scores = this.labels
      .map((label, at) => ({ label, probability: exponentials[at] / total }))
      .sort((one, other) => other.probability - one.probability);
    const confidence = {
      max_probability: scores[0].probability,
      max_logit: largest,
      energy: largest + Math.log(total),
    }[this.config.abstention_score ?? "max_probability"];
    return { scores, abstained: confidence < this.config.abstention_threshold, milliseconds };
  }
}
