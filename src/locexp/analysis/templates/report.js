"use strict";
// What one does with the page: the pictures of the front and of a race, the table, test images side by side. Without it the page has a
// picture in place of the first, and everything else. Users' text only ever becomes text nodes and attributes.
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const settings = data.settings;
const find = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
const html = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// ---- numbers and axes

const interval = ([mean, half]) => half === null ? mean.toFixed(4) : `${mean.toFixed(4)} ± ${half.toFixed(4)}`;

function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most), power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const found = [];
  for (let number = Math.ceil(low / step - 1e-9); number * step <= high + step * 1e-9; number++)
    found.push([number * step, (number * step).toFixed(digits)]);
  return found.length < 2 && most < 100 ? ticks(low, high, most * 1.5) : found;  // one alone gives no scale
}

// ---- the picture of the front

const SHAPES = {  // of means: what a setting is shows without colour, too
  chosen: "M0-9 2.6-3.2 8.8-2.8 4.1 1.3 5.6 7.4 0 4-5.6 7.4-4.1 1.3-8.8-2.8-2.6-3.2Z",
  default: "M-6-6H6V6H-6Z",
  alone: "M0-7.5 7 5.5H-7Z",
  method: "M0-7 7 0 0 7-7 0Z",
  plain: "M5.5 0A5.5 5.5 0 1 1-5.5 0 5.5 5.5 0 1 1 5.5 0Z",
};
const kindOf = (setting, index) => index === data.chosen ? "chosen" : index === data.default ? "default"
  : setting.alone ? "alone" : setting.ratio === null ? "method" : "plain";
const MARGIN = {left: 70, right: 14, top: 12, bottom: 44};
const LEAST_RANGE = .01;
const MOST_INTERVALS = 40;  // of more settings than this in view they would hide one another

const box = find("#scatter"), shown = settings.map((setting, index) => ({setting, index})).filter(one => one.setting.means);
const picture = svg("svg", {role: "group", "aria-label":
  `${data.axes[0]} against ${data.axes[1]} of ${counted(shown.length, "setting")}; arrow keys go from one to the next`});
const axes = svg("g", {"aria-hidden": true}), clip = svg("rect"), front = svg("path", {class: "front", "pointer-events": "none"});
const baseline = svg("path", {class: "baseline"}), points = svg("g"), names = svg("g", {"aria-hidden": true, "pointer-events": "none"});
const drag = svg("rect", {class: "drag", visibility: "hidden"}), tip = html("div", {class: "tip", hidden: "", "aria-hidden": true});
picture.append(svg("clipPath", {id: "inside"}, clip), axes,
  svg("g", {"clip-path": "url(#inside)"}, baseline, points, front, names, drag));
box.append(picture, tip);

function colour(setting, kind) {
  if (kind !== "plain" || !data.ratios) return "";
  const [low, high] = data.ratios.map(Math.log), share = 100 * (Math.log(setting.ratio) - low) / (high - low);
  return `color: color-mix(in oklab, var(--low), var(--high) ${share.toFixed(1)}%)`;
}
function mark(kind, style = "") {
  return svg("g", {class: `setting ${kind}`, style}, svg("path", {class: "mean", d: SHAPES[kind]}));
}
function describe({setting, index}) {
  const [x, y] = setting.means, lines = [
    `${data.axes[0]} ${interval(x)}`, `${data.axes[1]} ${interval(y)}`,
    counted(setting.runs.length, "seed") + (setting.failed ? `, ${setting.failed} failed` : "")];
  if (data.front.includes(index)) lines.push(index === data.knee ? "the knee of the front" : "on the front");
  if (setting.marks.length) lines.unshift(setting.marks.join(", "));
  if (setting.verdict) lines.push(`against the default: ${setting.verdict}`);
  if (setting.standing) lines.push(`against the best: ${setting.standing}`);
  return lines;
}

