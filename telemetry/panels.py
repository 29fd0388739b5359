"""The dashboard's panels: rates, errors, durations and saturation, the cluster, models and nights."""

from __future__ import annotations

from dataclasses import dataclass

ON = '{instance=~"$instance"}'
RATE = "$__rate_interval"


@dataclass(frozen=True)
class Query:
    expr: str
    legend: str


@dataclass(frozen=True)
class Panel:
    """`unit` is one of Grafana's; `help_text` says what to look for."""

    title: str
    unit: str
    help_text: str
    queries: tuple[Query, ...]


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def _rate(metric: str, by: str = "instance", selector: str = ON) -> str:
    return f"sum by ({by}) (rate({metric}{selector}[{RATE}]))"


def _share(part: str, metric: str) -> str:
    return f"{_rate(metric, selector=part)} / {_rate(metric)}"


def _quantiles(metric: str, by: str = "") -> tuple[Query, ...]:
    labels = f"le, {by}" if by else "le"
    name = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{ON}[{RATE}])))",
            f"p{share * 100:g}{name}",
        )
        for share in (0.5, 0.99)
    )


def _gauge(metric: str, legend: str = "{{instance}}") -> tuple[Query, ...]:
    return (Query(f"{metric}{ON}", legend),)


def _age(metric: str, legend: str) -> tuple[Query, ...]:
    return (Query(f"time() - ({metric}{ON} > 0)", legend),)


