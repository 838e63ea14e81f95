"use strict";

const STRETCH = 1.5; // up to so many training sizes a window is shown to the network as it is
const LONG = 3; // and its long side up to so many
const MULTIPLES = 2; // sides of the window around a hole, in sides of the hole

const element = (id) => document.getElementById(id);
const view = element("view"), paint = element("paint");
const shown = view.getContext("2d", { willReadFrequently: true });
const painted = paint.getContext("2d", { willReadFrequently: true });
const worker = new Worker("worker.js");
let ready = false, busy = false, training = 0, original = null, filled = null, strokes = [], name = "filled";
let pointer = null; // that draws

function say(text, bad = false) {
  element("status").textContent = text;
  element("status").classList.toggle("bad", bad);
}

function update() {
  const drawn = strokes.length > 0;
  element("picture").disabled = busy;
  element("mask").disabled = !original || busy;
  element("undo").disabled = element("clear").disabled = !drawn || busy;
  element("fill").disabled = !(original && drawn && ready) || busy;
  element("compare").disabled = !filled;
  element("download").hidden = !filled;
}

async function pixelsOf(file) {
  const bitmap = await createImageBitmap(file, { premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

async function open(file) {
  if (busy) return;
  let opened;
  try {
    opened = await pixelsOf(file);
  } catch {
    say(`${file.name} cannot be opened as a picture.`, true);
    return;
  }
  if (busy) return;
  original = opened;
  name = file.name.replace(/\.[^.]*$/, "");
  filled = null;
  for (const canvas of [view, paint]) {
    canvas.width = original.width;
    canvas.height = original.height;
  }
  shown.putImageData(original, 0, 0);
  element("brush").max = Math.max(20, Math.round(Math.min(original.width, original.height) / 3));
  element("brush").value = Math.max(4, Math.round(Math.min(original.width, original.height) / 12));
  element("stage").hidden = false;
  strokes = [];
  redraw();
  const transparent = original.data.some((value, i) => i % 4 === 3 && value < 255);
  const hint = transparent ? " Where the picture is transparent, the browser rounds its colors." : "";
  say((ready ? "Paint over what shall be filled." : "Loading the network …") + hint);
}

async function takeMask(file) {
  try {
    const mask = await pixelsOf(file);
    if (mask.width !== original.width || mask.height !== original.height) {
      say(`The mask has ${mask.width} x ${mask.height} pixels, the picture ${original.width} x ${original.height}.`, true);
      return;
    }
    let white = 0;
    for (let i = 0; i < mask.data.length; i += 4) {
      const [red, green, blue] = mask.data.subarray(i, i + 3);
      const hole = 0.299 * red + 0.587 * green + 0.114 * blue >= 127.5;
      mask.data.set([255, 0, 80, hole ? 255 : 0], i);
      white += hole;
    }
    if (!white) return say(`${file.name} has no white in it: white is what shall be filled.`, true);
    strokes.push({ mask });
    redraw();
  } catch {
    say(`${file.name} cannot be opened as a mask.`, true);
  }
}

function redraw() {
  painted.clearRect(0, 0, paint.width, paint.height);
  for (const stroke of strokes) draw(stroke);
  update();
}

function draw(stroke) {
  if (stroke.mask) {
    const canvas = new OffscreenCanvas(paint.width, paint.height);
    canvas.getContext("2d").putImageData(stroke.mask, 0, 0);
    painted.drawImage(canvas, 0, 0);
    return;
  }
  painted.strokeStyle = "rgb(255 0 80)";
  painted.lineCap = painted.lineJoin = "round";
  painted.lineWidth = stroke.width;
  painted.beginPath();
  stroke.points.forEach(([x, y], i) => (i ? painted.lineTo(x, y) : painted.moveTo(x, y)));
  if (stroke.points.length === 1) painted.lineTo(...stroke.points[0]);
  painted.stroke();
}

const at = (event) => [
  (event.offsetX * paint.width) / paint.clientWidth,
  (event.offsetY * paint.height) / paint.clientHeight,
];

function holePixels() {
  const { data } = painted.getImageData(0, 0, paint.width, paint.height);
  return Uint8Array.from({ length: paint.width * paint.height }, (_, i) => (data[4 * i + 3] > 127 ? 1 : 0));
}

function boxOf(hole) {
  let left = paint.width, top = paint.height, right = -1, bottom = -1;
  hole.forEach((value, i) => {
    if (!value) return;
    const x = i % paint.width, y = (i - x) / paint.width;
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  });
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

// The whole picture where it is hardly larger than what the network was trained on; else a square around the hole.
function windowOf(box) {
  const { width, height } = original;
  if (Math.min(width, height) <= STRETCH * training && Math.max(width, height) <= LONG * training) {
    return { left: 0, top: 0, width, height };
  }
  const side = Math.max(MULTIPLES * box.width, MULTIPLES * box.height, training);
  const [w, h] = [Math.min(side, width), Math.min(side, height)];
  const place = (middle, own, all) => Math.round(Math.min(Math.max(middle - own / 2, 0), all - own));
  return {
    left: place(box.left + box.width / 2, w, width),
    top: place(box.top + box.height / 2, h, height),
    width: w,
    height: h,
  };
}

function scaled(source, box, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, box.left, box.top, box.width, box.height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function ask(image, mask, width, height) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.filled));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ image, mask, width, height }, [image.buffer, mask.buffer]);
  });
}