// Left to right, which is the way of the arrow keys; what is drawn last lies on top.
shown.sort((a, b) => a.setting.means[0][0] - b.setting.means[0][0] || a.index - b.index);
for (const one of shown) {
  const kind = kindOf(one.setting, one.index);
  one.runs = svg("path", {class: "run", fill: "none", stroke: "currentColor", "stroke-opacity": .4, "stroke-width": 5, "stroke-linecap": "round"});
  one.cross = svg("path", {class: "cross"});
  one.mean = svg("g", {}, svg("circle", {class: "ring", r: 12}), svg("path", {class: "mean", d: SHAPES[kind]}));
  one.group = svg("g", {class: `setting ${kind}`, style: colour(one.setting, kind), tabindex: -1, role: "button", "aria-pressed": false,
    "data-setting": one.index, "aria-label": [one.setting.label, ...describe(one)].join("; ")}, one.runs, one.cross, one.mean);
  if (["chosen", "default", "alone"].includes(kind))
    one.name = svg("text", {class: "name"}, kind === "alone" ? `${one.setting.alone} alone` : one.setting.marks.join(", "));
  one.group.addEventListener("focus", () => { reach(one); hover(one); roam(one); });
  one.group.addEventListener("blur", () => hover(null));
}
const rank = one => ["plain", "method", "alone", "default", "chosen"].indexOf(kindOf(one.setting, one.index));
for (const one of [...shown].sort((a, b) => rank(a) - rank(b))) {
  points.append(one.group);
  if (one.name) names.append(one.name);
}

function extent(some, margin) {
  const range = axis => {
    const values = some.flatMap(({setting}) => [...setting.runs.map(run => run[axis + 1]), setting.means[axis][0]]);
    const low = Math.min(...values), high = Math.max(...values);
    const room = Math.max((high - low) * margin, (LEAST_RANGE - (high - low)) / 2);
    return [low - room, high + room];
  };
  return [...range(0), ...range(1)];
}
const VIEWS = {
  front: extent(shown.filter(one => data.front.includes(one.index)), .12),
  compared: extent(shown.filter(one => one.setting.compared), .07),
  all: extent(shown, .07),
};
let view = VIEWS.compared, size = {width: 640, height: 440};
const inner = () => [MARGIN.left, size.width - MARGIN.right, size.height - MARGIN.bottom, MARGIN.top];
const placeX = x => { const [left, right] = inner(); return left + (x - view[0]) / (view[1] - view[0]) * (right - left); };
const placeY = y => { const [, , bottom, top] = inner(); return bottom + (y - view[2]) / (view[3] - view[2]) * (top - bottom); };
const valueX = px => { const [left, right] = inner(); return view[0] + (px - left) / (right - left) * (view[1] - view[0]); };
const valueY = px => { const [, , bottom, top] = inner(); return view[2] + (px - bottom) / (top - bottom) * (view[3] - view[2]); };
const isInside = ({setting: {means: [[x], [y]]}}) => x >= view[0] && x <= view[1] && y >= view[2] && y <= view[3];

