// Shows one result, or two side by side that move together, over the picture before; behind view.js. In: props.results
// ({size: [width, height], before, panes: [{number, title, small, full}]}, null for none), props.kept (the number of the
// one that is chosen). Out: props.value, the number of another one, with the event "input".
const compare = find(".compare"), panes = find(".panes"), wipe = find("[name=wipe]"), hold = find("[name=hold]");
let layers = [];

const view = makeView({
  moved() {
    layers.forEach((layer) => layer.move(view));
    if (view.stage.clientWidth) view.remember();
  },
  hand: () => true,
});

function make(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent?.append(made);
  return made;
}

// Of several, the one to go on with is chosen by its title.
function head(pane, { number, title }) {
  const label = make("label", "", make("div", "choice", pane)), input = make("input", "", label);
  Object.assign(input, { type: "radio", name: "inlay-kept", value: number });
  input.addEventListener("change", () => {
    props.value = String(number);
    trigger("input");
  });
  make("span", "", label).textContent = title;
}

function build({ before, panes: results, size: [width, height] }) {
  panes.replaceChildren();
  panes.style.setProperty("--columns", results.length);
  layers = results.flatMap((result) => {
    const pane = make("div", "pane", panes);
    if (results.length > 1) head(pane, result);
    const stage = make("div", "stage", pane);
    stage.tabIndex = 0;
    stage.setAttribute("role", "group");
    stage.setAttribute("aria-label", `${result.title}. Arrows move it, plus and minus zoom.`);
    stage.style.setProperty("--ratio", width / height);
    const over = make("div", "before", stage);
    make("div", "line", stage);
    const pair = [[stage, result], [over, before]].map(([parent, picture]) => {
      const layer = makeLayer(parent);
      layer.show(picture);
      return layer;
    });
    view.attach(stage);
    return pair;
  });
  view.show(width, height);
}

function wiped(share) {
  panes.style.setProperty("--wipe", `${share}%`);
  panes.classList.toggle("wiping", share > 0 && share < 100);
}
wipe.addEventListener("input", () => wiped(wipe.value));

const before = () => wiped(100), after = () => wiped(wipe.value);
hold.addEventListener("pointerdown", before);
for (const ends of ["pointerup", "pointerleave", "pointercancel", "blur", "keyup"]) hold.addEventListener(ends, after);
hold.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") before(); });

function choose() {
  for (const input of panes.querySelectorAll("input")) input.checked = Number(input.value) === props.kept;
}

function show() {
  compare.hidden = !props.results;
  if (!props.results) return;
  wipe.value = 0;
  wiped(0);
  build(props.results);
  choose();
}
watch("results", show);
watch("kept", choose);
show(); // this runs when the tab is first seen, with results already there
