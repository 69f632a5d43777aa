// From the network's small map of probabilities to a mask at the photo's own size.

const STEEPNESS = 3; // of the edge: how fast a pixel goes from background to car around the threshold

/**
 * One row of a probability map, enlarged bilinearly; pixel centres lie at half numbers, as in OpenCV.
 * @param {Float32Array} map row after row
 * @param {{width: number, height: number}} size of the map
 * @param {number} y the row, of `height`
 * @param {Float32Array} out gets `out.length` probabilities
 */
export function enlargeRow(map, size, y, height, out) {
  const [upper, lower, down] = between(y, height, size.height);
  for (let x = 0; x < out.length; x++) {
    const [left, right, along] = between(x, out.length, size.width);
    const above = map[upper * size.width + left] * (1 - along) + map[upper * size.width + right] * along;
    const below = map[lower * size.width + left] * (1 - along) + map[lower * size.width + right] * along;
    out[x] = above * (1 - down) + below * down;
  }
}

/** The two neighbours of pixel `i` of `length` among `cells`, and the weight of the second. */
function between(i, length, cells) {
  const place = Math.min(Math.max(((i + 0.5) * cells) / length - 0.5, 0), cells - 1);
  const first = Math.min(Math.floor(place), cells - 2);
  return [first, first + 1, place - first];
}

/** How opaque a pixel is, 0-255: half at the threshold, and steep around it, so that edges are clean but not jagged. */
export function opacity(probability, threshold) {
  return 255 * Math.min(Math.max(0.5 + STEEPNESS * (probability - threshold), 0), 1);
}

/** The share of the pixels that lie above the threshold. */
export function coverage(map, threshold) {
  return map.reduce((count, probability) => count + (probability > threshold), 0) / map.length;
}
