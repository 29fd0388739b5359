// Figures over time: drawn by uPlot, which the server has from its package, and told as a table beside it.

import { day, element } from "./dom.js";

const SCRIPT = "vendor/uPlot.iife.min.js";
const STYLE = "vendor/uPlot.min.css";
const HEIGHT = 190;
const HUES = ["--accent", "--second"];

const drawn = new Set(); // what is to be drawn again in other colours
let loading = null;

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const draw of drawn) draw();
});

/**
 * A figure named `title` of `points`, each `[ms, value, ...]` with a value or null for each of `names`, oldest first;
 * `words` writes a value for people. With `bars` each value is a bar, and zero the floor of the scale.
 */
export function chart({ title, names, points, words, bars = false }) {
  const place = element("div", { class: "plot", "aria-hidden": "true" });
  const figure = element(
    "figure", { class: "box chart" },
    element("figcaption", {}, title),
    names.length > 1 ? legend(names) : null,
    place,
    table(title, names, points, words),
  );
  if (points.length) draw(place, { names, points, words, bars });
  return figure;
}

function legend(names) {
  return element("p", { class: "legend small" }, ...names.map((name, index) => element("span", { class: `series-${index}` }, name)));
}

function table(title, names, points, words) {
  const rows = points.toReversed().map(([ms, ...values]) =>
    element("tr", {}, element("th", { scope: "row" }, day(ms)), ...values.map((value) =>
      element("td", { class: "number" }, value == null ? "—" : words(value)))));
  return element(
    "details", {},
    element("summary", {}, "As a table"),
    element(
      "table", {},
      element("caption", { class: "unseen" }, title),
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "Day"), ...names.map((name) => element("th", { scope: "col", class: "number" }, name)))),
      element("tbody", {}, ...rows),
    ),
  );
}

async function draw(place, options) {
  try {
    await library();
  } catch {
    place.textContent = "The chart cannot be drawn here; its figures stand in the table.";
    place.removeAttribute("aria-hidden");
    return;
  }
  let plot = null;
  const again = () => {
    plot?.destroy();
    plot = place.isConnected ? new window.uPlot(settings(place, options), data(options), place) : null;
    if (!plot) forget();
  };
  const watcher = new ResizeObserver(again); // draws first when the figure is put into the page
  const forget = () => {
    watcher.disconnect();
    drawn.delete(again);
  };
  drawn.add(again);
  watcher.observe(place);
}

function library() {
  loading ??= new Promise((done, failed) => {
    document.head.append(element("link", { rel: "stylesheet", href: STYLE }));
    const script = element("script", { src: SCRIPT });
    script.addEventListener("load", done);
    script.addEventListener("error", failed);
    document.head.append(script);
  });
  return loading;
}

function data({ names, points }) {
  return [points.map(([ms]) => ms / 1000), ...names.map((_, index) => points.map((point) => point[index + 1] ?? null))];
}

function settings(place, { names, points, words, bars }) {
  const colour = (name) => getComputedStyle(place).getPropertyValue(name);
  const axis = {
    stroke: colour("--muted"), font: "12px system-ui", grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false },
  };
  const paths = bars ? window.uPlot.paths.bars({ size: [0.6, 40] }) : undefined;
  const lone = points.length === 1 ? 3 * 86_400 : 43_200; // seconds beside the first and the last point
  return {
    width: place.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { show: false },
    scales: {
      x: { time: true, range: (_, least, most) => [least - lone, most + lone] },
      y: { range: (_, least, most) => (bars ? [0, most * 1.15 || 1] : window.uPlot.rangeNum(least, most, 0.2, true)) },
    },
    axes: [
      { ...axis, values: (_, seconds) => seconds.map((at) => new Date(at * 1000).toLocaleDateString(undefined, { day: "numeric", month: "short" })), size: 32, incrs: [86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 28 * 86_400, 91 * 86_400], space: 64 },
      { ...axis, values: (_, values) => values.map(words), size: 64, space: 40 },
    ],
    series: [{}, ...names.map((_, index) => ({
      stroke: colour(HUES[index]), fill: bars ? colour(HUES[index]) : undefined, width: 2, paths, spanGaps: true,
      points: { show: !bars, size: 7, fill: colour("--surface") },
    }))],
  };
}
