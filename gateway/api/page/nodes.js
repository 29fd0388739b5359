// An operator's view of the nodes: who serves which shards, whether their leases are renewed, what comes in.

import { get } from "./client.js";
import { counted, duration, element, emptyState, time } from "./dom.js";

const SHARDS = 256;
const LATE_MS = 30_000; // a lease that was not renewed for so long: its member is gone, or its clock is wrong

const place = document.querySelector("#nodes > div");

export async function refresh() {
  const [cluster, load] = await Promise.all([get("v1/cluster"), get("v1/load")]);
  const hosts = new Map(load.hosts.map((each) => [each.member, each]));
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
      ? element("div", { class: "cards" }, ...cluster.members.map((member) => memberBox(member, hosts.get(member.member), load.seconds)))
      : emptyState("No shard host yet", "They join within a second or so of `muvr up`."),
  );
  return served < SHARDS;
}

function fact(figure, name) {
  return element("span", {}, element("b", {}, figure), ` ${name}`);
}

/** What this node took in the last ten to twenty seconds, and how long answers took, which come when all is durable. */
function throughput(load) {
  if (!load.hosts.some((host) => host.running)) return [];
  return [
    fact(rate(load.answered, load.seconds), "messages a second, this node"),
    fact(ms(load.answer_ms_mean), "until durable, on average"),
    fact(ms(load.answer_ms_within), "at most, for 99 of 100"),
    fact(load.waiting.toLocaleString(), load.waiting === 1 ? "message waits" : "messages wait"),
  ];
}

function rate(count, seconds) {
  return (seconds ? count / seconds : 0).toLocaleString(undefined, { maximumFractionDigits: 1 });
}

function ms(figure) {
  return figure === null ? "—" : `${figure.toLocaleString(undefined, { maximumFractionDigits: figure < 10 ? 1 : 0 })}\u00a0ms`;
}

function memberBox(member, host, seconds) {
  const silentMs = Date.now() - member.renewed_ms;
  const late = member.serving && silentMs > LATE_MS;
  const state = late ? "late" : member.serving ? "serving" : "left";
  const look = { late: "failed", serving: "exercising", left: "" }[state];
  return element(
    "article", { class: "box", "aria-label": member.member },
    element("div", { class: "line" }, element("h4", {}, member.member), element("span", { class: `state ${look}` }, state)),
    element("p", { class: "muted" }, `${counted(member.shards.length, "shard", "shards")}, lease renewed ${silentMs < LATE_MS ? `${duration(Math.max(0, silentMs))} ago` : `at ${time(member.renewed_ms)}`}`),
    host ? element("p", { class: "muted" }, loadWords(host, seconds)) : null,
    element("p", { class: "muted small" }, member.url),
    shardMap(member.shards),
  );
}

function loadWords(host, seconds) {
  if (!host.running) return "its process is gone, and is being started again";
  const lag = host.wait_ms_mean === null ? "" : `, begun after ${ms(host.wait_ms_mean)}`;
  const written = host.durable_ms_mean === null ? "" : `, a write takes ${ms(host.durable_ms_mean)}`;
  return `${counted(host.users, "user", "users")} live, ${rate(host.commands, seconds)} messages a second${lag}${written}`;
}

/** All shards in order, those of the member dark. */
function shardMap(shards) {
  const own = new Set(shards);
  const cells = Array.from({ length: SHARDS }, (_, shard) => element("i", { class: own.has(shard) ? "own" : "" }));
  return element("div", { class: "shards", role: "img", "aria-label": `${shards.length} of ${SHARDS} shards` }, ...cells);
}
