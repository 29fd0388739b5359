// Starts the page: the live view by events, the rest read again when something happens or after a while.

import { watchLive } from "./client.js";
import { refreshHistory, shows } from "./history.js";
import { applyChanges, tick } from "./live.js";
import { refreshModels } from "./models.js";
import { refreshNights } from "./nights.js";

const RUNNING_MS = 2_000; // between two looks at the nights while one runs
const QUIET_MS = 15_000;
const HISTORY_DELAY_MS = 500; // several sets that end together are one refresh

const CONNECTION = {
  connecting: "connecting",
  live: "live",
  lost: "connection lost, trying again",
  refused: "not allowed: open this page with #token=… of `muvr token`",
};

const connection = document.getElementById("connection");
const setCounts = new Map();
let historyTimer = null;
let liveState = "connecting";

function onChanges(changes) {
  applyChanges(changes);
  for (const user of changes.users) {
    const state = `${user.session} ${user.set_count} ${user.state === "ended"}`;
    const changed = setCounts.get(user.user) !== state;
    setCounts.set(user.user, state);
    if (changed && !changes.complete && shows(user.user)) soonRefreshHistory();
  }
}

function onConnection(state) {
  liveState = state;
  connection.textContent = CONNECTION[state];
  connection.dataset.state = state;
}

function soonRefreshHistory() {
  clearTimeout(historyTimer);
  historyTimer = setTimeout(() => attempt(refreshHistory), HISTORY_DELAY_MS);
}

/** What `read` gives, or undefined if it failed; the connection's line then says why. */
async function attempt(read) {
  try {
    const result = await read();
    if (connection.dataset.state === "failed") onConnection(liveState);
    return result;
  } catch (problem) {
    connection.textContent = problem.status === 401 ? CONNECTION.refused : problem.message;
    connection.dataset.state = "failed";
    return undefined;
  }
}

async function followNights() {
  const running = document.hidden ? false : await attempt(refreshNights);
  if (!document.hidden) await attempt(refreshModels);
  setTimeout(followNights, running ? RUNNING_MS : QUIET_MS);
}

watchLive(onChanges, onConnection);
attempt(refreshHistory);
followNights();
setInterval(tick, 1_000);
