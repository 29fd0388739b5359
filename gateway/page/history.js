// A user's exercise sessions: what was recognised beside what was confirmed.

import { get } from "./client.js";
import {
  counted, day, drawing, duration, element, emptyState, exerciseName, kilograms, percent, time,
} from "./dom.js";

const SESSIONS_PER_PAGE = 6;
const USERS_MAX = 200; // one page of the API
const HUES = 8;

const chooser = document.getElementById("history-user");
const list = document.getElementById("history-sessions");
const more = document.getElementById("history-more");

let cursor = null;
let shownFor = null;

chooser.addEventListener("change", () => showSessions());
more.addEventListener("click", () => addSessions());

/** Reads the users again, and the newest sessions of the chosen one; keeps what is open. */
export async function refreshHistory() {
  const page = await get(`v1/users?limit=${USERS_MAX}`);
  const users = page.items.sort((one, other) => other.last_session_ms - one.last_session_ms);
  const names = users.map((user) => user.user);
  chooser.hidden = !names.length;
  if (!names.length) {
    list.replaceChildren(emptyState(
      "No exercise session yet",
      "The first one appears here as soon as a device opens it.",
    ));
    return;
  }
  const chosen = names.includes(chooser.value) ? chooser.value : names[0];
  if (names.join() !== [...chooser.options].map((option) => option.value).join()) {
    chooser.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  }
  chooser.value = chosen;
  await showSessions();
}

/** True if an event about `user` concerns what is shown. */
export function shows(user) {
  return shownFor === null || shownFor === user;
}

async function showSessions() {
  const user = chooser.value;
  const open = new Set([...list.querySelectorAll("details[open]")].map((node) => node.dataset.session));
  const closed = new Set([...list.querySelectorAll("details:not([open])")].map((node) => node.dataset.session));
  const nodes = await nextSessions(user, null);
  if (chooser.value !== user) return; // another one was chosen meanwhile
  nodes.forEach((node, index) => {
    const session = node.dataset.session;
    node.open = open.has(session) || (index === 0 && !closed.has(session));
  });
  shownFor = user;
  list.replaceChildren(...nodes);
}

async function addSessions() {
  more.disabled = true;
  try {
    list.append(...(await nextSessions(chooser.value, cursor)));
  } finally {
    more.disabled = false;
  }
}

async function nextSessions(user, from) {
  const path = `v1/users/${encodeURIComponent(user)}/sessions`;
  const query = from === null ? "" : `&cursor=${encodeURIComponent(from)}`;
  const page = await get(`${path}?limit=${SESSIONS_PER_PAGE}${query}`);
  const details = await Promise.all(
    page.items.map((item) => get(`${path}/${encodeURIComponent(item.session)}`)),
  );
  cursor = page.next_cursor;
  more.hidden = cursor === null;
  return details.map(sessionBox);
}

function sessionBox(session) {
  const rows = pairs(session);
  const repetitions = rows.reduce((sum, row) => sum + (row.confirmed?.repetitions ?? row.recognised?.repetitions ?? 0), 0);
  const volumeKg = session.confirmed.reduce((sum, set) => sum + (set.weight_kg ?? 0) * (set.repetitions ?? 0), 0);
  const facts = [
    counted(rows.length, "set", "sets"),
    counted(repetitions, "repetition", "repetitions"),
    volumeKg ? `${Math.round(volumeKg).toLocaleString()} kg moved` : null,
    session.ended_ms === null ? null : duration(session.ended_ms - session.started_ms),
  ].filter(Boolean);
  return element(
    "details",
    { class: "box", "data-session": session.session },
    element(
      "summary", {},
      element("span", { class: "when" }, `${day(session.started_ms)}, ${time(session.started_ms)}`),
      session.ended_ms === null ? element("span", { class: "state resting" }, "not closed") : null,
      element("span", { class: "muted facts" }, facts.join("\u00a0· ")),
      timeline(session, rows),
    ),
    rows.length ? setTable(rows) : element("p", { class: "muted" }, "No set was recognised or confirmed."),
    suggestions(session),
    element("p", { class: "muted small" }, `device ${session.device}, session ${session.session}`),
  );
}