async function fill() {
  const hole = holePixels(), box = boxOf(hole);
  if (!box) return say("Nothing is painted.", true);
  busy = true;
  update();
  say("Filling …");
  try {
    const start = performance.now();
    const window = windowOf(box);
    const [short, long] = [Math.min(window.width, window.height), Math.max(window.width, window.height)];
    const shrink = Math.min(1, (STRETCH * training) / short, (LONG * training) / long);
    const width = Math.max(1, Math.round(window.width * shrink)), height = Math.max(1, Math.round(window.height * shrink));
    shown.putImageData(original, 0, 0);
    const rgb = scaled(view, window, width, height).data;
    const alpha = scaled(paint, window, width, height).data;
    const area = width * height, image = new Float32Array(3 * area), mask = new Float32Array(area);
    for (let i = 0; i < area; i++) {
      // a pixel of a smaller copy is hole if any part of it is
      mask[i] = alpha[4 * i + 3] > (shrink < 1 ? 0 : 127) ? 1 : 0;
      for (let c = 0; c < 3; c++) image[c * area + i] = rgb[4 * i + c] / 255;
    }
    const answer = await ask(image, mask, width, height);
    paste(answer, hole, window, width, height);
    strokes = [];
    redraw();
    say(`Filled in ${((performance.now() - start) / 1000).toFixed(1)} seconds. Paint on to fill more.`);
  } catch (error) {
    say(`It could not be filled: ${error.message}`, true);
  }
  busy = false;
  update();
}

// Only pixels of the hole are touched; all others stay as they were opened.
function paste(answer, hole, window, width, height) {
  const copy = new ImageData(width, height), area = width * height;
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) copy.data[4 * i + c] = Math.round(255 * answer[c * area + i]);
    copy.data[4 * i + 3] = 255;
  }
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").putImageData(copy, 0, 0);
  const full = scaled(canvas, { left: 0, top: 0, width, height }, window.width, window.height).data;
  const result = new ImageData(new Uint8ClampedArray(original.data), original.width, original.height);
  for (let y = 0; y < window.height; y++) {
    for (let x = 0; x < window.width; x++) {
      const to = (window.top + y) * original.width + window.left + x;
      if (hole[to]) result.data.set(full.subarray(4 * (y * window.width + x), 4 * (y * window.width + x) + 4), 4 * to);
    }
  }
  filled = { before: original, after: result };
  original = result;
  shown.putImageData(result, 0, 0);
  view.toBlob((blob) => {
    URL.revokeObjectURL(element("download").href);
    element("download").href = URL.createObjectURL(blob);
    element("download").download = `${name}_filled.png`;
  }, "image/png");
}

for (const [id, take] of [["picture", open], ["mask", takeMask]]) {
  element(id).onchange = ({ target }) => {
    if (target.files[0]) take(target.files[0]);
    target.value = ""; // so that the same file can be chosen again
  };
}
element("undo").onclick = () => { strokes.pop(); redraw(); };
element("clear").onclick = () => { strokes = []; redraw(); };
element("fill").onclick = fill;
element("compare").onpointerdown = () => shown.putImageData(filled.before, 0, 0);
for (const end of ["onpointerup", "onpointerleave", "onpointercancel"]) {
  element("compare")[end] = () => filled && shown.putImageData(filled.after, 0, 0);
}
paint.onpointerdown = (event) => {
  if (busy || !event.isPrimary) return;
  pointer = event.pointerId;
  paint.setPointerCapture(pointer);
  strokes.push({ width: Number(element("brush").value), points: [at(event)] });
  redraw();
};
paint.onpointermove = (event) => {
  if (event.pointerId !== pointer || busy) return;
  strokes.at(-1).points.push(at(event));
  redraw();
};
paint.onpointerup = paint.onpointercancel = () => { pointer = null; };
document.ondragover = (event) => event.preventDefault();
document.ondrop = (event) => {
  event.preventDefault();
  if (event.dataTransfer.files[0]) open(event.dataTransfer.files[0]);
};
worker.onerror = () => say("The network could not be loaded. Serve this folder by HTTP: see its README.", true);
worker.onmessage = async ({ data }) => {
  if (data.error) return say(`The network could not be loaded: ${data.error}`, true);
  try {
    training = (await (await fetch("page.json")).json()).image_size;
  } catch (error) {
    return say(`page.json could not be loaded: ${error.message}`, true);
  }
  ready = true;
  say(original ? "Paint over what shall be filled." : "Open a picture, or drop one here.");
  update();
};
