// Paints the hole over the picture. Gradio runs this once, when the component is mounted, and hands in `element`, `props`,
// `watch` and `trigger`. In: props.picture (a preview as a data URL, empty for none), props.size ([width, height] of the
// picture itself), props.given ({url, turn}, a mask from a file). Out: props.value, the hole as a PNG whose alpha says
// where it is, and the event "input".
const find = (selector) => element.querySelector(selector);
const painter = find(".painter"), stage = find(".stage"), preview = find("img"), canvas = find("canvas");
const ring = find(".ring"), band = find(".band"), numbers = find(".numbers"), size = find("[name=size]");
const ink = canvas.getContext("2d", { willReadFrequently: true });
const COLOR = "#ff2d78";

// What was done, in order: the hole is what these draw. Undo takes the last one away and draws the rest again.
let done = [], undone = [], current = null;

const DRAW = {
  stroke({ points, diameter, erase }) {
    ink.globalCompositeOperation = erase ? "destination-out" : "source-over";
    ink.lineWidth = diameter;
    ink.lineCap = ink.lineJoin = "round";
    ink.beginPath();
    points.forEach(([x, y]) => ink.lineTo(x, y));
    if (points.length === 1) ink.lineTo(points[0][0], points[0][1]); // a dot
    ink.stroke();
  },
  box: ({ x, y, width, height }) => ink.fillRect(x, y, width, height),
  mask({ image }) {
    DRAW.clear();
    ink.drawImage(image, 0, 0);
    ink.globalCompositeOperation = "source-in";
    ink.fillRect(0, 0, canvas.width, canvas.height);
  },
  invert() {
    ink.globalCompositeOperation = "xor";
    ink.fillRect(0, 0, canvas.width, canvas.height);
  },
  clear: () => ink.clearRect(0, 0, canvas.width, canvas.height),
};

function draw(step) {
  ink.globalCompositeOperation = "source-over";
  ink.fillStyle = ink.strokeStyle = COLOR;
  DRAW[step.kind](step);
}

function redraw() {
  DRAW.clear();
  done.forEach(draw);
  tell();
}

function add(step) {
  done.push(step);
  undone = [];
  draw(step);
  tell();
}

function tell() {
  // Not `disabled`: a button that is pressed with the keyboard would lose the focus as it does its last.
  find("[name=undo]").ariaDisabled = !done.length;
  find("[name=redo]").ariaDisabled = !undone.length;
  props.value = done.length ? canvas.toDataURL("image/png") : "";
  trigger("input");
}

const ACTIONS = {
  undo() {
    if (done.length) undone.push(done.pop());
    redraw();
  },
  redo() {
    if (undone.length) done.push(undone.pop());
    redraw();
  },
  invert: () => add({ kind: "invert" }),
  clear: () => add({ kind: "clear" }),
};
for (const [name, action] of Object.entries(ACTIONS)) find(`[name=${name}]`).addEventListener("click", action);

document.addEventListener("keydown", (event) => {
  if (painter.hidden || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  if (event.target.matches("textarea, input:not([type=radio], [type=range])")) return; // these have an undo of their own
  event.preventDefault();
  event.shiftKey ? ACTIONS.redo() : ACTIONS.undo();
});

// The pointer: mouse, pen or finger.
const tool = () => find("[name=inlay-tool]:checked").value;
const diameter = () => Math.max(1, (size.value / 100) * Math.min(canvas.width, canvas.height));

function place(event) {
  const seen = canvas.getBoundingClientRect();
  return [((event.clientX - seen.left) * canvas.width) / seen.width, ((event.clientY - seen.top) * canvas.height) / seen.height];
}

function corners([x1, y1], [x2, y2]) {
  const clip = (value, most) => Math.round(Math.min(Math.max(value, 0), most));
  const left = clip(Math.min(x1, x2), canvas.width), top = clip(Math.min(y1, y2), canvas.height);
  const right = clip(Math.max(x1, x2), canvas.width), bottom = clip(Math.max(y1, y2), canvas.height);
  return { x: left, y: top, width: right - left, height: bottom - top };
}

function show(shape, { x, y, width, height }) {
  const scale = canvas.clientWidth / canvas.width;
  const style = { left: x, top: y, width, height };
  for (const [key, value] of Object.entries(style)) shape.style[key] = `${value * scale}px`;
  shape.hidden = false;
}

canvas.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  canvas.setPointerCapture(event.pointerId);
  const start = place(event);
  current = tool() === "box" ? { kind: "box", start } : { kind: "stroke", points: [start], diameter: diameter(), erase: tool() === "eraser" };
  if (current.kind === "stroke") draw(current);
});

