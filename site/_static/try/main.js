// The page "Try it": a photo in, its car out. This module holds the page together; the others do the work.

import { coverage } from "./mask.js";
import { loadNetwork } from "./network.js";
import { paint, product } from "./paint.js";
import { readPhoto, shrink, Unreadable } from "./photo.js";

const LARGEST_PREVIEW = 1200; // pixels of the longer side
const GRADIENTS = { studio: ["#2b3a4f", "#8fa3b8", "#5c6b7a"], evening: ["#1f2d52", "#d9825b", "#3a2f3f"] };
const element = (id) => document.getElementById(id);

const network = loadNetwork();
const state = { photo: null, answer: null, own: null };
let steps = Promise.resolve();

function say(text, wrong = false) {
  element("status").textContent = text;
  element("status").classList.toggle("wrong", wrong);
}

/** Run a step once those before it are done, and tell the visitor in a sentence where it fails. */
function attempt(step) {
  steps = steps.then(step).catch((error) => {
    say(error instanceof Unreadable ? error.message : `That did not work: ${error.message}. Try another photo.`, true);
  });
}

async function show(file, name) {
  say(`Reading ${name} …`);
  const photo = await readPhoto(file, name);
  say("Loading the network …");
  const { size, predict } = await network;
  say("Looking for the car …");
  const start = performance.now();
  const map = await predict(shrink(photo, size));
  const seconds = ((performance.now() - start) / 1000).toFixed(2);
  state.photo?.bitmap.close();
  Object.assign(state, { photo, answer: { map, size } });
  element("result").hidden = false;
  repaint();
  const share = Math.round(100 * coverage(map, wish().threshold));
  say(share ? `Done in ${seconds} s: the car covers ${share} % of the picture.` : "No car was found in this photo.");
}

/** What the controls ask for. */
function wish() {
  const chosen = document.querySelector('input[name="background"]:checked').value;
  const backgrounds = {
    none: null,
    colour: { colour: element("colour").value },
    own: state.own && { photo: state.own },
    mask: null,
  };
  const background = chosen in GRADIENTS ? { gradient: GRADIENTS[chosen] } : backgrounds[chosen];
  return { threshold: Number(element("threshold").value), view: chosen === "mask" ? "mask" : "car", background };
}

function repaint() {
  if (!state.photo) return;
  const { photo, answer } = state;
  const scale = Math.min(1, LARGEST_PREVIEW / Math.max(photo.width, photo.height));
  const canvas = element("picture");
  canvas.width = Math.round(photo.width * scale);
  canvas.height = Math.round(photo.height * scale);
  paint(canvas.getContext("2d"), photo, answer, wish());
  element("threshold-value").textContent = wish().threshold.toFixed(2);
  canvas.setAttribute("aria-label", `${wish().view === "mask" ? "The mask" : "The car"} of ${photo.name}`);
  element("download").textContent =
    wish().view === "mask" ? "Download the mask" : wish().background ? "Download the picture" : "Download the cut-out";
}

async function download() {
  say("Preparing the file at the photo's own size …");
  const { name, blob } = await product(state.photo, state.answer, wish());
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  say(`${name}: ${state.photo.width} × ${state.photo.height} pixels.`);
}

function offer(files) {
  if (files.length) attempt(() => show(files[0], files[0].name));
}

element("file").addEventListener("change", (event) => offer(event.target.files));
for (const button of document.querySelectorAll("button[data-photo]")) {
  button.addEventListener("click", () =>
    attempt(async () => {
      const answer = await fetch(button.dataset.photo);
      await show(await answer.blob(), button.dataset.photo.split("/").pop());
    }),
  );
}
const zone = element("drop");
zone.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  offer(event.dataTransfer.files);
});
element("own").addEventListener("change", (event) =>
  attempt(async () => {
    const [file] = event.target.files;
    if (!file) return;
    state.own = await readPhoto(file, file.name);
    element("background-own").checked = true;
    repaint();
  }),
);
element("colour").addEventListener("input", () => (element("background-colour").checked = true));
for (const control of document.querySelectorAll('#threshold, #colour, input[name="background"]')) {
  control.addEventListener("input", repaint);
}
element("background-own").addEventListener("input", () => {
  if (!state.own) say("Choose a photo to put behind the car, beside “your photo”.");
});
element("download").addEventListener("click", () => attempt(download));
network.then(
  ({ size }) => {
    element("input-size").textContent = `${size.width} × ${size.height}`;
    say("Ready.");
  },
  (error) => say(`The network could not be loaded: ${error.message}. Reload the page.`, true),
);
