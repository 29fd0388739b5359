// A lifter's view: the plan of the week, records, progress, and the sessions with their sets to correct.

import { claims } from "./account.js";
import { get } from "./client.js";
import { element } from "./dom.js";
import { refreshGrants } from "./grants.js";
import { afterDeletion, refreshHistory } from "./history.js";
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
chooser.addEventListener("change", () => refresh());
pair.addEventListener("click", () => pairDevice(shown));
plan.addEventListener("click", () => planWeek(shown, () => refreshWeek(shown)));
afterDeletion(() => refresh());

/** Reads all of it again, for the user who is signed in, or the one whom an operator chose. */
export async function refresh() {
  const user = await whose();
  shown = user;
  pair.hidden = user === null;
  plan.hidden = user === null || claims()?.scope === "operator";
  if (user !== null) {
    await Promise.all([refreshWeek(user), refreshRecords(user), refreshProgress(user), refreshGrants(user)]);
  }
  await refreshHistory(user);
}

/** The user whose training is shown; null if there is none. */
async function whose() {
  const own = claims();
  if (own?.scope === "user") return own.user;
  const page = await get(`v1/users?limit=${USERS_MAX}`);
  const users = page.items.sort((one, other) => other.last_session_ms - one.last_session_ms);
  const names = users.map((user) => user.user);
  chooser.hidden = !names.length;
  if (!names.length) return null;
  const chosen = names.includes(chooser.value) ? chooser.value : names[0];
  if (names.join() !== [...chooser.options].map((option) => option.value).join()) {
    chooser.replaceChildren(...names.map((name) => element("option", { value: name }, name)));
  }
  chooser.value = chosen;
  return chosen;
}