/** Confirmed sets beside the recognised one that each overlaps most, in order of time. */
function pairs(session) {
  const left = new Set(session.recognised);
  const rows = session.confirmed.map((confirmed) => {
    let best = null;
    let bestMs = 0;
    for (const recognised of left) {
      const ms = Math.min(recognised.end_ms, confirmed.end_ms) - Math.max(recognised.start_ms, confirmed.start_ms);
      if (ms > bestMs) [best, bestMs] = [recognised, ms];
    }
    left.delete(best);
    return { recognised: best, confirmed, start_ms: confirmed.start_ms, end_ms: confirmed.end_ms };
  });
  for (const recognised of left) {
    rows.push({ recognised, confirmed: null, start_ms: recognised.start_ms, end_ms: recognised.end_ms });
  }
  return rows.sort((one, other) => one.start_ms - other.start_ms);
}

function timeline(session, rows) {
  const startMs = Math.min(session.started_ms, ...rows.map((row) => row.start_ms));
  const endMs = Math.max(session.ended_ms ?? 0, ...rows.map((row) => row.end_ms), startMs + 1);
  const x = (ms) => ((ms - startMs) / (endMs - startMs)) * 1000;
  return drawing(
    "svg",
    { class: "timeline", viewBox: "0 0 1000 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...rows.map((row) =>
      drawing("rect", {
        class: `hue-${hue((row.confirmed ?? row.recognised).exercise)}`,
        x: x(row.start_ms), width: Math.max(4, x(row.end_ms) - x(row.start_ms)), y: 0, height: 10,
      }),
    ),
  );
}

function hue(name) {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return sum % HUES;
}

function setTable(rows) {
  const head = ["Recognised", "Confirmed", "Reps", "Weight"].map((name) => element("th", { scope: "col" }, name));
  return element(
    "table", { class: "set-table" },
    element("caption", { class: "unseen" }, "Sets: recognised and confirmed"),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map(setRow)),
  );
}

function setRow(row) {
  const { recognised, confirmed } = row;
  const verdict = verdictOf(recognised, confirmed);
  const found = recognised
    ? [exerciseName(recognised.exercise), small(row, ` · ${percent(recognised.confidence)}`, recognised.source)]
    : ["—", small(row, "", null)];
  return element(
    "tr", { class: verdict.className },
    element("td", {}, element("span", { class: "verdict", role: "img", "aria-label": verdict.text }, verdict.mark), ...found),
    element("td", {}, confirmed ? exerciseName(confirmed.exercise) : element("span", { class: "muted" }, "not yet")),
    element("td", { class: "number" }, repetitionsText(recognised, confirmed)),
    element("td", { class: "number" }, confirmed?.weight_kg == null ? "—" : kilograms(confirmed.weight_kg)),
  );
}

function small(row, confidence, source) {
  return element(
    "small", {},
    time(row.start_ms), confidence,
    source ? element("span", { class: "roomy" }, ` · by the ${source}`) : null,
  );
}

function verdictOf(recognised, confirmed) {
  if (!confirmed) return { className: "open", mark: "·", text: "not confirmed:" };
  if (!recognised) return { className: "wrong", mark: "✗", text: "missed:" };
  const right = recognised.exercise === confirmed.exercise;
  return right
    ? { className: "right", mark: "✓", text: "recognised rightly:" }
    : { className: "wrong", mark: "✗", text: "recognised wrongly:" };
}

function repetitionsText(recognised, confirmed) {
  const counts = [recognised?.repetitions, confirmed?.repetitions].filter((value) => value != null);
  if (!counts.length) return "—";
  return counts.length === 1 || counts[0] === counts[1] ? String(counts[0]) : `${counts[0]} → ${counts[1]}`;
}

function suggestions(session) {
  if (!session.suggested.length) return null;
  const answered = { true: "taken", false: "not taken" };
  return element(
    "ul", { class: "suggested", "aria-label": "Suggestions" },
    ...session.suggested.map((suggestion) =>
      element(
        "li", {},
        element("span", { class: "muted" }, `${time(suggestion.suggested_ms)} suggested `),
        `${exerciseName(suggestion.exercise)}, ${counted(suggestion.repetitions, "rep", "reps")}`,
        suggestion.weight_kg === null ? "" : ` at ${kilograms(suggestion.weight_kg)}`,
        element("span", { class: "muted" }, ` — ${suggestion.reason}`),
        suggestion.taken === null ? "" : element("span", { class: "tag" }, answered[suggestion.taken]),
      ),
    ),
  );
}
