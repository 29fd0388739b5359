// A user's personal bests.

import { get } from "./client.js";
import { element, emptyState, exerciseName, kilograms } from "./dom.js";

const SHOWN_MAX = 8; // without being asked for more

const place = document.querySelector("#records > div");

export async function refreshRecords(user) {
  const { items } = await get(`v1/users/${encodeURIComponent(user)}/records?limit=200`);
  if (!items.length) {
    place.replaceChildren(emptyState("No records yet", "They come with the sets that you confirm."));
    return;
  }
  const best = items.toSorted((one, other) => other.maximum_kg - one.maximum_kg);
  const open = place.querySelector("details")?.open ?? false;
  const rest = best.slice(SHOWN_MAX);
  place.replaceChildren(element(
    "div", { class: "box" },
    table(best.slice(0, SHOWN_MAX)),
    rest.length ? element("details", { open }, element("summary", {}, `${rest.length} more`), table(rest)) : null,
  ));
}

function table(items) {
  const columns = ["Exercise", "Heaviest", "Repetitions", "Maximum"];
  return element(
    "table", { class: "bests" },
    element("caption", { class: "unseen" }, "Records: the heaviest weight, the most repetitions without one, the estimated maximum for one repetition"),
    element("thead", {}, element("tr", {}, ...columns.map((name, index) => element("th", { scope: "col", class: index ? "number" : "" }, name)))),
    element("tbody", {}, ...items.map((each) => element(
      "tr", {},
      element("th", { scope: "row" }, exerciseName(each.exercise)),
      element("td", { class: "number" }, each.weight_kg ? kilograms(each.weight_kg) : "—"),
      element("td", { class: "number" }, each.repetitions || "—"),
      element("td", { class: "number" }, each.maximum_kg ? kilograms(Math.round(each.maximum_kg)) : "—"),
    ))),
  );
}
