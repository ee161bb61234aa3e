// A square to draw on, with a mouse, a pen or a finger.

const SIDE = 112; // pixels that are handed on; four times the 28 of MNIST
const PEN = 9; // of those, as thick as a stroke in MNIST
const PAUSE = 120; // milliseconds between two looks at a drawing that grows

/**
 * Let people draw on a canvas.
 *
 * canvas   its ink is opaque black or white on transparent paper; its CSS decides how large and how coloured it looks
 * onInk    called with SIDE² bytes, row by row, 255 for a full stroke, while the drawing grows and when it changes
 *
 * Returns { clear(), show(image) }: `show` draws a picture whose light is ink, such as a digit of MNIST.
 */
export function sketchpad(canvas, onInk) {
  canvas.width = canvas.height = SIDE;
  const paper = canvas.getContext("2d", { willReadFrequently: true });
  let pen = null; // the pointer that draws: a palm beside a finger must not join in
  let last = null;
  let waiting = 0;

  const tell = () => {
    waiting = 0;
    const rgba = paper.getImageData(0, 0, SIDE, SIDE).data;
    onInk(Uint8Array.from({ length: SIDE * SIDE }, (_, index) => rgba[4 * index + 3]));
  };
  const tellSoon = () => {
    waiting ||= setTimeout(tell, PAUSE);
  };
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
  };
  const draw = (event) => {
    const here = place(event);
    paper.lineWidth = PEN;
    paper.lineCap = paper.lineJoin = "round";
    paper.strokeStyle = getComputedStyle(canvas).color;
    paper.beginPath();
    paper.moveTo(...(last ?? here));
    paper.lineTo(...here);
    paper.stroke();
    last = here;
    tellSoon();
  };

  const recolour = () => {
    paper.globalCompositeOperation = "source-in"; // where there is ink, as opaque as it is
    paper.fillStyle = getComputedStyle(canvas).color;
    paper.fillRect(0, 0, SIDE, SIDE);
    paper.globalCompositeOperation = "source-over";
  };

  // Black ink on paper that turns dark cannot be seen; the page, which listens too, may change its colours after this.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTimeout(recolour, PAUSE));
  canvas.addEventListener("pointerdown", (event) => {
    if (pen !== null) return;
    canvas.setPointerCapture(event.pointerId);
    pen = event.pointerId;
    last = null;
    draw(event);
  });
  canvas.addEventListener("lostpointercapture", (event) => {
    if (event.pointerId === pen) pen = null;
  });
  canvas.addEventListener("pointermove", (event) => {
    // The points between two events are known over https and on this machine alone.
    const points = event.getCoalescedEvents?.() ?? [];
    if (event.pointerId === pen && event.buttons & 1) (points.length ? points : [event]).forEach(draw);
  });
  return {
    clear() {
      paper.clearRect(0, 0, SIDE, SIDE);
      tell();
    },
    show(image) {
      paper.clearRect(0, 0, SIDE, SIDE);
      paper.drawImage(image, 0, 0, SIDE, SIDE);
      const pixels = paper.getImageData(0, 0, SIDE, SIDE);
      for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = pixels.data[at];
      paper.putImageData(pixels, 0, 0);
      recolour();
      tell();
    },
  };
}
