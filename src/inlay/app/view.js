// A window onto a picture: zoom and pan with wheel, fingers, keys and buttons. Gradio runs this in front of painter.js and
// of compare.js, once for each, and hands in `element`, `props`, `watch` and `trigger`. Places are in pixels of the
// picture, counted from its corner; those that end in `...Seen` are in pixels of the page, from the corner of the stage.
const find = (selector) => element.querySelector(selector);
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
const MOST = 32; // pixels of the page for one of the picture
const NEAR = 3; // from here on every pixel is a square

// Where on the page an event is, from the corner of a stage.
function seen(event, stage) {
  const corner = stage.getBoundingClientRect();
  return [event.clientX - corner.left, event.clientY - corner.top];
}

// Whether a key is meant for what has the focus.
function typing(target) {
  return target.matches?.("textarea, select, [contenteditable], input:not([type=radio], [type=range], [type=checkbox])");
}

// `on.moved()` is called after every move; `on.start(place, event)`, `on.draw(place, event)`, `on.end(place)` and
// `on.cancel()` for what one pointer does that does not move the picture; `on.hand()` says whether it does.
function makeView(on) {
  const view = { width: 1, height: 1, scale: 1, x: 0, y: 0, fitted: true, again: null, stage: null };
  const fingers = new Map();
  let space = false, moving = false, pressed = false;

  const room = () => [view.stage.clientWidth, view.stage.clientHeight];
  const least = () => Math.min(room()[0] / view.width, room()[1] / view.height);

  // No border where the picture is larger than the stage; in the middle where it is smaller.
  function settle() {
    if (!view.stage?.clientWidth) return; // on a tab that is not shown
    const [width, height] = room();
    if (view.again) {
      const { middle, stage } = view.again;
      const scale = view.again.scale * Math.min(width / stage[0], height / stage[1]);
      Object.assign(view, { again: null, fitted: false, scale, x: width / 2 - middle[0] * scale, y: height / 2 - middle[1] * scale });
    }
    if (view.fitted) view.scale = least();
    view.scale = clamp(view.scale, least(), Math.max(MOST, least()));
    view.fitted = view.scale === least();
    const settled = (corner, side, space) => (side <= space ? (space - side) / 2 : clamp(corner, space - side, 0));
    view.x = settled(view.x, view.width * view.scale, width);
    view.y = settled(view.y, view.height * view.scale, height);
    const percent = view.scale * devicePixelRatio * 100;
    find(".percent").value = `${percent.toFixed(percent < 10 ? 1 : 0)}%`;
    for (const stage of element.querySelectorAll(".stage")) stage.classList.toggle("near", view.scale * devicePixelRatio >= NEAR);
    on.moved();
  }

  view.place = ([x, y]) => [(x - view.x) / view.scale, (y - view.y) / view.scale];

  view.zoom = (factor, at = room().map((side) => side / 2)) => {
    const [x, y] = view.place(at);
    view.scale = clamp(view.scale * factor, least(), Math.max(MOST, least()));
    view.fitted = view.scale === least();
    [view.x, view.y] = [at[0] - x * view.scale, at[1] - y * view.scale];
    settle();
  };

  view.pan = (right, down) => {
    view.x += right;
    view.y += down;
    settle();
  };

  view.fit = () => {
    view.fitted = true;
    settle();
  };

  // Another picture; one of the same size is looked at where the one before was, also by the other view of the page.
  view.show = (width, height) => {
    const last = document.inlayLook, same = last?.width === width && last.height === height && !last.fitted;
    Object.assign(view, { width, height, fitted: true, again: same ? last : null });
    settle();
  };

  view.remember = () => {
    const { width, height, scale, fitted } = view;
    document.inlayLook = { width, height, scale, fitted, stage: room(), middle: view.place(room().map((side) => side / 2)) };
  };

  const middle = () => {
    const all = [...fingers.values()];
    const at = [0, 1].map((axis) => all.reduce((sum, one) => sum + one[axis], 0) / all.length);
    return { at, spread: all.length > 1 ? Math.hypot(all[0][0] - all[1][0], all[0][1] - all[1][1]) : 1 };
  };

  view.attach = (stage) => {
    view.stage = stage;
    new ResizeObserver(settle).observe(stage);

    stage.addEventListener("wheel", (event) => {
      if (view.fitted && event.deltaY > 0 && !event.ctrlKey) return; // all of it is seen: the page goes on
      event.preventDefault();
      const lines = event.deltaMode ? 16 : 1; // a pinch on a touchpad has Ctrl, and small steps
      view.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), seen(event, stage));
    }, { passive: false });

    stage.addEventListener("pointerdown", (event) => {
      if (event.button > 1 || event.target.closest("button, label")) return;
      fingers.set(event.pointerId, seen(event, stage));
      stage.setPointerCapture(event.pointerId);
      const moves = fingers.size > 1 || event.button === 1 || space || on.hand();
      if (event.button === 1) event.preventDefault(); // the browser's own way to scroll
      if (!moves) {
        pressed = true;
        on.start(view.place(seen(event, stage)), event);
        return;
      }
      if (pressed) on.cancel(); // the second finger says that the first one did not paint
      [pressed, moving] = [false, true];
      stage.classList.add("moving");
    });

    stage.addEventListener("pointermove", (event) => {
      const here = seen(event, stage);
      if (!fingers.has(event.pointerId) || !moving) {
        if (!moving) on.draw?.(view.place(here), event);
        return;
      }
      const before = middle();
      fingers.set(event.pointerId, here);
      const after = middle();
      view.pan(after.at[0] - before.at[0], after.at[1] - before.at[1]);
      if (after.spread !== before.spread) view.zoom(after.spread / before.spread, after.at);
    });

    const lift = (event) => {
      if (!fingers.delete(event.pointerId)) return;
      if (pressed && event.type === "pointerup") on.end(view.place(seen(event, stage)));
      else if (pressed) on.cancel();
      pressed = false;
      if (fingers.size) return;
      moving = false;
      stage.classList.remove("moving");
    };
    stage.addEventListener("pointerup", lift);
    stage.addEventListener("pointercancel", lift);
  };

  const KEYS = {
    "+": () => view.zoom(1.25), "=": () => view.zoom(1.25), "-": () => view.zoom(0.8), 0: view.fit,
    1: () => view.zoom(1 / devicePixelRatio / view.scale),
  };
  const ARROWS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

  document.addEventListener("keydown", (event) => {
    if (!view.stage?.clientWidth || typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    const onStage = event.target.matches(".stage");
    if (KEYS[event.key]) KEYS[event.key]();
    else if (ARROWS[event.key] && onStage) view.pan(...ARROWS[event.key].map((way) => way * (event.shiftKey ? 200 : 40)));
    else if (event.key === " " && (onStage || event.target === document.body)) space = true;
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => { if (event.key === " ") space = false; });
  window.addEventListener("blur", () => { space = false; });

  find("[name=out]").addEventListener("click", KEYS["-"]);
  find("[name=in]").addEventListener("click", KEYS["+"]);
  find("[name=fit]").addEventListener("click", view.fit);
  find("[name=actual]").addEventListener("click", KEYS[1]);
  return view;
}

// A picture in a stage: the small copy at once, and every pixel over it as soon as the copy has too few.
function makeLayer(parent) {
  const stage = parent.closest(".stage");
  let images = [], picture = null;
  return {
    show(shown) {
      images.forEach((image) => image.remove());
      stage.classList.remove("loading");
      images = [new Image()];
      images[0].src = shown.small;
      images[0].className = shown.full ? "" : "exact";
      parent.prepend(images[0]);
      picture = shown;
    },
    move({ width, height, scale, x, y }) {
      for (const image of images) {
        image.style.width = `${width}px`;
        image.style.height = `${height}px`;
        image.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
      }
      if (!picture?.full || images.length > 1 || !images[0].naturalWidth) return;
      if (scale * devicePixelRatio > (1.1 * images[0].naturalWidth) / width) this.sharpen();
    },
    async sharpen() {
      const [rough] = images, full = new Image();
      images.push(full);
      full.src = picture.full;
      full.className = "exact";
      stage.classList.add("loading");
      await full.decode().catch(() => images.pop()); // it had to make room for others: the small copy stays
      if (images[0] !== rough) return; // another picture is shown by now
      stage.classList.remove("loading");
      if (images[1] !== full) return;
      full.style.cssText = rough.style.cssText;
      rough.after(full);
    },
  };
}
