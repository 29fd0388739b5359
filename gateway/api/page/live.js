// What users are doing now: a card each, changed by server-sent events.

import { claims } from "./account.js";
import { inWords, send } from "./client.js";
import { clock, counted, drawing, element, emptyState, exerciseName, kilograms, percent } from "./dom.js";

const CARDS_MAX = 60;
const SETS_SHOWN = 6;
const RING = 2 * Math.PI * 52; // the ring's circumference in the drawing's units
const STATES = { exercising: "exercising", resting: "resting", setting_up: "setting up", ended: "finished" };

const users = new Map();
const cards = new Map();
let clockOffsetMs = 0; // the server's clock minus this one

const list = document.getElementById("live-cards");
const news = document.getElementById("live-news");
const count = document.getElementById("live-count");

/** Takes a LiveChanges of the API. */
export function applyChanges(changes) {
  clockOffsetMs = changes.at_ms - Date.now();
  if (changes.complete) users.clear();
  for (const name of changes.removed) users.delete(name);
  for (const user of changes.users) {
    const before = users.get(user.user);
    users.set(user.user, user);
    if (!changes.complete) announce(before, user);
  }
  render(new Set(changes.users.map((user) => user.user)), changes.complete);
}

function render(changed, all) {
  const shown = [...users.values()].sort(byActivity).slice(0, CARDS_MAX);
  const active = [...users.values()].filter((user) => user.state !== "ended").length;
  count.textContent = users.size ? `${counted(active, "person", "people")} training` : "";
  for (const name of cards.keys()) if (!shown.some((user) => user.user === name)) cards.delete(name);
  for (const user of shown) {
    if (all || changed.has(user.user) || !cards.has(user.user)) {
      cards.set(user.user, filledCard(cards.get(user.user), user));
    }
  }
  const nodes = shown.map((user) => cards.get(user.user));
  list.classList.toggle("single", nodes.length === 1);
  if (!nodes.length) {
    nodes.push(emptyState(
      "Nobody is training right now",
      "Connect a watch or a phone to this muvr, or run `muvr demo` to see people train.",
    ));
  }
  if (nodes.length !== list.children.length || nodes.some((node, index) => node !== list.children[index])) {
    list.replaceChildren(...nodes);
  }
  tick();
}

function byActivity(one, other) {
  const ended = (user) => Number(user.state === "ended");
  return ended(one) - ended(other) || one.user.localeCompare(other.user);
}

function filledCard(known, user) {
  const card = known ?? element("article", { "aria-label": user.user });
  card.className = `card ${user.state}`;
  const isFocused = card.contains(document.activeElement);
  card.replaceChildren(
    element(
      "div",
      { class: "who" },
      element("span", { class: "user" }, user.user),
      element("span", { class: `state ${user.state}` }, STATES[user.state]),
    ),
    element("div", { class: "now" }, dial(user), words(user)),
    setList(user) ?? "",
  );
  if (isFocused) card.querySelector("button")?.focus(); // every repetition makes the card anew
  return card;
}

/** The large figure: repetitions in a ring of confidence, the rest's timer, or the sets of a finished session. */
function dial(user) {
  const share = user.state === "exercising" ? user.confidence : 0;
  const ring = drawing(
    "svg",
    { viewBox: "0 0 120 120", "aria-hidden": "true" },
    drawing("circle", { class: "track", cx: 60, cy: 60, r: 52 }),
    share
      ? drawing("circle", {
          class: "share", cx: 60, cy: 60, r: 52,
          "stroke-dasharray": `${share * RING} ${RING}`, transform: "rotate(-90 60 60)",
        })
      : "",
  );
  const [figure, unit] = {
    exercising: [element("b", { class: "figure" }, String(user.repetitions ?? 0)), "reps"],
    resting: [element("b", { class: "figure timer", "data-since": user.state_since_ms }, ""), "rest"],
    setting_up: [element("b", { class: "figure timer", "data-since": user.state_since_ms }, ""), "set-up"],
    ended: [element("b", { class: "figure" }, String(user.set_count)), user.set_count === 1 ? "set" : "sets"],
  }[user.state];
  return element("div", { class: "dial" }, ring, element("p", {}, figure, element("span", {}, unit)));
}

