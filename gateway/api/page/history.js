// A user's exercise sessions: what was recognised beside what was confirmed, to be confirmed or corrected.

import { claims } from "./account.js";
import { get, inWords, send } from "./client.js";
import { UNKNOWN, amounts, exerciseChoices, showDialog, title } from "./correcting.js";
import { deleteButton } from "./deleting.js";
import {
  counted, day, drawing, duration, element, emptyState, exerciseName, kilograms, percent, time,
} from "./dom.js";

const SESSIONS_PER_PAGE = 6;
const HUES = 8;

const list = document.getElementById("history-sessions");
const more = document.getElementById("history-more");
const news = document.getElementById("history-news");
const dialog = document.getElementById("correct");

let cursor = null;
let shownFor = null;
let onDeleted = refreshHistory;

more.addEventListener("click", () => addSessions());

/** Who shows what follows from sessions reads it again when one was deleted. */
export function afterDeletion(reread) {
  onDeleted = reread;
}

/** Reads the newest sessions of `user` again, or of nobody if that is null; keeps what is open. */
export async function refreshHistory(user) {
  if (dialog.open) return; // what is being corrected shall not change under the thumb
  if (user === null) {
    list.replaceChildren(emptyState(
      "No exercise session yet",
      "The first one appears here as soon as a device opens it.",
    ));
    return;
  }
  const boxes = user === shownFor ? [...list.querySelectorAll("details.session")] : [];
  const open = new Set(boxes.filter((node) => node.open).map((node) => node.dataset.session));
  const closed = new Set(boxes.filter((node) => !node.open).map((node) => node.dataset.session));
  const nodes = await nextSessions(user, null);
  nodes.forEach((node, index) => {
    const session = node.dataset.session;
    node.open = open.has(session) || (index === 0 && !closed.has(session));
  });
  shownFor = user;
  const focused = document.activeElement?.dataset?.set;
  list.replaceChildren(...nodes);
  if (focused) list.querySelector(`[data-set="${CSS.escape(focused)}"]`)?.focus();
  if (!nodes.length) list.append(emptyState("No exercise session yet", "The first one appears here as soon as a device opens it."));
}

async function addSessions() {
  more.disabled = true;
  try {
    list.append(...(await nextSessions(shownFor, cursor)));
  } finally {
    more.disabled = false;
  }
}

async function nextSessions(user, from) {
  const path = `v1/users/${encodeURIComponent(user)}/sessions`;
  const query = from === null ? "" : `&cursor=${encodeURIComponent(from)}`;
  const page = await get(`${path}?limit=${SESSIONS_PER_PAGE}${query}`).catch((problem) => {
    if (problem.status === 404) return { items: [], next_cursor: null };
    throw problem;
  });
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
    { class: "box session", "data-session": session.session },
    element(
      "summary", {},
      element("span", { class: "when" }, `${day(session.started_ms)}, ${time(session.started_ms)}`),
      session.ended_ms === null ? element("span", { class: "state resting" }, "not closed") : null,
      element("span", { class: "muted facts" }, facts.join("\u00a0· ")),
      timeline(session, rows),
    ),
    rows.length ? setTable(session, rows) : element("p", { class: "muted" }, "No set was recognised or confirmed."),
    suggestions(session),
    isOwn() ? deleteButton(session, facts.join(", "), (words) => deleted(session, words)) : null,
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
    return { recognised: best, confirmed, said: confirmed, start_ms: confirmed.start_ms, end_ms: confirmed.end_ms };
  });
  for (const recognised of left) {
    const said = { ...recognised, weight_kg: null };
    rows.push({ recognised, confirmed: null, said, start_ms: recognised.start_ms, end_ms: recognised.end_ms });
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

function setTable(session, rows) {
  const head = ["Recognised", "Confirmed", "Reps", "Weight"].map((name) => element("th", { scope: "col" }, name));
  return element(
    "table", { class: "set-table" },
    element("caption", { class: "unseen" }, "Sets: recognised and confirmed"),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...rows.map((row) => setRow(session, rows, row))),
  );
}

