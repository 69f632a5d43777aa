// What the visitor sees and takes along: the mask, the car without its background, the car on another one.

import { enlargeRow, opacity } from "./mask.js";
import { context, rows } from "./photo.js";

const STRIP = 256; // rows that are painted at a time

/**
 * Paint a photo's car on a canvas.
 * @param {CanvasRenderingContext2D} target its canvas has the size of the result
 * @param {object} photo
 * @param {{map: Float32Array, size: {width: number, height: number}}} answer of the network
 * @param {{threshold: number, view: "car" | "mask", background: ?(object)}} wish
 */
export function paint(target, photo, answer, wish) {
  const { width, height } = target.canvas;
  paintBackground(target, wish);
  const probability = new Float32Array(width);
  for (let top = 0; top < height; top += STRIP) {
    const count = Math.min(STRIP, height - top);
    const pixels = rows(photo, width, height, top, count);
    for (let y = 0; y < count; y++) {
      enlargeRow(answer.map, answer.size, top + y, height, probability);
      for (let x = 0; x < width; x++) {
        const at = 4 * (y * width + x);
        if (wish.view === "mask") {
          pixels.fill(probability[x] > wish.threshold ? 255 : 0, at, at + 3);
        } else {
          pixels[at + 3] = opacity(probability[x], wish.threshold);
        }
      }
    }
    const strip = context(width, count);
    strip.putImageData(new ImageData(pixels, width, count), 0, 0);
    target.drawImage(strip.canvas, 0, top); // lays it over the background
  }
}

function paintBackground(target, { view, background }) {
  const { width, height } = target.canvas;
  target.clearRect(0, 0, width, height);
  if (view === "mask" || !background) return;
  if (background.photo) {
    const { bitmap, width: w, height: h } = background.photo;
    const scale = Math.max(width / w, height / h); // fill the whole, cut what is over
    target.drawImage(bitmap, (width - w * scale) / 2, (height - h * scale) / 2, w * scale, h * scale);
  } else if (background.gradient) {
    const light = target.createLinearGradient(0, 0, 0, height);
    background.gradient.forEach((colour, i) => light.addColorStop(i / (background.gradient.length - 1), colour));
    target.fillStyle = light;
    target.fillRect(0, 0, width, height);
  } else {
    target.fillStyle = background.colour;
    target.fillRect(0, 0, width, height);
  }
}

/**
 * A file of the result at the photo's own size: PNG where it has transparent parts or is a mask, else JPEG.
 * @returns {Promise<{name: string, blob: Blob}>}
 */
export async function product(photo, answer, wish) {
  const whole = context(photo.width, photo.height);
  paint(whole, photo, answer, wish);
  const stem = photo.name.replace(/\.[^.]*$/, "");
  const lossless = wish.view === "mask" || !wish.background;
  const blob = await new Promise((done) => whole.canvas.toBlob(done, lossless ? "image/png" : "image/jpeg", 0.95));
  if (!blob) throw new Error("the picture is too large for this browser");
  const kind = wish.view === "mask" ? "mask.png" : lossless ? "cutout.png" : "composite.jpg";
  return { name: `${stem}_${kind}`, blob };
}
