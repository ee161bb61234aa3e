// Any picture → what the network sees: the steps of thumbnet's images.py, so that both see the same.

const DETAIL = 8; // a large picture is first shrunk by a whole number that leaves this many times the sides needed
const LARGE_PIXELS = 1_000_000;
const MOST_PIXELS = 16_000_000;
const BICUBIC = -0.5;
const REACH = 2; // of the bicubic kernel, in pixels

/**
 * A decoded picture → size² · channels bytes, row by row.
 *
 * picture   anything a canvas can draw that has width and height, already upright
 * wanted    { image_size, channels } of config.json
 *
 * Throws an Error with a line for the visitor where the picture is too large.
 */
export function toPixels(picture, { image_size: size, channels }) {
  const { width, height } = picture;
  if (width * height > MOST_PIXELS)
    throw new Error(`a picture of ${width} × ${height} pixels; at most 16 megapixels are allowed. Make it smaller.`);
  let side = Math.min(width, height);
  const factor = width * height > LARGE_PIXELS ? Math.max(1, Math.floor(side / (DETAIL * size))) : 1;
  side -= side % factor;
  const square = drawSquare(picture, side);
  const planes = channels === 1 ? [grey(square)] : [0, 1, 2].map((channel) => plane(square, channel));
  const fitted = planes.map((values) => resize(shrink(values, side, factor), side / factor, size));
  return Uint8Array.from({ length: size * size * channels }, (_, at) => fitted[at % channels][Math.floor(at / channels)]);
}

/** The central square of a picture on white paper, as RGBA. */
function drawSquare(picture, side) {
  const canvas = new OffscreenCanvas(side, side);
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  paper.fillStyle = "white";
  paper.fillRect(0, 0, side, side);
  paper.drawImage(picture, -Math.floor((picture.width - side) / 2), -Math.floor((picture.height - side) / 2));
  return paper.getImageData(0, 0, side, side).data;
}

function plane(rgba, channel) {
  return Uint8Array.from({ length: rgba.length / 4 }, (_, at) => rgba[4 * at + channel]);
}

/** ITU-R 601-2 luma, in the whole numbers that Pillow uses. */
function grey(rgba) {
  return Uint8Array.from(
    { length: rgba.length / 4 },
    (_, at) => (rgba[4 * at] * 19595 + rgba[4 * at + 1] * 38470 + rgba[4 * at + 2] * 7471 + 0x8000) >> 16,
  );
}

/** A square shrunk by a whole number: each pixel the mean of factor² others. */
function shrink(values, side, factor) {
  if (factor === 1) return values;
  const small = side / factor;
  const sums = new Float64Array(small * small);
  for (let y = 0; y < small * factor; y++)
    for (let x = 0; x < small * factor; x++)
      sums[Math.floor(y / factor) * small + Math.floor(x / factor)] += values[y * side + x];
  return Uint8Array.from(sums, (sum) => Math.floor(sum / factor ** 2 + 0.5));
}

/** A square resized with antialiasing: along the rows, rounded, then along the columns. */
function resize(values, from, to) {
  if (from === to) return values;
  const taps = weights(from, to);
  const rows = new Uint8ClampedArray(from * to);
  for (let y = 0; y < from; y++)
    taps.forEach(({ first, share }, x) => {
      rows[y * to + x] = Math.round(share.reduce((sum, weight, at) => sum + weight * values[y * from + first + at], 0));
    });
  const result = new Uint8ClampedArray(to * to);
  taps.forEach(({ first, share }, y) => {
    for (let x = 0; x < to; x++)
      result[y * to + x] = Math.round(share.reduce((sum, weight, at) => sum + weight * rows[(first + at) * to + x], 0));
  });
  return result;
}

/** For each of `to` pixels: the first of `from` that count, and the share of each. */
function weights(from, to) {
  const scale = from / to;
  const wide = Math.max(scale, 1);
  return Array.from({ length: to }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - REACH * wide + 0.5));
    const end = Math.min(from, Math.trunc(centre + REACH * wide + 0.5));
    const raw = Array.from({ length: end - first }, (_, i) => bicubic((i + first - centre + 0.5) / wide));
    const total = raw.reduce((sum, weight) => sum + weight, 0);
    return { first, share: raw.map((weight) => weight / total) };
  });
}

function bicubic(distance) {
  const x = Math.abs(distance);
  if (x < 1) return ((BICUBIC + 2) * x - (BICUBIC + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * BICUBIC : 0;
}
