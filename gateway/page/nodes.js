// An operator's view of the nodes: who serves which shards, whether their leases are renewed, what comes in.

import { get } from "./client.js";
import { counted, duration, element, emptyState, time } from "./dom.js";

const SHARDS = 256;
const LATE_MS = 30_000; // a lease that was not renewed for so long: its member is gone, or its clock is wrong

const place = document.querySelector("#nodes > div");

export async function refresh() {
  const cluster = await get("v1/cluster");
  const served = cluster.members.filter((member) => member.serving).reduce((sum, member) => sum + member.shards.length, 0);
  place.replaceChildren(
    element(
      "p", { class: "facts-row" },
      fact(`${served} of ${SHARDS}`, "shards served"),
      fact(String(cluster.members.filter((member) => member.serving).length), "shard hosts"),
      fact(String(cluster.view), "changes of membership"),
      fact(cluster.version, `version, schema ${cluster.schema_version}`),
    ),
    cluster.members.length
      ? element("div", { class: "cards" }, ...cluster.members.map(memberBox))
      : emptyState("No shard host yet", "They join within a second or so of `muvr up`."),
  );
  return served < SHARDS;
}

function fact(figure, name) {
  return element("span", {}, element("b", {}, figure), ` ${name}`);
}

function memberBox(member) {
  const silentMs = Date.now() - member.renewed_ms;
  const late = member.serving && silentMs > LATE_MS;
  const state = late ? "late" : member.serving ? "serving" : "left";
  const look = { late: "failed", serving: "exercising", left: "" }[state];
  return element(
    "article", { class: "box", "aria-label": member.member },
    element("div", { class: "line" }, element("h4", {}, member.member), element("span", { class: `state ${look}` }, state)),
    element("p", { class: "muted" }, `${counted(member.shards.length, "shard", "shards")}, lease renewed ${silentMs < LATE_MS ? `${duration(Math.max(0, silentMs))} ago` : `at ${time(member.renewed_ms)}`}`),
    element("p", { class: "muted small" }, member.url),
    shardMap(member.shards),
  );
}

/** All shards in order, those of the member dark. */
function shardMap(shards) {
  const own = new Set(shards);
  const cells = Array.from({ length: SHARDS }, (_, shard) => element("i", { class: own.has(shard) ? "own" : "" }));
  return element("div", { class: "shards", role: "img", "aria-label": `${shards.length} of ${SHARDS} shards` }, ...cells);
}
