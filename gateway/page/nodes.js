// An operator's view of the nodes: who serves which shards, whether their leases are renewed, what comes in.

import { get } from "./client.js";
import { counted, duration, element, emptyState, time } from "./dom.js";

const SHARDS = 256;
const LATE_MS = 30_000; // a lease that was not renewed for so long: its member is gone, or its clock is wrong

const place = document.querySelector("#nodes > div");

export async function refresh() {
  const [cluster, load] = await Promise.all([get("v1/cluster"), get("v1/load")]);
  const reports = new Map(load.items.map((each) => [each.member, each]));
  const served = cluster.members.filter((member) => member.serving).reduce((sum, member) => sum + member.shards.length, 0);
  place.replaceChildren(
    element(
      "p", { class: "facts-row" },
      fact(`${served} of ${SHARDS}`, "shards served"),
      fact(String(cluster.members.filter((member) => member.serving).length), "shard hosts"),
      fact(String(cluster.view), "changes of membership"),
      ...throughput(load),
      fact(cluster.version, `version, schema ${cluster.schema_version}`),
    ),
    cluster.members.length
      ? element("div", { class: "cards" }, ...cluster.members.map((member) => memberBox(member, reports.get(member.member))))
      : emptyState("No shard host yet", "They join within a second or so of `muvr up`."),
  );
  return served < SHARDS;
}

function fact(figure, name) {
  return element("span", {}, element("b", {}, figure), ` ${name}`);
}

/** What this node's shard hosts took in their latest ten seconds or so, and how long the slowest answer took. */
function throughput(load) {
  const recent = load.items.filter((each) => load.at_ms - each.at_ms < LATE_MS);
  if (!recent.length) return [];
  const perSecond = recent.reduce((sum, each) => sum + each.commands / each.seconds, 0);
  const slowest = Math.max(...recent.map((each) => each.answer_ms_max ?? 0));
  return [
    fact(perSecond.toLocaleString(undefined, { maximumFractionDigits: 1 }), "messages a second, this node"),
    fact(slowest ? `${Math.round(slowest)}\u00a0ms` : "—", "until durable, at most"),
  ];
}

function memberBox(member, report) {
  const silentMs = Date.now() - member.renewed_ms;
  const late = member.serving && silentMs > LATE_MS;
  const state = late ? "late" : member.serving ? "serving" : "left";
  const look = { late: "failed", serving: "exercising", left: "" }[state];
  return element(
    "article", { class: "box", "aria-label": member.member },
    element("div", { class: "line" }, element("h4", {}, member.member), element("span", { class: `state ${look}` }, state)),
    element("p", { class: "muted" }, `${counted(member.shards.length, "shard", "shards")}, lease renewed ${silentMs < LATE_MS ? `${duration(Math.max(0, silentMs))} ago` : `at ${time(member.renewed_ms)}`}`),
    report ? element("p", { class: "muted" }, loadWords(report)) : null,
    element("p", { class: "muted small" }, member.url),
    shardMap(member.shards),
  );
}

function loadWords(report) {
  const rate = (report.commands / report.seconds).toLocaleString(undefined, { maximumFractionDigits: 1 });
  const mean = report.answer_ms_mean === null ? "" : `, durable after ${Math.round(report.answer_ms_mean)}\u00a0ms on average`;
  const waits = report.unanswered ? `, ${counted(report.unanswered, "batch waits", "batches wait")}` : "";
  return `${counted(report.users, "user", "users")} live, ${rate} messages a second${mean}${waits}`;
}

/** All shards in order, those of the member dark. */
function shardMap(shards) {
  const own = new Set(shards);
  const cells = Array.from({ length: SHARDS }, (_, shard) => element("i", { class: own.has(shard) ? "own" : "" }));
  return element("div", { class: "shards", role: "img", "aria-label": `${shards.length} of ${SHARDS} shards` }, ...cells);
}