function draw() {
  const [left, right, bottom, top] = inner(), {width, height} = size;
  fill(picture, {viewBox: `0 0 ${width} ${height}`}, []);
  fill(clip, {x: left, y: top, width: right - left, height: bottom - top}, []);
  axes.replaceChildren();
  for (const [value, text] of ticks(view[0], view[1], (right - left) / 90)) {
    const x = placeX(value);
    axes.append(svg("path", {class: "axis", d: `M${x} ${top}V${bottom}`}), svg("text", {x, y: bottom + 16, "text-anchor": "middle"}, text));
  }
  for (const [value, text] of ticks(view[2], view[3], (bottom - top) / 55)) {
    const y = placeY(value);
    axes.append(svg("path", {class: "axis", d: `M${left} ${y}H${right}`}), svg("text", {x: left - 6, y: y + 4, "text-anchor": "end"}, text));
  }
  axes.append(svg("rect", {class: "frame", x: left, y: top, width: right - left, height: bottom - top}),
    svg("text", {x: (left + right) / 2, y: height - 8, "text-anchor": "middle"}, data.axes[0]),
    svg("text", {transform: `translate(13 ${(top + bottom) / 2})rotate(-90)`, "text-anchor": "middle"}, data.axes[1]));
  const edge = data.front.map(index => settings[index].means.map(([mean]) => mean));
  let d = `M${left - 1} ${placeY(edge[0][1])}`;
  edge.forEach(([x], at) => { d += `H${placeX(x)}V${at + 1 < edge.length ? placeY(edge[at + 1][1]) : bottom + 1}`; });
  front.setAttribute("d", d);
  baseline.setAttribute("d", data.baseline === null ? "" : `M${left} ${placeY(data.baseline)}H${right}`);
  for (const one of shown) {
    const {setting: {runs, means: [[x, halfX], [y, halfY]]}} = one, px = placeX(x), py = placeY(y);
    one.at = [px, py];
    one.mean.setAttribute("transform", `translate(${px.toFixed(1)} ${py.toFixed(1)})`);
    one.runs.setAttribute("d", runs.map(run => `M${placeX(run[1]).toFixed(1)} ${placeY(run[2]).toFixed(1)}h0`).join(""));
    one.cross.setAttribute("d", (halfX === null ? "" : `M${placeX(x - halfX)} ${py}H${placeX(x + halfX)}`)
      + (halfY === null ? "" : `M${px} ${placeY(y - halfY)}V${placeY(y + halfY)}`));
    if (one.name) {
      const isRight = px > (left + right) / 2;
      const isDefault = one.index === data.default && one.index !== data.chosen;
      const y = Math.max(top + 15, Math.min(bottom - 6, py + (isDefault ? 18 : -9)));  // not cut off by the frame
      fill(one.name, {x: px + (isRight ? -12 : 12), y, "text-anchor": isRight ? "end" : "start", visibility: isInside(one) ? "visible" : "hidden"}, []);
    }
  }
  picture.classList.toggle("crowded", shown.filter(isInside).length > MOST_INTERVALS);
  for (const button of all("[data-view]")) {
    const asked = VIEWS[button.dataset.view];
    if (asked) button.setAttribute("aria-pressed", asked.every((end, at) => end === view[at]));
  }
  if (near) hover(near);
}
function show(asked) {
  const least = 1e-5;
  if (asked[1] - asked[0] < least || asked[3] - asked[2] < least) return;
  view = asked;
  draw();
}
function zoom(factor, x = (view[0] + view[1]) / 2, y = (view[2] + view[3]) / 2) {
  show([x + (view[0] - x) * factor, x + (view[1] - x) * factor, y + (view[2] - y) * factor, y + (view[3] - y) * factor]);
}
function reach(one) {  // a setting that the keyboard has come to is to be seen
  if (isInside(one)) return;
  const [[x], [y]] = one.setting.means, [x0, x1, y0, y1] = view, room = [(x1 - x0) * .05, (y1 - y0) * .05];
  show([Math.min(x0, x - room[0]), Math.max(x1, x + room[0]), Math.min(y0, y - room[1]), Math.max(y1, y + room[1])]);
}

let near = null;
function hover(one) {
  if (near) near.group.classList.remove("near");
  for (const row of rows) row.classList.toggle("near", one !== null && +row.dataset.setting === one.index);
  near = one;
  tip.hidden = !one || !isInside(one);
  if (!one) return;
  one.group.classList.add("near");
  tip.replaceChildren(html("b", {}, one.setting.label), ...describe(one).map(line => html("div", {}, line)));
  if (tip.hidden) return;
  const scale = box.clientWidth / size.width, [x, y] = one.at.map(value => value * scale);
  const left = x > box.clientWidth / 2 ? x - tip.offsetWidth - 18 : x + 18;
  tip.style.left = `${Math.max(0, Math.min(left, box.clientWidth - tip.offsetWidth))}px`;
  tip.style.top = `${y > box.clientHeight / 2 ? y - tip.offsetHeight - 14 : y + 14}px`;
}
function roam(one) {
  for (const other of shown) other.group.setAttribute("tabindex", other === one ? 0 : -1);
}

