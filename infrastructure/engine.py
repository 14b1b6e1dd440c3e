"""The engine: ministack stands for DynamoDB and SQS, in a process of its own on loopback."""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import botocore.session
import httpx
from botocore.config import Config

REGION = "us-east-1"
_SERVICES = "dynamodb,dynamodbstreams,sqs"


class EngineError(Exception):
    """The engine does not run; the message says what to do."""


def local_credentials() -> dict[str, str]:
    """What AWS's client wants to be told, though nobody here checks it."""
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def is_free(port: int) -> bool:
    """Whether a server can listen on a port of this machine."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def start_engine(
    port: int, log: Path, seconds_max: float = 15, services: str = _SERVICES, enforces: bool = False
) -> subprocess.Popen[bytes]:
    """Start an engine and wait until it answers; EngineError if it does not.

    One that `enforces` refuses what nobody's policies allow, but to who has `local_credentials`.
    """
    command = [sys.executable, "-m", "ministack"]
    environment = {
        **os.environ,
        **local_credentials(),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "SERVICES": services,
        "AUTH": str(enforces).lower(),
    }
    with log.open("wb") as output:
        try:
            engine = subprocess.Popen(
                command,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                preexec_fn=die_with_parent,
            )
        except OSError as error:
            raise EngineError(f"the engine does not start: {error}") from error
    give_up = time.monotonic() + seconds_max
    while time.monotonic() < give_up:
        if engine.poll() is not None:
            raise EngineError(f"the engine ended at once with status {engine.returncode}: see {log}")
        try:
            if httpx.get(f"{address(port)}/_ministack/health", timeout=1).is_success:
                return engine
        except httpx.HTTPError:
            time.sleep(0.05)
    engine.kill()
    raise EngineError(f"the engine did not answer on port {port} within {seconds_max:.0f} s: see {log}")


def die_with_parent() -> None:
    """Have the kernel end this process when its parent ends, however that ends (Linux)."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def address(port: int) -> str:
    """Where the engine's services are."""
    return f"http://127.0.0.1:{port}"


def client(service: str, endpoint: str | None, region: str = REGION) -> Any:
    """A client for one of the engine's services; AWS's own without an endpoint."""
    limits = Config(
        connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 2}, max_pool_connections=50
    )
    session = botocore.session.get_session()
    return session.create_client(service, region, endpoint_url=endpoint, config=limits)
