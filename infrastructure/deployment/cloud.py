"""Deploying a packaged enterprise: the same with an AWS profile as on a local cloud, but for an endpoint."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.enterprise import Enterprise, Utility

from .template import function_name

# Making all of a utility takes some minutes on AWS.
_SECONDS_MAX = 1800


class DeploymentError(Exception):
    """A utility cannot be deployed; the message says which, and why."""


@dataclass(frozen=True)
class Cloud:
    """Where to deploy: AWS by a profile, or whatever answers at an endpoint as AWS does."""

    profile: str | None = None
    endpoint: str | None = None

    def client(self, service: str, region: str) -> Any:
        """A client of a service in a region."""
        return _client(service, region, self.profile, self.endpoint)

    def url(self, api: str, region: str) -> str:
        """Where a utility's routes are."""
        if self.endpoint is not None:
            return f"{self.endpoint}/_aws/execute-api/{api}/api"
        return f"https://{api}.execute-api.{region}.amazonaws.com/api"


@cache
def _client(service: str, region: str, profile: str | None, endpoint: str | None) -> Any:
    session = boto3.Session(profile_name=profile, region_name=region)
    return session.client(service, endpoint_url=endpoint)


def deploy(
    enterprise: Enterprise,
    build: Path,
    cloud: Cloud,
    parameters: Mapping[str, str],
    only: Sequence[str] = (),
) -> Iterator[tuple[str, str]]:
    """Deploy utilities from what `make package` made, each as a stack: its name and address.

    All of them, or `only` some in that order; of these, where the enterprise file names accounts, those of
    the account that is deployed to. Again over what is there, it is an upgrade. DeploymentError before
    anything is created if a region cannot be reached, a utility has not been packaged, a parameter is not
    as templates want it, or the secret is another than it was.
    """
    ours = []
    asked = [enterprise.utility(name) for name in only] or enterprise.utilities
    for utility in asked:
        _expect_packaged(utility, build)
        _expect_parameters(utility, build, parameters)
        if utility.account in (None, _reach(utility, cloud)):
            ours.append(utility)
    if not ours:
        named = ", ".join(f"{utility.name} in {utility.account}" for utility in asked)
        raise DeploymentError(f"none of the utilities is in the profile's account: the file has {named}")
    for utility in enterprise.utilities:
        if utility.account == ours[0].account:
            _expect_same_secret(enterprise, utility, parameters["Secret"], cloud)
    for utility in ours:
        yield utility.name, _deploy(enterprise, utility, build / utility.name, cloud, parameters)


def keys_to_name(enterprise: Enterprise, names: Iterable[str], cloud: Cloud) -> Iterator[tuple[str, str]]:
    """The table keys of deployed utilities that other accounts do not know yet, as the file does not."""
    for utility in map(enterprise.utility, names):
        if utility.account is not None and utility.key is None:
            formation = cloud.client("cloudformation", utility.region)
            yield utility.name, _await(formation, _stack(enterprise, utility))["TableKey"]


def _stack(enterprise: Enterprise, utility: Utility) -> str:
    return f"{enterprise.name}-{utility.name}"


def _expect_packaged(utility: Utility, build: Path) -> None:
    for name in ("template.json", "deployment.zip"):
        if not (build / utility.name / name).exists():
            raise DeploymentError(f"{utility.name}: no {name} in {build / utility.name}: make package first")


def _expect_parameters(utility: Utility, build: Path, parameters: Mapping[str, str]) -> None:
    """What CloudFormation would refuse only after other stacks have been made."""
    declared = json.loads((build / utility.name / "template.json").read_text()).get("Parameters", {})
    for name in parameters.keys() - declared.keys():
        raise DeploymentError(f"{utility.name}: its template has no parameter {name}: make package again")
    for name, wanted in declared.items():
        value = parameters.get(name, wanted.get("Default"))
        if value is None:
            raise DeploymentError(f"{utility.name}: {name} is not given. {wanted['Description']}")
        length = wanted.get("MinLength", 0)
        if len(str(value)) < length or not re.fullmatch(wanted.get("AllowedPattern", ".*"), str(value)):
            expected = f"expected {wanted.get('AllowedPattern', 'text')}, at least {length} characters"
            raise DeploymentError(f"{utility.name}: {name}: {expected}. {wanted['Description']}")