ROWS = (
    Row(
        "Rates",
        (
            Panel("Connections", "short", "Open device connections.", _gauge("muvr_connections")),
            Panel(
                "Connections turned away or held back",
                "ops",
                "Without a place; and new ones of addresses of which too many ended badly.",
                (
                    Query(_rate("muvr_connections_refused_total"), "turned away {{instance}}"),
                    Query(_rate("muvr_connections_held_total"), "held back {{instance}}"),
                ),
            ),
            Panel(
                "Messages and frames",
                "ops",
                "What devices send; frames are counted once they go to a shard host.",
                (
                    Query(_rate("muvr_message_bytes_count"), "messages {{instance}}"),
                    Query(_rate("muvr_frames_total"), "frames {{instance}}"),
                ),
            ),
            Panel(
                "Received",
                "Bps",
                "Bytes of messages.",
                (Query(_rate("muvr_message_bytes_sum"), "{{instance}}"),),
            ),
            Panel(
                "Replies",
                "ops",
                "Acknowledgements, sets, tips, suggestions.",
                (Query(_rate("muvr_replies_total", "kind"), "{{kind}}"),),
            ),
            Panel(
                "Windows classified",
                "ops",
                "Two-second windows that went through a model.",
                (Query(_rate("muvr_windows_classified_total"), "{{instance}}"),),
            ),
            Panel(
                "Requests of the API",
                "reqps",
                "By status.",
                (Query(_rate("muvr_http_requests_total", "status"), "{{status}}"),),
            ),
        ),
    ),
    Row(
        "Errors",
        (
            Panel(
                "Refused by shard hosts",
                "ops",
                "By code; `not_owner` for some seconds when users move to another node.",
                (Query(_rate("muvr_refusals_total", "code"), "{{code}}"),),
            ),
            Panel(
                "Errors of the gateway",
                "ops",
                "Messages that cannot be read, tokens that do not hold.",
                (Query(_rate("muvr_errors_sent_total", "code"), "{{code}}"),),
            ),
            Panel(
                "Errors of the store",
                "ops",
                "After what may be repeated was.",
                (
                    Query(
                        _rate("muvr_store_errors_total", "backend, operation, code"),
                        "{{backend}} {{operation}} {{code}}",
                    ),
                    Query(_rate("muvr_groups_failed_total", "code"), "groups not written {{code}}"),
                ),
            ),
        ),
    ),
    Row(
        "Durations",
        (
            Panel(
                "Until acknowledged",
                "s",
                "From when a message was read to its durable answer.",
                _quantiles("muvr_acknowledgement_seconds"),
            ),
            Panel(
                "Writes",
                "s",
                "Until durable.",
                (
                    Query(
                        "histogram_quantile(0.99, sum by (le, backend, operation) "
                        f"(rate(muvr_store_seconds_bucket{ON}[{RATE}])))",
                        "p99 {{backend}} {{operation}}",
                    ),
                ),
            ),
            Panel(
                "A group's stages",
                "s",
                "Recovery of users, decisions, classification.",
                _quantiles("muvr_group_stage_seconds", "stage"),
            ),
            Panel("Answers of the API", "s", "Until they begin.", _quantiles("muvr_http_request_seconds")),
        ),
    ),
    Row(
        "Saturation",
        (
            Panel(
                "Credit",
                "percentunit",
                "Batches in flight of those that may be; at 1 messages queue.",
                (Query(f"muvr_batches_in_flight{ON} / muvr_batches_in_flight_max{ON}", "{{instance}}"),),
            ),
            Panel("Queue", "short", "Messages that wait for credit.", _gauge("muvr_messages_waiting")),
            Panel(
                "Lag",
                "s",
                "Until a shard host begins with a message.",
                _quantiles("muvr_host_wait_seconds"),
            ),
            Panel(
                "Written together",
                "short",
                "Commands of a group, rows of a write.",
                (*_quantiles("muvr_group_commands"), *_quantiles("muvr_store_write_rows", "backend")),
            ),
            Panel(
                "Writes under way",
                "short",
                "Submitted and not durable.",
                _gauge("muvr_store_writes_under_way", "{{instance}} {{process}}"),
            ),
            Panel(
                "Processor",
                "percentunit",
                "Cores in use.",
                (
                    Query(
                        _rate("muvr_process_cpu_seconds_total", "instance, process"),
                        "{{process}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                "Memory",
                "bytes",
                "Resident.",
                _gauge("muvr_process_resident_memory_bytes", "{{process}} {{instance}}"),
            ),
            Panel(
                "Files",
                "percentunit",
                "Open files and connections of those that may be.",
                (
                    Query(
                        f"muvr_process_open_files{ON} / muvr_process_open_files_max{ON}",
                        "{{process}} {{instance}}",
                    ),
                ),
            ),
            Panel(
                "Disk",
                "percentunit",
                "Free.",
                (Query(f"muvr_disk_free_bytes{ON} / muvr_disk_size_bytes{ON}", "{{instance}}"),),
            ),
        ),
    ),
    Row(
        "Cluster",
        (
            Panel(
                "Shards",
                "short",
                "Held; all nodes together have 256.",
                _gauge("muvr_shards_held", "{{instance}} {{process}}"),
            ),
            Panel(
                "Age of leases",
                "s",
                "Renewed every quarter of --lease-seconds.",
                _age("muvr_lease_renewed_timestamp_seconds", "{{instance}} {{process}}"),
            ),
            Panel(
                "Leases lost, members expelled",
                "short",
                "Nodes that stood still, or could not reach the store.",
                (
                    Query(f"increase(muvr_leases_lost_total{ON}[{RATE}])", "lost {{instance}}"),
                    Query(f"increase(muvr_members_expelled_total{ON}[{RATE}])", "expelled by {{instance}}"),
                ),
            ),
            Panel(
                "Users in memory",
                "short",
                "Their actors.",
                _gauge("muvr_session_actors", "{{instance}} {{process}}"),
            ),
            Panel(
                "Recoveries",
                "ops",
                "Many after a node is gone; failed ones are users that are refused.",
                (Query(_rate("muvr_recoveries_total", "outcome"), "{{outcome}}"),),
            ),
            Panel(
                "Processes",
                "short",
                "Starts; a rise is a process that died.",
                _gauge("muvr_process_starts_total", "{{process}} {{instance}}"),
            ),
        ),
    ),
    Row(
        "Models and nights",
        (
            Panel(
                "Sets without a name",
                "percentunit",
                "Of all that were found; a jump after a night is a bad model.",
                (
                    Query(
                        _share('{instance=~"$instance", outcome="unknown"}', "muvr_sets_total"),
                        "{{instance}}",
                    ),
                ),
            ),
            Panel(
                "Models served",
                "short",
                "By for whom, and the macro F1 of the worst.",
                (
                    Query("max by (scope) (muvr_models_served)", "{{scope}}"),
                    Query("min by (scope) (muvr_model_f1)", "F1 {{scope}}"),
                ),
            ),
            Panel(
                "Age of what is served",
                "s",
                "Since it last changed, or the node began.",
                _age("muvr_model_served_timestamp_seconds", "{{scope}} {{instance}}"),
            ),
            Panel(
                "Nights",
                "short",
                "That ended, by how, and runs of steps that failed.",
                (
                    Query("sum by (outcome) (increase(muvr_nights_total[1d]))", "{{outcome}}"),
                    Query(
                        'sum by (step) (increase(muvr_job_runs_total{outcome="failed"}[1d]))',
                        "failed {{step}}",
                    ),
                ),
            ),
            Panel(
                "Since a night succeeded",
                "s",
                "More than a day is one missed.",
                (Query("time() - max(muvr_night_succeeded_timestamp_seconds > 0)", "age"),),
            ),
            Panel(
                "Steps",
                "s",
                "What their last runs took.",
                (Query("max by (step) (muvr_job_duration_seconds > 0)", "{{step}}"),),
            ),
        ),
    ),
)
