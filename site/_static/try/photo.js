// From a file to a photo, and from a photo to what the network wants to see.

/** What went wrong, in a sentence for the visitor. */
export class Unreadable extends Error {}

const SMALLEST = 16; // pixels: nothing can be seen in less
const STRIP = 512; // rows that are read at a time, so that a large photo needs little memory

/**
 * Decode a picture, upright as its EXIF data say.
 * @param {Blob} file
 * @param {string} name what to call it in a message
 * @returns {Promise<{name: string, bitmap: ImageBitmap, width: number, height: number}>}
 */
export async function readPhoto(file, name) {
  if (!file.size) throw new Unreadable(`${name} is empty. Choose a photo: JPEG, PNG or WebP.`);
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new Unreadable(`${name} cannot be read as a picture. Choose a photo: JPEG, PNG or WebP.`);
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < SMALLEST) {
    bitmap.close();
    throw new Unreadable(`${name} has only ${width} × ${height} pixels. Choose a larger photo.`);
  }
  return { name, bitmap, width, height };
}

/**
 * A canvas to draw on and read from; what is transparent in a photo becomes white, as on the command line.
 * @returns {CanvasRenderingContext2D}
 */
export function context(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d", { willReadFrequently: true });
}

/** The pixels of some rows of a photo that is drawn at a size, as RGBA bytes. */
export function rows(photo, width, height, top, count) {
  const drawn = context(width, count);
  drawn.fillStyle = "white";
  drawn.fillRect(0, 0, width, count);
  const down = photo.height / height;
  drawn.drawImage(photo.bitmap, 0, top * down, photo.width, count * down, 0, 0, width, count);
  return drawn.getImageData(0, 0, width, count).data;
}

/**
 * Shrink a photo to the network's size: each pixel is the mean of the area that it covers (chapter 03).
 * @returns {Float32Array} red, green and blue of each pixel, 0-255, row after row
 */
export function shrink(photo, size) {
  const width = Math.max(photo.width, size.width);
  const height = Math.max(photo.height, size.height);
  const [column, left] = shares(width, size.width);
  const [row, upper] = shares(height, size.height);
  const next = 3 * (size.width + 1); // from a row to the one below: there is a column to spare, and a row
  const sums = new Float32Array(next * (size.height + 1));
  for (let top = 0; top < height; top += STRIP) {
    const count = Math.min(STRIP, height - top);
    const pixels = rows(photo, width, height, top, count);
    for (let y = 0; y < count; y++) {
      const down = upper[top + y];
      for (let x = 0; x < width; x++) {
        const from = 4 * (y * width + x);
        const to = next * row[top + y] + 3 * column[x];
        for (let channel = 0; channel < 3; channel++) {
          const value = pixels[from + channel];
          const here = left[x] * value;
          sums[to + channel] += down * here;
          if (left[x] < 1) sums[to + channel + 3] += down * (value - here);
          if (down < 1) {
            sums[to + channel + next] += (1 - down) * here;
            sums[to + channel + next + 3] += (1 - down) * (value - here);
          }
        }
      }
    }
  }
  const area = (width / size.width) * (height / size.height);
  const means = new Float32Array(3 * size.width * size.height);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0; x < 3 * size.width; x++) means[3 * y * size.width + x] = Math.round(sums[next * y + x] / area);
  }
  return means;
}

/** For each of `length` pixels the cell of `cells` that it begins in, and the share of it that lies there. */
function shares(length, cells) {
  const cell = new Int32Array(length);
  const share = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const start = (i * cells) / length;
    const end = ((i + 1) * cells) / length;
    cell[i] = Math.floor(start + 1e-9);
    share[i] = Math.min(1, (cell[i] + 1 - start) / (end - start));
    if (share[i] > 1 - 1e-6) share[i] = 1;
  }
  return [cell, share];
}
