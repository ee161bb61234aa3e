// A drawing → a digit as MNIST has them: the steps of thumbnet's strokes.py.

const SIDE = 28;
const BOX = 20;
const FAINT = 16;

/** Ink, n² bytes → 28² bytes with the strokes in a box of 20 pixels and their centre of mass in the middle, or null. */
export function asDigit(ink) {
  const canvas = Math.sqrt(ink.length);
  const columns = extent((x, y) => ink[y * canvas + x], canvas);
  const rows = extent((y, x) => ink[y * canvas + x], canvas);
  if (!columns) return null;
  const [left, top] = [columns[0], rows[0]];
  const [wide, high] = [columns[1] - left + 1, rows[1] - top + 1];
  const scale = BOX / Math.max(wide, high);
  const [width, height] = [wide, high].map((side) => Math.max(1, Math.round(side * scale)));
  const small = new Float64Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      small[y * width + x] = mean(
        (at, row) => ink[(top + row) * canvas + left + at],
        [(x * wide) / width, ((x + 1) * wide) / width],
        [(y * high) / height, ((y + 1) * high) / height],
      );
  const across = place(width, (x) => sum(height, (y) => small[y * width + x]));
  const down = place(height, (y) => sum(width, (x) => small[y * width + x]));
  const digit = new Uint8Array(SIDE * SIDE);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) digit[(down + y) * SIDE + across + x] = Math.round(small[y * width + x]);
  return digit;
}

const sum = (count, value) => Array.from({ length: count }, (_, at) => value(at)).reduce((a, b) => a + b, 0);

/** The first and the last line with ink, or null. */
function extent(value, side) {
  const inked = [];
  for (let at = 0; at < side; at++)
    for (let other = 0; other < side; other++)
      if (value(at, other) > FAINT) {
        inked.push(at);
        break;
      }
  return inked.length ? [inked[0], inked.at(-1)] : null;
}

/** The mean over a rectangle whose sides may cut through pixels. */
function mean(value, [left, right], [top, bottom]) {
  let total = 0;
  for (let y = Math.floor(top); y < bottom; y++)
    for (let x = Math.floor(left); x < right; x++) {
      const covered = (Math.min(x + 1, right) - Math.max(x, left)) * (Math.min(y + 1, bottom) - Math.max(y, top));
      total += covered * value(x, y);
    }
  return total / ((right - left) * (bottom - top));
}

/** Where a side of these masses begins, so that their centre comes to lie in the middle; all of it fits. */
function place(count, mass) {
  const total = sum(count, mass);
  const centre = total ? sum(count, (at) => (at + 0.5) * mass(at)) / total : count / 2;
  return Math.min(Math.max(0, Math.floor(SIDE / 2 - centre + 0.5)), SIDE - count);
}
