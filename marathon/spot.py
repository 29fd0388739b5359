"""The notice that a spot machine will be taken away, as its cloud gives it to whoever asks on the machine.

    aws   `spot/instance-action` of the instance's metadata, there from two minutes before the end, read with
          a token (IMDSv2). AWS recommends to look every 5 s.
          https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
    gcp   `instance/preempted` of the metadata server, TRUE from 30 s before the end.
          https://cloud.google.com/compute/docs/instances/create-use-preemptible

Both are given as well as the cloud can: a machine may go without.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Literal, get_args

from domain.errors import ConfigurationError
from marathon.errors import ClusterUnavailable

Cloud = Literal["aws", "gcp"]
CLOUDS: tuple[Cloud, ...] = get_args(Cloud)
ADDRESSES: Mapping[Cloud, str] = {"aws": "http://169.254.169.254", "gcp": "http://metadata.google.internal"}
TIMEOUT_SECONDS = 2.0
BYTES_MAX = 4096
_TOKEN_PATH, _ACTION_PATH = "/latest/api/token", "/latest/meta-data/spot/instance-action"
_PREEMPTED_PATH = "/computeMetadata/v1/instance/preempted"
_TOKEN_SECONDS = "60"
_MISSING = 404


class SpotNotice:
    """Asks the metadata of `cloud` at `url`, by default where the cloud has it."""

    def __init__(self, cloud: Cloud, url: str | None = None) -> None:
        self._cloud = cloud
        self._url = (url or ADDRESSES[cloud]).rstrip("/")
        if not self._url.startswith("http://"):
            raise ConfigurationError(f"{url!r} is no address of metadata", expected="http://HOST[:PORT]")
        # It is on this machine, whatever proxies lead out of it.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def heard(self) -> str | None:
        """What will happen, in words; None while nothing will. Raises ClusterUnavailable if nobody knows."""
        return self._aws() if self._cloud == "aws" else self._gcp()

    def _aws(self) -> str | None:
        lasts = {"X-aws-ec2-metadata-token-ttl-seconds": _TOKEN_SECONDS}
        token = self._ask("PUT", _TOKEN_PATH, lasts)
        if token is None:
            raise ClusterUnavailable(f"{self._url} has no {_TOKEN_PATH}")
        told = self._ask("GET", _ACTION_PATH, {"X-aws-ec2-metadata-token": token})
        if told is None:
            return None
        try:
            action, at = (str(json.loads(told)[name]) for name in ("action", "time"))
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            raise ClusterUnavailable(f"{self._url} gives a notice that cannot be read: {told!r}") from error
        return f"{action} at {at}"

    def _gcp(self) -> str | None:
        told = self._ask("GET", _PREEMPTED_PATH, {"Metadata-Flavor": "Google"})
        if told not in ("TRUE", "FALSE"):
            raise ClusterUnavailable(f"{self._url}{_PREEMPTED_PATH} is {told!r}, neither TRUE nor FALSE")
        return "preempted within 30 s" if told == "TRUE" else None

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        """None if there is nothing at `path`."""
        request = urllib.request.Request(self._url + path, headers=dict(headers), method=method)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                text: str = answer.read(BYTES_MAX).decode("ascii", errors="replace").strip()
                return text
        except urllib.error.HTTPError as error:
            if error.code == _MISSING:
                return None
            raise ClusterUnavailable(f"{self._url}{path} answers with status {error.code}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ClusterUnavailable(f"{self._url} does not answer: {reason}") from error