function words(user) {
  const titles = {
    resting: user.set_count ? "Rest" : "Getting ready", setting_up: "Setting up", ended: "Session finished",
  };
  const last = user.sets.at(-1);
  return element(
    "div",
    { class: "words" },
    element("h3", {}, user.state === "exercising" ? exerciseName(user.exercise) : titles[user.state]),
    user.state === "exercising"
      ? element(
          "p", { class: "muted" },
          `${percent(user.confidence)} sure · `, element("span", { "data-since": user.state_since_ms }, ""),
        )
      : null,
    user.state === "resting" && last
      ? element("p", { class: "muted" }, `after ${last.repetitions} × ${exerciseName(last.exercise)}`)
      : null,
    user.tip ? tipBox(user.tip) : null,
    user.suggestion ? suggestionBox(user) : null,
  );
}

function tipBox(tip) {
  return element("p", { class: tip.stop ? "tip stop" : "tip" }, tip.text);
}

function suggestionBox({ user, session, suggestion }) {
  const isOwn = (claims()?.scope ?? "user") === "user"; // an open page is its user's own
  return element(
    "div",
    { class: "next" },
    element("p", {}, "Next: ", element("strong", {}, exerciseName(suggestion.exercise)), `, ${load(suggestion)}`),
    element("p", { class: "muted" }, suggestion.reason),
    isOwn ? refusal(user, session, suggestion.exercise) : null,
  );
}

/** Another suggestion comes the way that all do. */
function refusal(user, session, exercise) {
  const button = element("button", { type: "button", class: "word refusal", "aria-label": `${exerciseName(exercise)}: not today` }, "Not today");
  button.addEventListener("click", async () => {
    button.disabled = true;
    const path = `v1/users/${encodeURIComponent(user)}/sessions/${encodeURIComponent(session)}/refusals`;
    try {
      await send("POST", path, { exercise });
      tell(`${exerciseName(exercise)} is not suggested again in this session.`);
      button.textContent = "Noted";
    } catch (problem) {
      tell(inWords(problem), "problem");
      button.disabled = false;
    }
  });
  return button;
}

function tell(words, look = "unseen") {
  news.className = look;
  news.textContent = words;
}

function load(suggestion) {
  const weight = suggestion.weight_kg === null ? "" : ` at ${kilograms(suggestion.weight_kg)}`;
  return `${counted(suggestion.repetitions, "rep", "reps")}${weight}`;
}

function setList(user) {
  if (!user.sets.length) return null;
  const shown = user.sets.slice(-SETS_SHOWN);
  const earlier = user.set_count - shown.length;
  return element(
    "ol",
    { class: "sets", "aria-label": "Sets of this session" },
    earlier > 0 ? element("li", { class: "muted" }, `${earlier} before`) : null,
    ...shown.map((set) =>
      element(
        "li", {},
        element("b", {}, `${set.repetitions} ×`), ` ${exerciseName(set.exercise)} `,
        element("span", { class: "muted" }, percent(set.confidence)),
      ),
    ),
  );
}

/** Told to screen readers: sets, tips, suggestions and ends, but not every repetition. */
function announce(before, user) {
  const told = [];
  if (before?.session === user.session && user.set_count > before.set_count) {
    const set = user.sets.at(-1);
    told.push(`${user.user}: ${counted(set.repetitions, "repetition", "repetitions")} of ${exerciseName(set.exercise)}.`);
  }
  if (user.suggestion && user.suggestion.at_ms !== before?.suggestion?.at_ms) {
    told.push(`Next for ${user.user}: ${exerciseName(user.suggestion.exercise)}, ${load(user.suggestion)}.`);
  }
  if (user.tip && user.tip.at_ms !== before?.tip?.at_ms) told.push(`${user.user}: ${user.tip.text}`);
  if (user.state === "ended" && before?.state !== "ended") told.push(`${user.user} has finished.`);
  if (told.length) tell(told.join(" "));
}

/** Moves the timers on; called every second. */
export function tick() {
  const nowMs = Date.now() + clockOffsetMs;
  for (const timer of document.querySelectorAll("[data-since]")) {
    timer.textContent = clock(nowMs - Number(timer.dataset.since));
  }
}
