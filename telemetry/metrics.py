"""Every metric of a node: its name, type, labels with all their values, and help.

`muvr metrics list`, the dashboard and the alert rules are made of this list. No label can have a value that
is not declared here: none names a user, a device or a session.

Names follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/): base units, `_total` on
counters; times are told as timestamps, so that their age is current whenever it is asked.
"""

from __future__ import annotations

from domain import errors
from domain.errors import MuvrError, StoreError
from telemetry import spans
from telemetry.kinds import OTHER, Declarations
from telemetry.pages import open_page

DECLARED = Declarations()
_counter, _gauge, _histogram = DECLARED.counter, DECLARED.gauge, DECLARED.histogram

LATENCY_SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
STAGE_SECONDS = (0.0001, 0.00025, 0.0005, *LATENCY_SECONDS)
COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
MESSAGE_BYTES_BOUNDS = (64, 256, 512, 1024, 2048, 4096, 16_384, 65_536)


def _codes(base: type[MuvrError]) -> tuple[str, ...]:
    """Of the errors of domain/errors.py: what else a process has imported must not change a page's layout."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, base)]
    return (*sorted({each.code for each in kinds}), OTHER)


CODES = _codes(MuvrError)
STORE_CODES = _codes(StoreError)
HOSTS = "shard-host"  # what is told of those processes alone
BACKENDS = ("sqlite", "cassandra")
OPERATIONS = ("write", "read", "conditional")
STAGES = ("recover", "decide", "classify")
REPLIES = (
    "ack", "refused", "recognised", "set", "rest", "setting_up", "suggestion", "tip", "ended", OTHER,
)  # fmt: skip
STEPS = ("batch", "train", "train clusters", "evaluate", "promote", OTHER)
OUTCOMES = ("succeeded", "failed", "cancelled", "interrupted", "skipped", OTHER)
SCOPES = ("everyone", "cluster", "user")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", OTHER)
STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx")

# The gateway
CONNECTIONS = _gauge("muvr_connections", "Device connections that are open")
CONNECTIONS_OPENED = _counter("muvr_connections_opened_total", "Device connections that were opened")
CONNECTIONS_REFUSED = _counter(
    "muvr_connections_refused_total",
    "Device connections that were turned away, as there was no place for them",
)
CONNECTIONS_HELD = _counter(
    "muvr_connections_held_total",
    "Device connections that had to wait, as too many of their address had ended badly",
)
MESSAGE_BYTES = _histogram(
    "muvr_message_bytes", "Size of each message that came from a device", MESSAGE_BYTES_BOUNDS
)
ERRORS_SENT = _counter(
    "muvr_errors_sent_total", "Errors that the gateway itself told devices, by code", code=CODES
)
MESSAGES_WAITING = _gauge("muvr_messages_waiting", "Checked messages that wait for a shard host's credit")
BATCHES_IN_FLIGHT = _gauge("muvr_batches_in_flight", "Batches that shard hosts have not answered")
BATCHES_IN_FLIGHT_MAX = _gauge("muvr_batches_in_flight_max", "Credit: how many batches may be in flight")
BATCH_MESSAGES = _histogram("muvr_batch_messages", "Messages of each batch for a shard host", COUNTS)
FRAMES = _counter("muvr_frames_total", "Sensor frames that were handed to shard hosts")
ACKNOWLEDGEMENT = _histogram(
    "muvr_acknowledgement_seconds",
    "From when a message was read off its connection to its answer, which is durable",
    LATENCY_SECONDS,
)

# Shard hosts
HOST_WAIT = _histogram(
    "muvr_host_wait_seconds",
    "Lag: from when a message was read off its connection to when its shard host begins with it",
    LATENCY_SECONDS,
)
GROUP_COMMANDS = _histogram("muvr_group_commands", "Commands that are written together", COUNTS)
GROUP_STAGE = _histogram(
    "muvr_group_stage_seconds", "What each part of a group's work takes", STAGE_SECONDS, stage=STAGES
)
GROUPS_FAILED = _counter("muvr_groups_failed_total", "Groups that were not written, by why", code=CODES)
SESSION_ACTORS = _gauge("muvr_session_actors", "Users whose actor is in memory", processes=HOSTS)
RECOVERIES = _counter(
    "muvr_recoveries_total",
    "Users that were recovered from snapshot and journal",
    outcome=("recovered", "failed"),
)
WINDOWS = _counter("muvr_windows_classified_total", "Windows of sensor data that were classified")
REPLIES_SENT = _counter(
    "muvr_replies_total", "What shard hosts answered: acknowledgements, sets, tips, ...", kind=REPLIES
)
REFUSALS = _counter("muvr_refusals_total", "Commands that shard hosts refused, by why", code=CODES)
SETS = _counter(
    "muvr_sets_total", "Sets that were found, with a name or without", outcome=("named", "unknown")
)
SHARDS_HELD = _gauge("muvr_shards_held", "Shards that the process may act for", processes=HOSTS)
LEASE_RENEWED = _gauge(
    "muvr_lease_renewed_timestamp_seconds", "When the process last renewed its lease", processes=HOSTS
)
LEASES_LOST = _counter("muvr_leases_lost_total", "Times that a shard host was no member any more")
MEMBERS_EXPELLED = _counter(
    "muvr_members_expelled_total", "Members whose lease ran out, expelled by this node"
)

# The store, seen from every process
STORE_SECONDS = _histogram(
    "muvr_store_seconds",
    "What an operation of the store takes; of a write, until it is durable",
    STAGE_SECONDS,
    backend=BACKENDS,
    operation=OPERATIONS,
)
STORE_ROWS = _histogram("muvr_store_write_rows", "Rows and deletions of each write", COUNTS, backend=BACKENDS)
STORE_ERRORS = _counter(
    "muvr_store_errors_total",
    "Operations of the store that failed, after what may be repeated was",
    backend=BACKENDS,
    operation=OPERATIONS,
    code=STORE_CODES,
)
STORE_UNDER_WAY = _gauge(
    "muvr_store_writes_under_way", "Writes that are submitted and not durable", processes=""
)

# Models and nights, told by the scheduler
MODELS_SERVED = _gauge("muvr_models_served", "Models that are served, by for whom", scope=SCOPES)
MODEL_SINCE = _gauge(
    "muvr_model_served_timestamp_seconds",
    "When the node saw what is served change, or began",
    scope=SCOPES,
)
MODEL_F1 = _gauge(
    "muvr_model_f1", "Macro F1 of the worst model that is served, when it was chosen", scope=SCOPES
)
SCHEDULER_LEADS = _gauge("muvr_scheduler_leads", "1 where the node's scheduler begins the nights")
NIGHTS = _counter("muvr_nights_total", "Nights that ended, by how", outcome=OUTCOMES)
NIGHT_SUCCEEDED = _gauge("muvr_night_succeeded_timestamp_seconds", "When the last night that succeeded ended")
NIGHT_RUNNING = _gauge("muvr_night_running", "1 while a night's step runs under this node's scheduler")
JOB_RUNS = _counter(
    "muvr_job_runs_total", "Runs of a night's steps that ended, by how", step=STEPS, outcome=OUTCOMES
)
JOB_DURATION = _gauge("muvr_job_duration_seconds", "What the last run of a step took", step=STEPS)

# The HTTP API
HTTP_REQUESTS = _counter(
    "muvr_http_requests_total", "Requests that the API answered", method=METHODS, status=STATUSES
)
HTTP_SECONDS = _histogram(
    "muvr_http_request_seconds", "From a request to the beginning of its answer", LATENCY_SECONDS
)

# Every process that devices need
LOOP_TURNED = _gauge(
    "muvr_loop_turned_timestamp_seconds", "When the process last came round to what waits", processes=""
)

# Told when the metrics are read
PROCESS_UP = _gauge("muvr_process_up", "1 while the process runs", processes="", at_scrape=True)
PROCESS_STARTS = _counter(
    "muvr_process_starts_total", "Starts of the process since the node's", processes="", at_scrape=True
)
PROCESS_STARTED = _gauge(
    "muvr_process_start_time_seconds", "When the process started", processes="", at_scrape=True
)
PROCESS_CPU = _counter(
    "muvr_process_cpu_seconds_total", "CPU time of the process that runs", processes="", at_scrape=True
)
PROCESS_MEMORY = _gauge(
    "muvr_process_resident_memory_bytes", "Memory of the process", processes="", at_scrape=True
)
PROCESS_FILES = _gauge(
    "muvr_process_open_files", "Files and connections it has open", processes="", at_scrape=True
)
PROCESS_FILES_MAX = _gauge(
    "muvr_process_open_files_max", "How many it may have", processes="", at_scrape=True
)
DISK_FREE = _gauge("muvr_disk_free_bytes", "What is free where the node's data is", at_scrape=True)
DISK_SIZE = _gauge("muvr_disk_size_bytes", "What there is where the node's data is", at_scrape=True)
CLOCK = _gauge("muvr_clock_seconds", "This machine's clock, to compare with Prometheus' own", at_scrape=True)


def count_as(role: str) -> None:
    """This process is the node's `role` from now on: what it counts is seen in the node's metrics, and
    where the node sends spans, its own are among them.
    """
    open_page(role, DECLARED.layout(), DECLARED.gauge_slots())
    spans.record_as(role)
