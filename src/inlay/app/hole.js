// The hole in memory: a byte for every pixel of the picture, 1 = hole. As text: the lengths of its runs, row by row, by
// turns what stays and what is hole; empty for no hole at all. inlay/app/masks.py reads and writes the same.
function makeHole(width, height) {
  return { width, height, pixels: new Uint8Array(width * height) };
}

function written({ pixels }) {
  if (pixels.indexOf(1) < 0) return "";
  const lengths = [];
  for (let at = 0, value = 0; at < pixels.length; value ^= 1) {
    const next = pixels.indexOf(value ^ 1, at), end = next < 0 ? pixels.length : next;
    lengths.push(end - at);
    at = end;
  }
  return lengths.join(" ");
}

function readInto({ pixels }, runs) {
  pixels.fill(0);
  let at = 0;
  runs.split(" ").forEach((length, number) => {
    if (number % 2) pixels.fill(1, at, at + Number(length));
    at += Number(length);
  });
}

function fillRow(hole, y, left, right, value) {
  const first = Math.max(0, left), end = Math.min(hole.width, right);
  if (first < end) hole.pixels.fill(value, y * hole.width + first, y * hole.width + end);
}

// A stroke from one place to another: every pixel whose middle is no farther from it than half the brush.
function fillStroke(hole, [x1, y1], [x2, y2], diameter, value) {
  const radius = diameter / 2, length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [across, along] = [((y1 - y2) / length) * radius, ((x2 - x1) / length) * radius];
  const corners = [[x1 + across, y1 + along], [x2 + across, y2 + along], [x2 - across, y2 - along], [x1 - across, y1 - along]];
  const top = Math.max(0, Math.floor(Math.min(y1, y2) - radius));
  const bottom = Math.min(hole.height, Math.ceil(Math.max(y1, y2) + radius));
  for (let y = top; y < bottom; y++) {
    const middle = y + 0.5, crossed = [];
    for (const [x, center] of [[x1, y1], [x2, y2]]) { // its round ends
      const half = Math.sqrt(radius * radius - (middle - center) * (middle - center));
      if (half >= 0) crossed.push(x - half, x + half);
    }
    corners.forEach(([ax, ay], number) => { // and what lies between them
      const [bx, by] = corners[(number + 1) % 4];
      if (ay <= middle !== by <= middle) crossed.push(ax + ((middle - ay) * (bx - ax)) / (by - ay));
    });
    if (crossed.length) fillRow(hole, y, Math.ceil(Math.min(...crossed) - 0.5), Math.floor(Math.max(...crossed) + 0.5), value);
  }
}

function fillBox(hole, { x, y, width, height }) {
  for (let row = y; row < y + height; row++) fillRow(hole, row, x, x + width, 1);
}

function invert({ pixels }) {
  for (let at = 0; at < pixels.length; at++) pixels[at] ^= 1;
}

// Draws what a view shows of the hole: whatever is hole covers at least one pixel of the screen, however small it is.
function drawHole(canvas, { width, pixels, height }, view, color) {
  const zoom = view.scale * devicePixelRatio, [x, y] = [view.x * devicePixelRatio, view.y * devicePixelRatio];
  const across = Math.round(canvas.clientWidth * devicePixelRatio), down = Math.round(canvas.clientHeight * devicePixelRatio);
  if (!across || !down) return;
  if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
  const image = new ImageData(across, down), ink = new Uint32Array(image.data.buffer);
  const left = Math.max(0, Math.floor(-x / zoom)), right = Math.min(width, Math.ceil((across - x) / zoom));
  const bottom = Math.min(height, Math.ceil((down - y) / zoom));
  for (let row = Math.max(0, Math.floor(-y / zoom)); row < bottom;) {
    const start = row * width, end = start + right;
    let from = pixels.indexOf(1, start + left);
    if (from < 0) break;
    if (from >= end) {
      row = Math.max(row + 1, Math.floor(from / width));
      continue;
    }
    const top = Math.round(row * zoom + y), below = Math.max(top + 1, Math.round((row + 1) * zoom + y));
    while (from >= 0 && from < end) {
      const next = pixels.indexOf(0, from), to = next < 0 ? end : Math.min(next, end);
      const first = Math.round((from - start) * zoom + x), last = Math.max(first + 1, Math.round((to - start) * zoom + x));
      for (let line = Math.max(0, top); line < Math.min(down, below); line++) {
        ink.fill(color, line * across + Math.max(0, first), line * across + Math.min(across, last));
      }
      from = pixels.indexOf(1, Math.max(to, start + Math.floor((last - x) / zoom))); // what is seen no more is skipped
    }
    row++;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
