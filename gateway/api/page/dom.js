// Elements without a framework, and how figures and names are written.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; null children are left out. Text is never parsed as HTML. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** What to read where there is nothing to show yet; what stands in backticks of `advice` is a command. */
export function emptyState(title, advice) {
  const parts = advice.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
  return element("div", { class: "empty" }, element("strong", {}, title), element("p", {}, ...parts));
}

/** `biceps_curl` as `Biceps curl`. */
export function exerciseName(name) {
  const words = name.replaceAll(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What people write as a name that the server takes. */
export function identifier(text) {
  return text.trim().toLowerCase().replaceAll(/[^a-z0-9_.:@-]+/g, "_").replace(/^[^a-z0-9]+/, "");
}

export function percent(share) {
  return `${Math.round(share * 100)}\u00a0%`;
}

export function kilograms(weightKg) {
  return `${weightKg.toLocaleString(undefined, { maximumFractionDigits: 2 })}\u00a0kg`;
}

/** Milliseconds as `1:05` or `1:02:05`. */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value) => String(value).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** Milliseconds in words for a reader: `45 s`, `12 min`, `1 h 05 min`. */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 100) return `${seconds}\u00a0s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}\u00a0min`;
  return `${Math.floor(minutes / 60)}\u00a0h ${String(minutes % 60).padStart(2, "0")}\u00a0min`;
}

export function day(ms) {
  return new Date(ms).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" });
}

export function time(ms) {
  return new Date(ms).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

export function counted(count, one, many) {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}
