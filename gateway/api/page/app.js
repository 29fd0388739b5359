// Starts the page: who is signed in, which view is shown, and when it is read again.

import { claims, comeBack, leaveToSignIn, providerName, signIn, signOut, token } from "./account.js";
import { get, watchLive } from "./client.js";
import { applyChanges, tick } from "./live.js";

const AGAIN_MS = 15_000; // between two looks at a view that is shown
const SOON_MS = 2_000; // while something of it runs
const DEVICE = "page"; // the name under which a pairing code lets this page in
const HISTORY_DELAY_MS = 500; // several sets that end together are one refresh

// Views by the fragment of the address: their sections, and the modules that fill them, fetched when first shown.
const VIEWS = {
  live: { sections: ["live"], parts: [] },
  training: { sections: ["training"], parts: [() => import("./training.js")] },
  patients: { sections: ["patients"], parts: [() => import("./patients.js")] },
  system: {
    sections: ["system", "models"],
    parts: [() => import("./nodes.js"), () => import("./nights.js"), () => import("./models.js")],
  },
  models: { sections: ["models"], parts: [() => import("./models.js")] },
};
const CONNECTION = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
  refused: "not signed in",
};

const part = (id) => document.getElementById(id);
const setCounts = new Map();
let shown = "";
let timer = null;
let liveState = "connecting";

async function main() {
  part("sign-in").addEventListener("submit", async (event) => {
    event.preventDefault();
    await orSayWhy(async () => {
      await signIn(part("token").value, DEVICE);
      location.reload();
    });
  });
  part("provider").addEventListener("click", () => orSayWhy(leaveToSignIn));
  await orSayWhy(comeBack);
  part("sign-out").addEventListener("click", async () => {
    await signOut();
    location.reload();
  });
  part("sign-out").hidden = !token();
  part("sign-out").title = claims() ? `You are ${claims().user}` : "";
  const scope = claims()?.scope ?? "operator"; // an open page: this machine's operator
  try {
    await get(scope === "coach" ? `v1/coaches/${encodeURIComponent(claims().user)}/patients?limit=1` : "v1/live");
  } catch (problem) {
    if (problem.status === 401 || problem.status === 403) return askToSignIn(problem);
  }
  for (const link of document.querySelectorAll("nav a")) link.hidden = !link.dataset.scopes.includes(scope);
  addEventListener("hashchange", () => show(scope));
  show(scope);
  if (scope === "coach") onConnection("live");
  else watchLive(onChanges, onConnection);
  setInterval(tick, 1_000);
}

/** Does what signs in; beside the form stands what went wrong. */
async function orSayWhy(act) {
  try {
    await act();
  } catch (problem) {
    part("sign-in-problem").textContent = problem.message;
  }
}

async function askToSignIn(problem) {
  for (const link of document.querySelectorAll("nav a")) link.hidden = true;
  part("sign-in").hidden = false;
  if (token()) part("sign-in-problem").textContent = `The token is not taken: ${problem.message}. ${problem.remedy}`;
  onConnection("refused");
  part("token").focus();
  const name = await providerName();
  part("provider").hidden = !name;
  part("provider").textContent = name ? `Sign in with ${name}` : "";
}

function show(scope) {
  const allowed = [...document.querySelectorAll("nav a:not([hidden])")].map((link) => link.hash.slice(1));
  const wanted = location.hash.slice(1);
  if (wanted === "main" && shown) return;
  const name = allowed.includes(wanted) ? wanted : allowed[0];
  const moved = shown !== "" && shown !== name;
  shown = name;
  const sections = VIEWS[name].sections;
  for (const section of document.querySelectorAll("main > section")) section.hidden = !sections.includes(section.id);
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `muvr: ${part(`${sections[0]}-title`).textContent}`;
  if (moved) part(sections[0]).focus();
  refresh();
}

/** Reads what is shown again, now and every while; sooner if a part says that something of it runs. */
async function refresh() {
  clearTimeout(timer);
  const name = shown;
  const parts = document.hidden ? [] : VIEWS[name].parts;
  const running = await Promise.all(parts.map((load) => attempt(async () => (await load()).refresh())));
  if (name === shown) {
    clearTimeout(timer);
    timer = setTimeout(refresh, running.some(Boolean) ? SOON_MS : AGAIN_MS);
  }
}

function onChanges(changes) {
  applyChanges(changes);
  let ended = false;
  for (const user of changes.users) {
    const state = `${user.session} ${user.set_count} ${user.state === "ended"}`;
    ended ||= setCounts.has(user.user) ? setCounts.get(user.user) !== state : !changes.complete;
    setCounts.set(user.user, state);
  }
  if (ended && shown === "training") {
    clearTimeout(timer);
    timer = setTimeout(refresh, HISTORY_DELAY_MS);
  }
}

function onConnection(state, problem) {
  if (state === "refused" && problem?.status === 401) return askToSignIn(problem);
  liveState = state;
  part("connection").textContent = CONNECTION[state];
  part("connection").dataset.state = state;
}

/** What `read` gives, or undefined if it failed; the connection's line then says why. */
async function attempt(read) {
  try {
    const result = await read();
    if (part("connection").dataset.state === "failed") onConnection(liveState);
    return result;
  } catch (problem) {
    part("connection").textContent = problem.status ? problem.message : CONNECTION.lost;
    part("connection").dataset.state = "failed";
    return undefined;
  }
}

main();