function setRow(session, rows, row) {
  const { recognised, confirmed } = row;
  const verdict = verdictOf(recognised, confirmed);
  const found = recognised
    ? [title(recognised.exercise), small(row, ` · ${percent(recognised.confidence)}`, recognised.source)]
    : ["—", small(row, "", null)];
  return element(
    "tr", { class: verdict.className },
    element("td", {}, element("span", { class: "verdict", role: "img", "aria-label": verdict.text }, verdict.mark), ...found),
    element("td", {}, ...saying(session, rows, row)),
    element("td", { class: "number" }, repetitionsText(recognised, confirmed)),
    element("td", { class: "number" }, confirmed?.weight_kg == null ? "—" : kilograms(confirmed.weight_kg)),
  );
}

/** What was confirmed, and where one's own sets are shown the buttons to say it: one tap if it is right. */
function saying(session, rows, row) {
  const { recognised, confirmed } = row;
  const name = confirmed ? exerciseName(confirmed.exercise) : "";
  if (!isOwn()) return [confirmed ? name : element("span", { class: "muted" }, "not yet")];
  const words = `${row.said.repetitions ?? 0} × ${title(row.said.exercise)}, ${time(row.start_ms)}`;
  const key = `${session.session} ${row.start_ms}`;
  const correct = element(
    "button", { type: "button", class: "word", "data-set": `${key} correct`, "aria-label": `Correct ${words}` },
    confirmed ? name : "Correct",
  );
  correct.addEventListener("click", () => openDialog(session, rows, row));
  if (confirmed || recognised.exercise === UNKNOWN) return [correct];
  const right = element(
    "button", { type: "button", class: "word main", "data-set": key, "aria-label": `${words} is right` }, "Right",
  );
  right.addEventListener("click", () => say(session, row, row.said));
  return [right, correct];
}

function isOwn() {
  return (claims()?.scope ?? "user") === "user"; // an open page is its user's own
}

/** The sessions that are left; the focus goes to the first of them. */
async function deleted(session, words) {
  await onDeleted(session.user);
  tell(words);
  (list.querySelector("summary") ?? document.getElementById("training")).focus();
}

/** An exercise is corrected by a tap on its name, which says the amounts as they are shown. */
function openDialog(session, rows, row) {
  const said = { ...row.said };
  const others = rows.map((each) => each.said.exercise);
  const suggested = session.suggested.map((each) => each.exercise);
  const names = [...new Set([said.exercise, ...others, ...suggested])].filter((name) => name !== UNKNOWN);
  const done = (exercise) => {
    close();
    return say(session, row, { ...said, exercise });
  };
  const save = element("button", { type: "button", class: "main" }, "Save");
  save.disabled = said.exercise === UNKNOWN;
  save.addEventListener("click", () => done(said.exercise));
  const remove = element("button", { type: "button", class: "quiet" }, "This was no set");
  remove.addEventListener("click", () => {
    close();
    withdraw(session, row);
  });
  const close = showDialog(dialog, `What did you do at ${time(row.start_ms)}?`, [
    ...exerciseChoices(names, done), ...amounts(said), save, remove,
  ]);
}

function say(session, row, { exercise, repetitions, weight_kg: weightKg }) {
  const words = `${repetitions ?? 0} × ${title(exercise)} confirmed`;
  return write(session, words, "PUT", row, { end_ms: row.end_ms, exercise, repetitions, weight_kg: weightKg || null });
}

function withdraw(session, row) {
  return write(session, "The set is withdrawn", "DELETE", row);
}

async function write(session, words, method, row, body) {
  const path = `v1/users/${encodeURIComponent(session.user)}/sessions/${encodeURIComponent(session.session)}`;
  try {
    await send(method, `${path}/sets/${row.start_ms}`, body);
    tell(words);
    await refreshHistory(session.user);
  } catch (problem) {
    tell(inWords(problem), "problem");
  }
}

/** Words for screen readers alone, or for everyone if they tell of a problem. */
function tell(words, look = "unseen") {
  news.className = look;
  news.textContent = words;
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
