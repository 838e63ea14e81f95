// Paints the hole over the picture, behind view.js and hole.js. In: props.picture ({small, full, size: [width, height]},
// null for none), props.given ({runs, turn}: a mask to show), props.back and props.forward (whether there is a picture
// before or after this one). Out: props.value, the hole, with the event "input"; and the events "back" and "forward".
const painter = find(".painter"), stage = find(".stage"), canvas = find("canvas");
const ring = find(".ring"), band = find(".band"), numbers = find(".numbers"), size = find("[name=size]");
const COLOR = 0xff782dff; // alpha, blue, green, red
const KEPT = 200, KEPT_LETTERS = 50_000_000; // states that undo goes back to

let hole = makeHole(1, 1), current = null, drawing = 0;
let brush = 1, brushSeen = 1; // its diameter in pixels of the picture; on the page it stays as large when zooming
let states = [""], now = 0; // what the hole was; it is states[now]

const layer = makeLayer(stage);
const view = makeView({
  moved() {
    layer.move(view);
    resize(brushSeen / view.scale);
    redraw();
    if (view.stage.clientWidth) view.remember();
  },
  hand: () => tool() === "hand",
  start(place) {
    current = tool() === "box" ? { start: place } : { at: snapped(place), value: tool() === "brush" ? 1 : 0 };
    if (current.at) stroke(current.at);
  },
  draw(place) {
    find(".where").textContent = place.every((at, axis) => at >= 0 && at < [hole.width, hole.height][axis]) ? `x ${Math.floor(place[0])}, y ${Math.floor(place[1])}` : "";
    ring.hidden = !["brush", "eraser"].includes(tool());
    if (!ring.hidden) over(ring, [...snapped(place), brush, brush]);
    if (current?.at) stroke(snapped(place));
    else if (current) {
      const box = corners(current.start, place);
      over(band, [box.x, box.y, box.width, box.height]);
      find(".where").textContent = `${box.width} × ${box.height}`;
    }
  },
  end(place) {
    const box = current.start && corners(current.start, place);
    current = null;
    band.hidden = true;
    if (box && !(box.width && box.height)) return;
    if (box) {
      fillBox(hole, box);
      for (const [name, value] of Object.entries(box)) numbers.elements[name].value = value;
    }
    add();
  },
  cancel() {
    current = null;
    band.hidden = true;
    restore();
  },
});
view.attach(stage);
stage.addEventListener("pointerleave", () => { ring.hidden = true; });

const tool = () => find("[name=inlay-tool]:checked").value;

// So that a brush covers the same pixels wherever in a pixel the pointer is.
const snapped = (place) => place.map((at) => (brush % 2 ? Math.floor(at) + 0.5 : Math.round(at)));

function stroke(to) {
  fillStroke(hole, current.at, to, brush, current.value);
  current.at = to;
  redraw();
}

function corners(start, end) {
  const edge = (at, most) => Math.round(clamp(at, 0, most));
  const [x1, x2] = [edge(start[0], hole.width), edge(end[0], hole.width)].sort((a, b) => a - b);
  const [y1, y2] = [edge(start[1], hole.height), edge(end[1], hole.height)].sort((a, b) => a - b);
  return { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
}

function over(shape, [x, y, width, height]) {
  const style = { left: x * view.scale + view.x, top: y * view.scale + view.y, width: width * view.scale, height: height * view.scale };
  for (const [key, value] of Object.entries(style)) shape.style[key] = `${value}px`;
  shape.hidden = false;
}

function redraw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => drawHole(canvas, hole, view, COLOR));
}

// The hole was changed.
function add() {
  const runs = written(hole);
  redraw();
  if (runs === states[now]) return;
  states = [...states.slice(0, now + 1), runs];
  const letters = () => states.reduce((sum, state) => sum + state.length, 0);
  while (states.length > KEPT || (states.length > 2 && letters() > KEPT_LETTERS)) states.shift();
  now = states.length - 1;
  props.forward = false;
  tell();
}

function restore() {
  readInto(hole, states[now]);
  redraw();
}

function tell() {
  // Not `disabled`: a button that is pressed with the keyboard would lose the focus as it does its last.
  find("[name=undo]").ariaDisabled = !(now || props.back);
  find("[name=redo]").ariaDisabled = !(now < states.length - 1 || props.forward);
  props.value = states[now];
  trigger("input");
}

