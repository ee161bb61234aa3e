// The page: pictures, a camera or a drawing go in; the answer in words comes out. Nothing is sent anywhere.

import { get, getJSON, loadClassifier } from "./classifier.js";
import { toPixels } from "./preprocess.js";
import { sketchpad } from "./sketchpad.js";
import { asDigit } from "./strokes.js";
import { count, describe, percent, plain } from "./words.js";

const MOST_BYTES = 10 * 1024 * 1024;
const BARS = 5;
const KNOWN = 12; // classes named in the invitation; a model may know hundreds
const SMALL = 128; // pixels up to which a picture is shown without smoothing

const $ = (id) => document.getElementById(id);
const loaded = new Map(); // folder → promise of a classifier
let models = [];
let model = null; // the chosen one of models.json
let turn = 0; // answers to an earlier picture are dropped
let cameraTurn = 0; // a camera that was granted too late is switched off
let again = null; // classifies what is shown once more, with another model

const pad = sketchpad($("pad").querySelector("canvas"), (ink) => {
  const digit = asDigit(ink);
  if (digit) answer(async () => digit);
  else invite();
});

function classifier() {
  const { folder } = model;
  if (!loaded.has(folder)) {
    const loading = loadClassifier(folder);
    loaded.set(folder, loading);
    loading.catch(() => loaded.delete(folder)); // another try may have more luck
  }
  return loaded.get(folder);
}

/** Show the answer for the pixels that `read` makes for a classifier, or what is wrong with them. */
async function answer(read) {
  const mine = ++turn;
  const network = await ready(mine);
  if (!network) return;
  try {
    const pixels = await read(network.preprocessing);
    const prediction = await network.classify(pixels);
    if (mine !== turn) return;
    say(describe(prediction), `Answered in ${prediction.milliseconds.toFixed(1)} ms`);
    showSeen(pixels, network.preprocessing);
    showBars(prediction.scores.slice(0, BARS));
  } catch (error) {
    if (mine !== turn) return;
    complain("I can’t use this picture", error.message);
  }
}

/** The chosen network, or nothing where something newer was asked for, or a file of the page is missing. */
async function ready(mine) {
  try {
    const network = await classifier();
    return mine === turn ? network : null;
  } catch (error) {
    if (mine === turn) complain("This page is not complete", error.message);
    return null;
  }
}

async function invite() {
  const network = await ready(++turn);
  if (!network) return;
  say(model.draws ? "Draw a digit" : "Show me a picture", `I know ${count(network.labels.length)} classes:`);
  const more = network.labels.length - KNOWN;
  const known = network.labels.slice(0, KNOWN).map(plain);
  $("known").replaceChildren(...[...known, ...(more > 0 ? [`and ${more} more`] : [])].map(item));
  $("known").hidden = false;
}

function item(text) {
  return Object.assign(document.createElement("li"), { textContent: text });
}

/** Nothing but words: what was said and shown before is taken away. */
function say(verdict, aside) {
  $("card").classList.remove("problem");
  $("known").hidden = $("seen").hidden = $("bars").hidden = true;
  $("verdict").textContent = verdict;
  $("aside").textContent = aside;
}

function complain(verdict, aside) {
  say(verdict, aside);
  $("card").classList.add("problem");
}

function showSeen(pixels, { image_size: size, channels }) {
  const canvas = $("seen").querySelector("canvas");
  canvas.width = canvas.height = size;
  const shown = new ImageData(size, size);
  for (let at = 0; at < size * size; at++)
    for (let channel = 0; channel < 4; channel++)
      shown.data[4 * at + channel] = channel === 3 ? 255 : pixels[at * channels + (channels === 1 ? 0 : channel)];
  canvas.getContext("2d").putImageData(shown, 0, 0);
  $("seen").querySelector("figcaption").textContent = `What the network sees: ${size}\u00a0×\u00a0${size} pixels`;
  $("seen").hidden = false;
}

function showBars(scores) {
  $("bars").replaceChildren(
    ...scores.map(({ label, probability }) => {
      const row = document.createElement("li");
      const [name, share] = [plain(label), percent(probability)].map((text) => {
        const part = document.createElement("span");
        part.textContent = text;
        return part;
      });
      const bar = document.createElement("progress");
      bar.value = probability;
      bar.setAttribute("aria-label", plain(label));
      row.append(name, share, bar);
      return row;
    }),
  );
  $("bars").hidden = false;
}