function inPicture(event) {
  const frame = picture.getBoundingClientRect(), scale = size.width / frame.width;
  return [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
}
function nearest(event) {
  const [x, y] = inPicture(event), inside = shown.filter(isInside);
  const far = one => Math.hypot(one.at[0] - x, one.at[1] - y);
  const found = inside.reduce((best, one) => !best || far(one) < far(best) ? one : best, null);
  return found && far(found) < 30 ? found : null;
}
let start = null;
picture.addEventListener("pointerdown", event => {
  if (event.button === 0) start = {at: inPicture(event), isDrag: false};
});
picture.addEventListener("pointermove", event => {
  const [x, y] = inPicture(event);
  if (start && event.pointerType !== "touch" && Math.hypot(x - start.at[0], y - start.at[1]) > 6 && !start.isDrag) {
    start.isDrag = true;
    picture.setPointerCapture(event.pointerId);
    hover(null);
  }
  if (!start?.isDrag) return hover(nearest(event));
  fill(drag, {visibility: "visible", x: Math.min(x, start.at[0]), y: Math.min(y, start.at[1]),
    width: Math.abs(x - start.at[0]), height: Math.abs(y - start.at[1])}, []);
});
picture.addEventListener("pointerup", event => {
  const began = start, [x, y] = inPicture(event);
  start = null;
  drag.setAttribute("visibility", "hidden");
  if (!began) return;
  if (!began.isDrag) {
    const one = nearest(event);
    if (one) { roam(one); select(one.index); }
  } else if (Math.abs(x - began.at[0]) > 6 && Math.abs(y - began.at[1]) > 6) {
    const xs = [valueX(x), valueX(began.at[0])], ys = [valueY(y), valueY(began.at[1])];
    show([Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]);
  }
});
picture.addEventListener("pointercancel", () => { start = null; drag.setAttribute("visibility", "hidden"); });
picture.addEventListener("pointerleave", () => { if (!start) hover(null); });
picture.addEventListener("dblclick", () => show(VIEWS.compared));
picture.addEventListener("wheel", event => {
  if (!event.ctrlKey && !event.metaKey) return;  // else the page scrolls, as anywhere
  event.preventDefault();
  const [x, y] = inPicture(event);
  zoom(event.deltaY < 0 ? .8 : 1.25, valueX(x), valueY(y));
}, {passive: false});
picture.addEventListener("keydown", event => {
  const at = shown.findIndex(one => one.group === document.activeElement), last = shown.length - 1;
  const to = {ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last}[event.key];
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  if (to !== undefined) shown[Math.max(0, Math.min(last, to))].group.focus();
  else if (event.key === "Enter" || event.key === " ") select(shown[at].index);
  else if (event.key === "+" || event.key === "-") zoom(event.key === "+" ? .7 : 1 / .7, ...shown[at].setting.means.map(([mean]) => mean));
  else if (event.key === "0") show(VIEWS.compared);
  else if (event.key === "Escape") hover(null);
  else return;
  event.preventDefault();
});
for (const button of all("[data-view]")) {
  const {view: name} = button.dataset;
  button.hidden = name !== "compared" && name in VIEWS && VIEWS[name].every((end, at) => Math.abs(end - VIEWS.compared[at]) < 1e-9);
  button.addEventListener("click", () => name === "in" ? zoom(.7) : name === "out" ? zoom(1 / .7) : show(VIEWS[name]));
}

const legend = find("#legend"), kinds = new Set(shown.map(one => kindOf(one.setting, one.index)));
const explain = (kind, text) => legend.append(html("li", {}, svg("svg", {viewBox: "-10 -10 20 20", "aria-hidden": true}, mark(kind)), ` ${text}`));
for (const [kind, text] of [["chosen", data.chosen === data.default ? "chosen, the default" : "chosen"], ["default", "default"], ["alone", "one task alone (All shows them)"],
  ["method", "weighting methods and others"]]) if (kinds.has(kind)) explain(kind, text);
if (data.ratios && kinds.has("plain"))
  legend.append(html("li", {}, `bbox / classification weight ${data.ratios[0]} `, html("span", {class: "ramp"}), ` ${data.ratios[1]}`));
else if (kinds.has("plain")) explain("plain", "a setting");
const where = shown.length > MOST_INTERVALS ? " (of many settings, shown where you point or enlarge)" : "";
legend.append(html("li", {}, `large: mean, with its 95 % intervals${where}; dots: runs; line: the front`));

// ---- the picture of a race

const course = find("#course"), raced = course ? data.race.lines.map(line => ({...line, index: line.setting, setting: settings[line.setting]})) : [];
const track = svg("svg", {role: "group", "aria-label":
  `${data.metric} on validation by epoch of ${counted(raced.length, "setting")}; arrow keys go from one to the next`});
const trackTip = html("div", {class: "tip", hidden: "", "aria-hidden": true});
const valueOf = ({values}) => values.findLast(value => value !== null) ?? -Infinity;
let trackSize = {width: 0, height: 0}, passing = null;

function progress({epochs, reason, setting, ...line}) {
  const value = valueOf(line), lines = [`${data.metric} ${value === -Infinity ? "unknown" : value.toFixed(4)} on validation after ${epochs.at(-1)} of ${counted(data.race.epochs, "epoch")}`];
  if (setting.marks.length) lines.unshift(setting.marks.join(", "));
  if (reason) lines.push(`not pursued ${reason}`);
  return lines;
}
function drawCourse() {
  const {width, height} = trackSize, left = 56, right = width - 14, top = 12, bottom = height - 44;
  const known = raced.flatMap(({values}) => values.filter(value => value !== null));
  if (!known.length) return;
  const low = Math.min(...known), high = Math.max(...known), room = Math.max((high - low) * .05, LEAST_RANGE / 2), last = data.race.epochs;
  const x = epoch => last === 1 ? (left + right) / 2 : left + 12 + (epoch - 1) / (last - 1) * (right - left - 24);
  const y = value => bottom + (value - low + room) / (high - low + 2 * room) * (top - bottom);
  const back = svg("g", {"aria-hidden": true}), front = svg("g", {"aria-hidden": true, "pointer-events": "none"}), on = document.activeElement;
  for (const [value, text] of ticks(low - room, high + room, (bottom - top) / 55))
    back.append(svg("path", {class: "axis", d: `M${left} ${y(value)}H${right}`}), svg("text", {x: left - 6, y: y(value) + 4, "text-anchor": "end"}, text));
  const step = Math.max(1, Math.ceil(last / ((right - left) / 45)));
  for (let epoch = 1; epoch <= last; epoch += step)
    back.append(svg("path", {class: "axis", d: `M${x(epoch)} ${top}V${bottom}`}), svg("text", {x: x(epoch), y: bottom + 16, "text-anchor": "middle"}, epoch));
  back.append(svg("rect", {class: "frame", x: left, y: top, width: right - left, height: bottom - top}),
    svg("text", {x: (left + right) / 2, y: height - 8, "text-anchor": "middle"}, "epoch"),
    svg("text", {transform: `translate(13 ${(top + bottom) / 2})rotate(-90)`, "text-anchor": "middle"}, `${data.metric} (validation)`));
  for (const line of raced) {
    line.places = line.epochs.flatMap((epoch, at) => line.values[at] === null ? [] : [[x(epoch), y(line.values[at])]]);
    const parts = [svg("path", {class: "line", d: line.places.length ? `M${line.places.map(place => place.map(one => one.toFixed(1)).join(" ")).join("L")}` : ""})];
    if (line.epochs.length <= 12) parts.push(...line.places.map(([cx, cy]) => svg("circle", {class: "dot", cx, cy, r: 2.6})));
    const end = line.places.at(-1);
    if (end) {
      const at = `translate(${end[0].toFixed(1)} ${end[1].toFixed(1)})`, kind = kindOf(line.setting, line.index);
      const mark = line.reason ? svg("path", {class: "dropped", d: "M-5-5 5 5M5-5-5 5"}) : svg("path", {class: "mean", d: SHAPES[kind]});
      parts.push(svg("g", {transform: at}, svg("circle", {class: "ring", r: 11}), mark));
      if (["chosen", "default"].includes(kind)) {
        const isRight = end[0] > (left + right) / 2;
        const at = line.reason ? end[1] + 4 : end[1] < top + 30 ? end[1] + 24 : end[1] - 12;
        front.append(svg("text", {class: "name", x: end[0] + (isRight ? -10 : 14), y: at, "text-anchor": isRight ? "end" : "start"}, kind));
      }
    }
    line.group.replaceChildren(...parts);
  }
  const groups = svg("g", {}, ...[...raced].sort((a, b) => rank(a) - rank(b)).map(line => line.group));
  fill(track, {viewBox: `0 0 ${width} ${height}`}, []).replaceChildren(back, groups, front);
  if (raced.some(line => line.group === on)) on.focus();  // a group that is put elsewhere loses it
}
function pass(line) {
  passing?.group.classList.remove("near");
  for (const row of rows) row.classList.toggle("near", line !== null && +row.dataset.setting === line.index);
  passing = line;
  trackTip.hidden = !line?.places?.length;
  if (!line) return;
  line.group.classList.add("near");
  trackTip.replaceChildren(html("b", {}, line.setting.label), ...progress(line).map(text => html("div", {}, text)));
  if (trackTip.hidden) return;
  const [x, y] = line.places.at(-1), left = x > trackSize.width / 2 ? x - trackTip.offsetWidth - 18 : x + 18;
  trackTip.style.left = `${Math.max(0, Math.min(left, course.clientWidth - trackTip.offsetWidth))}px`;
  trackTip.style.top = `${Math.max(0, y > trackSize.height / 2 ? y - trackTip.offsetHeight - 14 : y + 14)}px`;
}
function under(event) {
  const frame = track.getBoundingClientRect(), scale = trackSize.width / frame.width;
  const [x, y] = [(event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale];
  let found = null, nearest = 24;
  for (const line of raced) for (let at = 0; at < line.places.length; at++) {
    const [x0, y0] = line.places[at], [x1, y1] = line.places[at + 1] ?? line.places[at], length = (x1 - x0) ** 2 + (y1 - y0) ** 2;
    const share = length ? Math.max(0, Math.min(1, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length)) : 0;
    const far = Math.hypot(x0 + share * (x1 - x0) - x, y0 + share * (y1 - y0) - y);
    if (far < nearest) [found, nearest] = [line, far];
  }
  return found;
}
function choose(line) {
  for (const other of raced) other.group.setAttribute("tabindex", other === line ? 0 : -1);
  select(line.index);
}
if (course) {
  raced.sort((a, b) => valueOf(b) - valueOf(a) || a.index - b.index);  // the best first, which is the way of the arrow keys
  raced.forEach((line, at) => {
    const kind = kindOf(line.setting, line.index);
    line.group = svg("g", {class: `setting ${kind}`, style: colour(line.setting, kind), tabindex: at ? -1 : 0, role: "button", "aria-pressed": false,
      "data-setting": line.index, "aria-label": [line.setting.label, ...progress(line)].join("; ")});
    line.group.addEventListener("focus", () => {
      pass(line);
      for (const other of raced) other.group.setAttribute("tabindex", other === line ? 0 : -1);
    });
    line.group.addEventListener("blur", () => pass(null));
  });
  track.addEventListener("pointermove", event => pass(under(event)));
  track.addEventListener("pointerleave", () => pass(null));
  track.addEventListener("click", event => { const line = under(event); if (line) choose(line); });
  track.addEventListener("keydown", event => {
    const at = raced.findIndex(line => line.group === document.activeElement), last = raced.length - 1;
    const to = {ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last}[event.key];
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    if (to !== undefined) raced[Math.max(0, Math.min(last, to))].group.focus();
    else if (event.key === "Enter" || event.key === " ") choose(raced[at]);
    else if (event.key === "Escape") pass(null);
    else return;
    event.preventDefault();
  });
  course.append(track, trackTip);
  const kinds = new Set(raced.map(line => kindOf(line.setting, line.index))), list = find("#course-legend");
  const item = (path, text) => list.append(html("li", {}, svg("svg", {viewBox: "-10 -10 20 20", "aria-hidden": true}, path), ` ${text}`));
  for (const kind of ["chosen", "default", "alone"]) if (kinds.has(kind)) item(mark(kind), kind === "alone" ? "one task alone" : kind);
  if (raced.some(line => line.reason)) item(svg("g", {class: "setting plain"}, svg("path", {class: "dropped", d: "M-6-6 6 6M6-6-6 6"})), "not pursued from here");
  if (data.ratios && kinds.has("plain"))
    list.append(html("li", {}, `bbox / classification weight ${data.ratios[0]} `, html("span", {class: "ramp"}), ` ${data.ratios[1]}`));
}

// ---- the table

const table = find("#settings table"), body = find("tbody", table), rows = all("tr", body), heads = all("thead th", table);
const first = new Map(rows.map((row, at) => [row, at]));
heads.forEach((head, column) => {
  const button = html("button", {type: "button"}, ...head.childNodes);
  head.replaceChildren(button);
  head.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of heads) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    const key = row => column ? row.cells[column].textContent.trim() : first.get(row);  // settings: by their weights
    const keys = new Map(rows.map(row => [row, key(row)]));
    const compare = (a, b) => {
      const [one, two] = [keys.get(a), keys.get(b)];
      if (one === "" || two === "") return (one === "") - (two === "") || first.get(a) - first.get(b);  // last, either way
      const gap = parseFloat(one) - parseFloat(two);
      return way * (Number.isNaN(gap) ? String(one).localeCompare(String(two)) : gap) || first.get(a) - first.get(b);
    };
    body.append(...[...rows].sort(compare));
  });
});
for (const row of rows) {
  const cell = row.cells[0], button = html("button", {type: "button"}, ...cell.childNodes);
  cell.replaceChildren(button);
  button.addEventListener("click", () => { select(+row.dataset.setting); find("#front").scrollIntoView({block: "nearest"}); });
  row.addEventListener("mouseenter", () => hover(shown.find(one => one.index === +row.dataset.setting) ?? null));
  row.addEventListener("mouseleave", () => hover(null));
}
const filter = find("#filter");
filter.addEventListener("input", () => {
  const text = filter.value.trim().toLowerCase();
  const kept = new Set();
  for (const row of rows) {
    row.hidden = !row.textContent.toLowerCase().includes(text);
    if (!row.hidden) kept.add(+row.dataset.setting);
  }
  for (const one of [...shown, ...raced]) one.group.setAttribute("opacity", kept.has(one.index) ? 1 : .15);
  find("#count").textContent = text ? `${kept.size} of ${counted(rows.length, "setting")}` : "";
});