function step(by, beyond) {
  if (states[now + by] === undefined) {
    if (props[beyond]) trigger(beyond);
    return;
  }
  now += by;
  restore();
  tell();
}

const ACTIONS = {
  undo: () => step(-1, "back"),
  redo: () => step(1, "forward"),
  invert() {
    invert(hole);
    add();
  },
  clear() {
    hole.pixels.fill(0);
    add();
  },
  open: () => document.querySelector("#inlay-picture input[type=file]").click(),
};
for (const [name, action] of Object.entries(ACTIONS)) find(`[name=${name}]`).addEventListener("click", action);

// The size of the brush, in pixels of the picture; the slider is fine where it is small.
const largest = () => Math.max(2, Math.min(hole.width, hole.height) / 2);

function resize(to, chosen = false) {
  brush = clamp(Math.round(to), 1, Math.round(largest()));
  if (chosen) brushSeen = brush * view.scale;
  size.value = (100 * Math.log(brush)) / Math.log(largest());
  find(".size output").value = `${brush} px`;
  ring.hidden = true;
}
size.addEventListener("input", () => {
  resize(largest() ** (size.value / 100), true);
});

const choose = (name) => { find(`[name=inlay-tool][value=${name}]`).click(); };
const KEYS = {
  "[": () => resize(Math.min(brush - 1, brush / 1.2), true), "]": () => resize(Math.max(brush + 1, brush * 1.2), true),
  b: () => choose("brush"), e: () => choose("eraser"), r: () => choose("box"), h: () => choose("hand"),
};

document.addEventListener("keydown", (event) => {
  if (painter.hidden || !stage.clientWidth || typing(event.target)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const command = (event.ctrlKey || event.metaKey) && !event.altKey; // with Alt, some keyboards write [ and ]
  if (command && (key === "z" || key === "y")) event.shiftKey || key === "y" ? ACTIONS.redo() : ACTIONS.undo();
  else if (!command && KEYS[key]) KEYS[key]();
  else return;
  event.preventDefault();
});

for (const each of element.querySelectorAll("[name=inlay-tool]")) {
  each.addEventListener("change", () => {
    stage.classList.remove("brush", "eraser", "box", "hand");
    stage.classList.add(tool());
  });
}

// The keyboard's way: a box by its numbers.
numbers.addEventListener("submit", (event) => {
  event.preventDefault();
  const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(numbers.elements[name].value));
  fillBox(hole, corners([x, y], [x + width, y + height]));
  add();
});

// What the program sends.
const INCOMING = {
  picture() {
    painter.hidden = !props.picture;
    if (!props.picture) return;
    const [width, height] = props.picture.size;
    const other = width !== hole.width || height !== hole.height;
    hole = makeHole(width, height);
    states = [""];
    now = 0;
    layer.show(props.picture);
    stage.style.setProperty("--ratio", width / height);
    ["x", "width"].forEach((name) => { numbers.elements[name].max = width; });
    ["y", "height"].forEach((name) => { numbers.elements[name].max = height; });
    view.show(width, height);
    if (other) resize(0.08 * Math.min(width, height), true);
    tell();
  },
  given() {
    if (!props.given) return;
    const forward = props.forward;
    readInto(hole, props.given.runs);
    add();
    props.forward = forward;
    tell();
  },
};
for (const [name, take] of Object.entries(INCOMING)) watch(name, take);
stage.classList.add("brush");

// A picture from the clipboard, or dropped on the one before, goes the way of a file that is chosen.
function offer(file) {
  const files = new DataTransfer();
  files.items.add(file);
  const chooser = document.querySelector("#inlay-picture input[type=file]");
  chooser.files = files.files;
  chooser.dispatchEvent(new Event("change", { bubbles: true }));
}

const imageAmong = (files) => [...(files ?? [])].find((file) => file.type.startsWith("image/"));

document.addEventListener("paste", (event) => {
  const file = imageAmong(event.clipboardData?.files);
  if (file) offer(file);
});
painter.addEventListener("dragover", (event) => event.preventDefault());
painter.addEventListener("drop", (event) => {
  event.preventDefault();
  const file = imageAmong(event.dataTransfer?.files);
  if (file) offer(file);
});
