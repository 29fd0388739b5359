// A lifter's view: the plan of the week, records, progress, and the sessions with their sets to correct.

import { claims } from "./account.js";
import { get } from "./client.js";
import { element } from "./dom.js";
import { refreshGrants } from "./grants.js";
import { afterDeletion, refreshHistory } from "./history.js";
import { showMine } from "./mine.js";
import { pairDevice } from "./pairing.js";
import { planWeek } from "./planning.js";
import { refreshProgress } from "./progress.js";
import { refreshRecords } from "./records.js";
import { refreshWeek } from "./week.js";

const USERS_MAX = 200; // one page of the API

const chooser = document.getElementById("training-user");
const pair = document.getElementById("training-pair");
const plan = document.getElementById("week-plan");
let shown = null;
let wanted = null;
chooser.addEventListener("change", () => refresh());
pair.addEventListener("click", () => pairDevice(shown));
plan.addEventListener("click", () => planWeek(shown, () => refreshWeek(shown)));
afterDeletion(() => refresh());

/** Reads all of it again, for the user who is signed in, or the one whom an operator chose. */
export async function refresh() {
  const user = await whose();
  shown = user;
  const scope = claims()?.scope;
  pair.hidden = user === null || scope === "coach";
  plan.hidden = user === null || scope === "operator";
  if (user !== null) {
    await Promise.all([
      refreshWeek(user), refreshRecords(user), refreshProgress(user), ...(scope === "coach" ? [] : [refreshGrants(user)]),
    ]);
  }
  if (user !== null && (scope ?? "user") === "user") showMine(user); // an open page is its user's own
  await refreshHistory(user);
}

/** Lets the view show `user` next, if whoever is signed in may see them. */
export function choose(user) {
  wanted = user;
}

/** The user whose training is shown; null if there is none. */
async function whose() {
  const own = claims();
  if (own?.scope === "user") return own.user;
  const names = await (own?.scope === "coach" ? patients(own.user) : everyone());
  chooser.hidden = !names.length;
  if (!names.length) return null;
  const chosen = [wanted, chooser.value].find((name) => names.includes(name)) ?? names[0];
  wanted = null;
  if (names.join() !== [...chooser.options].map((option) => option.value).join()) {
    chooser.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  }
  chooser.value = chosen;
  return chosen;
}

/** By their last session, the latest first. */
async function everyone() {
  const { items } = await get(`v1/users?limit=${USERS_MAX}`);
  return items.toSorted((one, other) => other.last_session_ms - one.last_session_ms).map((item) => item.user);
}

async function patients(coach) {
  const { items } = await get(`v1/coaches/${encodeURIComponent(coach)}/patients?limit=${USERS_MAX}`);
  return items.map((item) => item.user);
}