// ---- the panel of the selected setting

function curve(metric, title, setting) {
  const width = 140, height = 96, left = 36, right = width - 6, top = 6, bottom = height - 16;
  const others = settings.filter(other => other.compared && other !== setting).map(other => other.curves[metric]).filter(Boolean);
  const own = setting.curves[metric], known = [own, ...others];
  const values = [...own.slice(1).flat(), ...others.flatMap(lines => lines[1])].filter(value => value !== null);
  if (!values.length) return html("p", {class: "small"}, `${title}: nothing is known`);
  const last = Math.max(...known.map(([epochs]) => epochs.at(-1))), low = Math.min(...values), high = Math.max(...values);
  const room = Math.max((high - low) * .05, 5e-3), y0 = low - room, y1 = high + room;
  const x = epoch => last === 1 ? (left + right) / 2 : left + (epoch - 1) / (last - 1) * (right - left);
  const y = value => bottom + (value - y0) / (y1 - y0) * (top - bottom);
  const line = (epochs, means) => {
    let d = "", isDown = false;
    epochs.forEach((epoch, at) => {
      if (means[at] !== null) d += `${isDown ? "L" : "M"}${x(epoch).toFixed(1)} ${y(means[at]).toFixed(1)}`;
      isDown = means[at] !== null;
    });
    return d;
  };
  const dots = ([epochs, means], kind) => epochs.flatMap((epoch, at) => means[at] === null ? [] : [svg("circle", {class: kind, cx: x(epoch), cy: y(means[at]), r: 2.4})]);
  const [epochs, means, lows, highs] = own, having = epochs.map((_, at) => at).filter(at => means[at] !== null);
  const edge = [...having.map(at => [epochs[at], highs[at]]), ...[...having].reverse().map(at => [epochs[at], lows[at]])];
  const chart = svg("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label":
      `${title} on validation: ${means[having.at(-1)] ?? "unknown"} in the end; ${counted(epochs.at(-1), "epoch")}`});
  for (const [value, text] of ticks(y0, y1, 3))
    chart.append(svg("path", {d: `M${left} ${y(value)}H${right}`}), svg("text", {x: left - 4, y: y(value) + 3, "text-anchor": "end", style: "font-size: 10px"}, text));
  chart.append(...others.map(lines => svg("path", {d: line(...lines)})));
  if (last === 1) chart.append(...others.flatMap(lines => dots(lines, "other")));
  chart.append(svg("path", {class: "band", d: edge.length ? `M${edge.map(([epoch, value]) => `${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`).join("L")}Z` : ""}),
    svg("path", {class: "this", d: line(epochs, means)}));
  if (epochs.length <= 12) chart.append(...dots(own, "own"));
  for (const epoch of new Set([1, last]))
    chart.append(svg("text", {x: x(epoch), y: height - 4, "text-anchor": epoch === 1 && last > 1 ? "start" : last > 1 ? "end" : "middle", style: "font-size: 10px"}, epoch));
  return html("figure", {}, chart, html("figcaption", {}, title));
}
function tests(setting) {
  const titles = ["against", `difference in ${data.metric}`, "n", "p", "corrected p", "verdict"];
  const row = (tag, cells) => html("tr", {}, ...cells.map(cell => html(tag, {}, cell)));
  return html("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Tests"},
    html("table", {}, html("thead", {}, row("th", titles)), html("tbody", {}, ...setting.tests.map(cells => row("td", cells)))));
}
const galleryOf = new Map(all(".gallery").map(gallery => [+gallery.dataset.setting, gallery]));
const panel = find("#panel");
function select(index) {
  const setting = settings[index], gallery = galleryOf.get(index);
  for (const one of [...shown, ...raced]) {
    one.group.setAttribute("aria-pressed", one.index === index);
    one.group.classList.toggle("selected", one.index === index);
  }
  for (const row of rows) row.toggleAttribute("aria-current", false);
  rows.find(row => +row.dataset.setting === index)?.setAttribute("aria-current", "true");
  panel.replaceChildren(html("h3", {}, setting.label), html("p", {}, ...setting.marks.map(text => html("span", {class: "badge"}, text)),
    `${counted(setting.runs.length, "seed")}${setting.failed ? `, ${setting.failed} failed` : ""}. `,
    setting.reason ? `Not pursued ${setting.reason}.` : setting.verdict ? `Verdict against the default: ${setting.verdict}. ` : "",
    setting.standing ? `Against the best: ${setting.standing}.` : ""));
  if (setting.numbers.length)
    panel.append(html("dl", {}, ...setting.numbers.flatMap(([title, text]) => [html("dt", {}, title), html("dd", {}, text)])));
  if (setting.tests.length) panel.append(tests(setting));
  panel.append(html("h4", {}, "Learning curves on validation"));
  if (Object.keys(setting.curves).length)
    panel.append(html("div", {class: "curves"}, ...data.panels.map(([metric, title]) => curve(metric, title, setting))),
      html("p", {class: "small"}, "By epoch: mean over seeds, band from the lowest to the highest seed; grey: the other settings."));
  else panel.append(html("p", {class: "small"}, "There is no history of its runs."));
  const parts = gallery ? [...gallery.children].filter(part => part.tagName !== "SUMMARY").map(part => part.cloneNode(true))
    : [html("p", {class: "small"}, "The page has no gallery of this setting.")];
  find("#its-predictions").replaceChildren(html("h3", {}, "Its predictions"), ...parts);
  find("#said").textContent = `Selected: ${setting.label}`;
}