/** Classify a file that was chosen, dropped or pasted. */
function showFile(file) {
  stopCamera();
  const address = URL.createObjectURL(file);
  $("picture").onload = () => {
    $("picture").classList.toggle("small-picture", $("picture").naturalWidth <= SMALL);
    URL.revokeObjectURL(address);
  };
  $("picture").onerror = () => ($("picture").hidden = true);
  $("picture").src = address;
  $("picture").hidden = false;
  $("clear").hidden = false;
  again = () => answer(async (preprocessing) => toPixels(await decode(file), preprocessing));
  again();
}

/** Classify a file once it is there, unless something newer was asked for meanwhile. */
async function showNext(promised) {
  const mine = ++turn;
  try {
    const file = await promised;
    if (mine === turn) showFile(file);
  } catch (error) {
    if (mine === turn) complain("This page is not complete", error.message);
  }
}

/** The first of the files that were chosen, dropped or pasted, if any, where the model wants pictures. */
function take([file]) {
  if (file && model && !model.draws) showFile(file);
}

/** A file as an upright picture, its colours as they are stored. */
export async function decode(file) {
  if (!file.size) throw new Error("received 0 bytes; choose the file of a picture.");
  if (file.size > MOST_BYTES) throw new Error("a file of more than 10 MB, which is the limit. Make it smaller.");
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
  } catch {
    throw new Error("this file is not a picture that your browser can read. JPEG, PNG and WebP always work.");
  }
}

function clear() {
  stopCamera();
  again = null;
  $("picture").hidden = true;
  if (model.draws) return pad.clear();
  hide("clear");
  invite();
}

async function startCamera() {
  stopCamera();
  const mine = ++cameraTurn;
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    if (mine !== cameraTurn) return;
    ++turn;
    complain("No camera", "Your browser did not let this page see through one. Choose a picture instead.");
    return;
  }
  if (mine !== cameraTurn) {
    for (const track of stream.getTracks()) track.stop();
    return;
  }
  ++turn;
  again = null;
  say("Hold something up to the camera", "");
  $("camera").srcObject = stream;
  $("picture").hidden = true;
  $("camera").hidden = $("clear").hidden = false;
}

function stopCamera() {
  ++cameraTurn;
  for (const track of $("camera").srcObject?.getTracks() ?? []) track.stop();
  $("camera").srcObject = null;
  $("camera").hidden = true;
  hide("shoot");
}

/** Hide a button; whoever has just pressed it with the keyboard goes on at the one before it. */
function hide(button) {
  if (document.activeElement === $(button)) (model.draws ? $("pad").querySelector("canvas") : $("webcam")).focus();
  $(button).hidden = true;
}

function shoot() {
  const { videoWidth: width, videoHeight: height } = $("camera");
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage($("camera"), 0, 0);
  showNext(canvas.convertToBlob({ type: "image/png" }));
}

function choose(next) {
  model = next;
  $("drop").hidden = $("webcam").hidden = model.draws;
  $("pad").hidden = !model.draws;
  stopCamera();
  $("clear").hidden = !model.draws && !again;
  $("examples").replaceChildren(...model.examples.map(exampleButton));
  $("try").hidden = !model.examples.length;
  say("Loading the network …", "");
  if (model.draws || !again) clear();
  else again();
}

function exampleButton({ file, text }) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = text;
  const image = document.createElement("img");
  image.src = file;
  image.alt = text;
  button.append(image);
  button.addEventListener("click", () => {
    if (model.draws) pad.show(image);
    else showNext(get(file).then((response) => response.blob()));
  });
  return button;
}

async function start() {
  ({ models } = await getJSON("models.json"));
  for (const each of models) {
    const label = document.createElement("label");
    const radio = Object.assign(document.createElement("input"), { type: "radio", name: "model", value: each.name });
    radio.addEventListener("change", () => choose(each));
    label.append(radio, each.name);
    $("models").append(label);
  }
  $("models").hidden = models.length < 2;
  $("models").querySelector("input").checked = true;
  choose(models[0]);
}

$("file").addEventListener("change", () => {
  take($("file").files);
  $("file").value = ""; // the same file may be chosen again
});
// All over the page: beside the box a browser would leave the page for the file.
addEventListener("dragover", (event) => {
  event.preventDefault();
  $("drop").classList.add("over");
});
addEventListener("dragleave", (event) => event.relatedTarget || $("drop").classList.remove("over"));
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  take(event.dataTransfer.files);
});
addEventListener("paste", (event) => take(event.clipboardData.files));
$("webcam").addEventListener("click", startCamera);
// Before, there is no picture to take.
$("camera").addEventListener("loadedmetadata", () => ($("shoot").hidden = $("camera").hidden));
$("shoot").addEventListener("click", shoot);
$("clear").addEventListener("click", clear);
start().catch((error) => say("This page is not complete", error.message));
