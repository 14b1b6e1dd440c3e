"""One enterprise per file of tests: its tables take longer to make than a test to run."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from chalicelib.network import queues
from chalicelib.tables.dynamodb import connection

from .enterprise import REGION, Enterprise


def _forget_clients() -> None:
    connection.cache_clear()
    queues.sqs_client.cache_clear()
    queues._queue_url.cache_clear()


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """An AWS in memory; its streams do not know endpoints that name the account."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "testing")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environment.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
        _forget_clients()
        with mock_aws():
            yield
        _forget_clients()


@pytest.fixture(scope="module")
def shared(aws: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enterprise]:
    """What the tests of one file work with, one after another."""
    made = Enterprise(tmp_path_factory.mktemp("enterprise"))
    yield made
    made.settle()
    made.check()


@pytest.fixture
def enterprise(shared: Enterprise) -> Iterator[Enterprise]:
    """The file's enterprise: everything is up, and the street side gives signs of life."""
    shared.publish()
    yield shared
    shared.recover()


@pytest.fixture
def account(enterprise: Enterprise) -> str:
    """An account that no other test uses."""
    return enterprise.open_account()