canvas.addEventListener("pointermove", (event) => {
  const here = place(event);
  ring.hidden = tool() === "box";
  if (!ring.hidden) show(ring, { x: here[0], y: here[1], width: diameter(), height: diameter() });
  if (current?.kind === "box") show(band, corners(current.start, here));
  if (current?.kind !== "stroke") return;
  draw({ ...current, points: [current.points.at(-1), here] });
  current.points.push(here);
});

canvas.addEventListener("pointerup", (event) => {
  const step = current;
  current = null;
  band.hidden = true;
  if (step?.kind === "stroke") add(step);
  if (step?.kind !== "box") return;
  const box = corners(step.start, place(event));
  if (box.width && box.height) add({ kind: "box", ...box });
});

canvas.addEventListener("pointercancel", () => { // a second finger took over: it was no stroke
  current = null;
  band.hidden = true;
  redraw();
});
canvas.addEventListener("pointerleave", () => { ring.hidden = true; });

// The keyboard's way: a box by its numbers, in pixels of the picture itself.
numbers.addEventListener("submit", (event) => {
  event.preventDefault();
  const scale = canvas.width / props.size[0];
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(numbers.elements[name].value) * scale);
  add({ kind: "box", ...corners([x, y], [x + width, y + height]) });
});

// What the program sends.
async function load(image, url) {
  image.src = url;
  await image.decode();
  return image;
}

const INCOMING = {
  async picture() {
    painter.hidden = !props.picture;
    done = [];
    undone = [];
    if (!props.picture) return;
    await load(preview, props.picture);
    canvas.width = preview.naturalWidth;
    canvas.height = preview.naturalHeight;
    stage.style.setProperty("--ratio", canvas.width / canvas.height);
    ["x", "width"].forEach((name) => { numbers.elements[name].max = props.size[0]; });
    ["y", "height"].forEach((name) => { numbers.elements[name].max = props.size[1]; });
    tell();
  },
  async given() {
    if (props.given) add({ kind: "mask", image: await load(new Image(), props.given.url) });
  },
};
for (const [name, take] of Object.entries(INCOMING)) watch(name, take);

// A picture from the clipboard, or dropped on the one before, goes the way of a file that is chosen.
async function offer(file) {
  const chooser = () => document.querySelector("#inlay-picture input[type=file]");
  if (!chooser()) document.querySelector('#inlay-picture button[aria-label="Clear"]')?.click();
  for (let wait = 0; !chooser() && wait < 50; wait++) await new Promise((ready) => setTimeout(ready, 20));
  const files = new DataTransfer();
  files.items.add(file);
  chooser().files = files.files;
  chooser().dispatchEvent(new Event("change", { bubbles: true }));
}

function image_among(files) {
  return [...(files ?? [])].find((file) => file.type.startsWith("image/"));
}

document.addEventListener("paste", (event) => {
  const file = image_among(event.clipboardData?.files);
  if (file) offer(file);
});
painter.addEventListener("dragover", (event) => event.preventDefault());
painter.addEventListener("drop", (event) => {
  event.preventDefault();
  const file = image_among(event.dataTransfer?.files);
  if (file) offer(file);
});