// ---- one image, all settings

const beside = find("#beside");
if (beside) {
  const galleries = all(".gallery[data-images]"), sets = Map.groupBy ? Map.groupBy(galleries, one => one.dataset.images)
    : galleries.reduce((map, one) => map.set(one.dataset.images, [...map.get(one.dataset.images) ?? [], one]), new Map());
  const tileAt = (gallery, place) => find(`.tile[data-place="${place}"]`, gallery);
  const thumbnails = find("#thumbnails"), compared = find("#compared"), names = new Map();
  const most = [...sets.values()].reduce((longest, [one]) => all(".tile", one).length > all(".tile", longest).length ? one : longest, galleries[0]);
  const buttons = all(".tile", most).map((tile, place) => {
    const small = find("svg", tile).cloneNode(true);
    find(".box", small).remove();
    small.setAttribute("aria-hidden", true);
    const button = html("button", {type: "button", "aria-pressed": false, "aria-label": `Test image ${place + 1}`}, small);
    button.addEventListener("click", () => compare(place));
    return button;
  });
  thumbnails.append(...buttons);
  function compare(place) {
    buttons.forEach((button, at) => button.setAttribute("aria-pressed", at === place));
    compared.replaceChildren();
    for (const [set, members] of sets) {
      if (sets.size > 1) compared.append(html("p", {class: "small of-set"}, `Images ${+set + 1} of ${sets.size}: the settings below have test images of their own.`));
      for (const gallery of members) {
        const tile = tileAt(gallery, place)?.cloneNode(true);
        if (!tile) continue;
        const label = settings[+gallery.dataset.setting].label;
        find("figcaption", tile).prepend(html("span", {class: "of", title: label}, label));
        compared.append(tile);
      }
    }
  }
  compare(0);
}

// ---- the page

const dark = matchMedia("(prefers-color-scheme: dark)"), theme = find("#theme"), root = document.documentElement;
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
const label = () => { theme.textContent = isDark() ? "Light" : "Dark"; theme.setAttribute("aria-label", `${theme.textContent} colours`); };
theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; label(); });
dark.addEventListener("change", label);
label();
let closed = [];
addEventListener("beforeprint", () => { closed = all("details:not([open])"); closed.forEach(part => { part.open = true; }); });
addEventListener("afterprint", () => { closed.forEach(part => { part.open = false; }); });

root.classList.add("explored");
for (const part of all("[hidden].control, .explorer, .course")) part.hidden = false;
const fit = () => {
  const width = Math.round(box.clientWidth);
  const whole = Math.round(course?.clientWidth ?? 0);
  if (whole && whole !== trackSize.width) {
    trackSize = {width: whole, height: Math.round(Math.min(400, Math.max(280, whole * .5)))};
    drawCourse();
  }
  if (!width || width === size.width) return;
  size = {width, height: Math.round(Math.min(460, Math.max(300, width * .72)))};
  draw();
};
roam(shown.find(one => one.index === data.chosen));
fit();
draw();
select(data.chosen);
new ResizeObserver(fit).observe(box);
})();