def _expect_same_secret(enterprise: Enterprise, utility: Utility, secret: str, cloud: Cloud) -> None:
    """With another, the orders of one utility would be found at no other, and by no customer."""
    functions = cloud.client("lambda", utility.region)
    try:
        there = functions.get_function_configuration(
            FunctionName=function_name(enterprise, utility, "replicate")
        )
    except functions.exceptions.ResourceNotFoundException:
        return
    if there["Environment"]["Variables"]["THREESIDE_SECRET"] != secret:
        raise DeploymentError(f"{utility.name}: is deployed with another Secret: give the one that it has")


def _reach(utility: Utility, cloud: Cloud) -> str:
    """The account that is deployed to."""
    try:
        account: str = cloud.client("sts", utility.region).get_caller_identity()["Account"]
    except (BotoCoreError, ClientError, ValueError) as error:
        raise DeploymentError(
            f"{utility.name}: region {utility.region!r} cannot be reached: {error}; correct the enterprise"
            " file or the profile, or enable the region in its account"
        ) from None
    return account


def _deploy(
    enterprise: Enterprise, utility: Utility, made: Path, cloud: Cloud, parameters: Mapping[str, str]
) -> str:
    stack = _stack(enterprise, utility)
    template = json.loads((made / "template.json").read_text())
    asked = {
        "StackName": stack,
        "TemplateURL": _upload(stack, utility, template, made / "deployment.zip", cloud),
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    formation = cloud.client("cloudformation", utility.region)
    try:
        _create_or_update(formation, asked)
        outputs = _await(formation, stack)
    except ClientError as error:
        raise DeploymentError(f"{stack}: {error}") from None
    return cloud.url(outputs["RestAPIId"], utility.region)


def _upload(stack: str, utility: Utility, template: dict[str, Any], package: Path, cloud: Cloud) -> str:
    """Put the package and its template where CloudFormation finds them: the template's address."""
    storage = cloud.client("s3", utility.region)
    account = cloud.client("sts", utility.region).get_caller_identity()["Account"]
    bucket = f"threeside-packages-{account}-{utility.region}"
    where = {} if utility.region == "us-east-1" else {"LocationConstraint": utility.region}
    with suppress(storage.exceptions.BucketAlreadyOwnedByYou):
        storage.create_bucket(Bucket=bucket, **({"CreateBucketConfiguration": where} if where else {}))
    # Named by what is in it: other code is another template, and the same is none to be deployed.
    code = f"{stack}/{sha256(package.read_bytes()).hexdigest()}.zip"
    storage.upload_file(str(package), bucket, code)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{code}"
    body = json.dumps(template).encode()
    key = f"{stack}/{sha256(body).hexdigest()}.json"
    storage.put_object(Bucket=bucket, Key=key, Body=body)
    address = cloud.endpoint or f"https://s3.{utility.region}.amazonaws.com"
    return f"{address}/{bucket}/{key}"


def _create_or_update(formation: Any, asked: Mapping[str, Any]) -> None:
    try:
        formation.create_stack(**asked)
        return
    except formation.exceptions.AlreadyExistsException:
        pass
    try:
        formation.update_stack(**asked)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise


def _await(formation: Any, stack: str) -> dict[str, str]:
    """Wait until a stack is made: its outputs."""
    give_up = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < give_up:
        (described,) = formation.describe_stacks(StackName=stack)["Stacks"]
        status = described["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        if not status.endswith("IN_PROGRESS"):
            raise DeploymentError(f"{stack}: {status}: {_reason(formation, stack)}")
        time.sleep(0.2)
    raise DeploymentError(f"{stack}: not made within {_SECONDS_MAX} s")


def _reason(formation: Any, stack: str) -> str:
    """The first thing that went wrong."""
    events = formation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
    return "; ".join(f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason')}" for e in failed[-1:])
