"""The templates of all utilities, as merged: what a typo in the merge or in the plan would break."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.enterprise import Enterprise, Holding, Utility, load_enterprise, queue_purposes
from chalicelib.network.queues import dead_letters_of
from infrastructure.deployment.cloud import Cloud, DeploymentError, deploy, keys_to_name
from infrastructure.deployment.grants import NEVER, policy
from infrastructure.deployment.names import table_arn
from infrastructure.deployment.packaging import PackageError, functions_of, package_utility, tidied
from infrastructure.deployment.template import COMPRESSED_BYTES_MIN, EVERY, MADE, side_template
from infrastructure.engine import local_credentials
from infrastructure.event_sources import QueueSource, ScheduleSource, StreamSource, event_sources

FILE = Path(__file__).parents[2] / "enterprise.toml"
ENTERPRISE = load_enterprise(FILE)
NAMES = [utility.name for utility in ENTERPRISE.utilities]

Template = Mapping[str, Any]

every_utility = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Every utility's template as it is deployed."""
    folder = tmp_path_factory.mktemp("build")
    return {
        utility.name: json.loads(
            package_utility(ENTERPRISE, FILE, utility, folder / utility.name, "arm64").read_text()
        )
        for utility in ENTERPRISE.utilities
    }


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The properties of the resources of a type, by their name."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == f"AWS::{kind}"
    }


def statements(template: Template, function: str) -> list[Any]:
    """What a function's role may do and may not."""
    role = template["Resources"][MADE[function][1]]["Properties"]
    return [s for p in role["Policies"] for s in p["PolicyDocument"]["Statement"]]


def sources(name: str, kind: type[Any]) -> list[Any]:
    utility = ENTERPRISE.utility(name)
    return [source for source in event_sources(ENTERPRISE, utility, EVERY) if isinstance(source, kind)]


# Tables and queues


@every_utility
def test_every_table_of_the_enterprise_file_is_there_and_cannot_be_lost(
    templates: dict[str, Template], name: str
) -> None:
    tables = of_type(templates[name], "DynamoDB::Table")
    utility = ENTERPRISE.utility(name)
    assert {table["TableName"] for table in tables.values()} == set(ENTERPRISE.tables(utility))
    for logical, table in tables.items():
        assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is True
        assert (table["SSESpecification"]["SSEType"], table["SSESpecification"]["SSEEnabled"]) == (
            "KMS",
            True,
        )
        assert table["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": ["TableKey", "Arn"]}
        resource = templates[name]["Resources"][logical]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
        expires = table["TableName"].endswith(("-market", "-links", "-registrations"))
        assert ("TimeToLiveSpecification" in table) is expires


@every_utility
def test_every_queue_has_dead_letters_and_an_alarm(templates: dict[str, Template], name: str) -> None:
    queues = of_type(templates[name], "SQS::Queue")
    by_name = {queue["QueueName"]: (logical, queue) for logical, queue in queues.items()}
    alarms = of_type(templates[name], "CloudWatch::Alarm").values()
    watched = {d["Value"] for alarm in alarms for d in alarm["Dimensions"] if d["Name"] == "QueueName"}
    receives = {source.queue: source.receives_max for source in sources(name, QueueSource)}
    for purpose in queue_purposes(ENTERPRISE, ENTERPRISE.utility(name)):
        queue = f"demo-{name}-{purpose}"
        dead, _ = by_name[dead_letters_of(queue)]
        redrive = by_name[queue][1]["RedrivePolicy"]
        assert redrive == {
            "deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]},
            "maxReceiveCount": receives[queue],
        }
        assert by_name[queue][1]["VisibilityTimeout"] >= MADE["check"][2]
        assert dead_letters_of(queue) in watched
        assert not purpose.startswith("parked-") or queue in watched
    assert f"demo-{name}-aside" in by_name
    assert all(queue["MessageRetentionPeriod"] == 14 * 24 * 3600 for queue in queues.values())


# Event sources


@every_utility
def test_every_stream_is_read_from_its_beginning_with_its_filters(
    templates: dict[str, Template], name: str
) -> None:
    mappings = of_type(templates[name], "Lambda::EventSourceMapping").values()
    streams = [mapping for mapping in mappings if mapping["EventSourceArn"]["Fn::GetAtt"][1] == "StreamArn"]
    wanted = sources(name, StreamSource)
    assert len(streams) == len(wanted)
    for source in wanted:
        table = f"{source.table.rsplit('-', 1)[1].capitalize()}Table"
        (mapping,) = [
            m
            for m in streams
            if m["FunctionName"] == {"Ref": MADE[source.function][0]}
            and m["EventSourceArn"] == {"Fn::GetAtt": [table, "StreamArn"]}
        ]
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["MaximumRetryAttempts"] == source.attempts_max
        assert 0 < mapping["MaximumRecordAgeInSeconds"] < 24 * 3600
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["Failures", "Arn"]}
        patterns = [json.loads(entry["Pattern"]) for entry in mapping["FilterCriteria"]["Filters"]]
        assert patterns == json.loads(json.dumps(source.patterns))
    tables = [tuple(mapping["EventSourceArn"]["Fn::GetAtt"]) for mapping in streams]
    assert all(tables.count(table) <= 2 for table in tables)


@every_utility
def test_every_queue_and_every_clock_calls_its_function(templates: dict[str, Template], name: str) -> None:
    mappings = of_type(templates[name], "Lambda::EventSourceMapping").values()
    queues = of_type(templates[name], "SQS::Queue")
    called = {
        (mapping["FunctionName"]["Ref"], queues[mapping["EventSourceArn"]["Fn::GetAtt"][0]]["QueueName"])
        for mapping in mappings
        if mapping["EventSourceArn"]["Fn::GetAtt"][1] == "Arn"
    }
    assert called == {(MADE[s.function][0], s.queue) for s in sources(name, QueueSource)}
    clocks = of_type(templates[name], "Events::Rule").values()
    struck = {target["Arn"]["Fn::GetAtt"][0] for clock in clocks for target in clock["Targets"]}
    assert struck == {MADE[source.function][0] for source in sources(name, ScheduleSource)}
    permissions = of_type(templates[name], "Lambda::Permission").values()
    assert struck <= {
        p["FunctionName"].get("Ref") for p in permissions if p["Principal"] == "events.amazonaws.com"
    }


# Functions


@every_utility
def test_every_function_is_there_with_its_settings_log_and_alarm(
    templates: dict[str, Template], name: str
) -> None:
    functions = of_type(templates[name], "Serverless::Function")
    assert set(functions) == {MADE[function][0] for function in functions_of(ENTERPRISE.utility(name))}
    alarms = of_type(templates[name], "CloudWatch::Alarm").values()
    alarmed = {
        (a["MetricName"], d["Value"])
        for a in alarms
        for d in a["Dimensions"]
        if a["Namespace"] == "AWS/Lambda"
    }
    logs = {group["LogGroupName"]: group for group in of_type(templates[name], "Logs::LogGroup").values()}
    for function in functions_of(ENTERPRISE.utility(name)):
        made = functions[MADE[function][0]]
        full = f"demo-{name}-{function}"
        assert (made["FunctionName"], made["Architectures"]) == (full, ["arm64"])
        assert made["Runtime"] == "python3.11"
        assert made["LoggingConfig"] == {"LogFormat": "JSON"}
        settings = made["Environment"]["Variables"]
        assert settings["THREESIDE_UTILITY"] == name
        assert settings["THREESIDE_SECRET"] == {"Ref": "Secret"}
        assert logs[f"/aws/lambda/{full}"]["RetentionInDays"] > 0
        assert ("Errors", full) in alarmed
        if function in ("replicate", "react"):
            assert ("IteratorAge", full) in alarmed or not sources(name, StreamSource)
    assert templates[name]["Parameters"]["Secret"]["NoEcho"] is True


@every_utility
def test_tampering_sets_off_an_alarm(templates: dict[str, Template], name: str) -> None:
    (found,) = of_type(templates[name], "Logs::MetricFilter").values()
    # As `replicate` says it.
    assert found["FilterPattern"] == '{ $.message = "tampered:*" }'
    metric = found["MetricTransformations"][0]["MetricName"]
    (alarm,) = [
        a for a in of_type(templates[name], "CloudWatch::Alarm").values() if a["MetricName"] == metric
    ]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


@every_utility
def test_the_dashboard_shows_every_link_and_every_queue(templates: dict[str, Template], name: str) -> None:
    (board,) = of_type(templates[name], "CloudWatch::Dashboard").values()
    shown = [
        metric
        for widget in json.loads(board["DashboardBody"])["widgets"]
        for metric in widget["properties"]["metrics"]
    ]
    utility = ENTERPRISE.utility(name)
    links = {(h, to) for h in utility.writes for to in ENTERPRISE.holders(utility, h)}
    for what in ("Copied", "Age", "Parked", "Repaired"):
        of_links = [metric for metric in shown if metric[:2] == ["Threeside/demo", what]]
        assert [metric[2:4] for metric in of_links] == [["Utility", name]] * len(links)
        assert {metric[5] for metric in of_links} == {f"{holding}-{to}" for holding, to in links}
    queues = {metric[3] for metric in shown if metric[0] == "AWS/SQS"}
    purposes = queue_purposes(ENTERPRISE, utility)
    assert queues == {f"demo-{name}-{purpose}" for purpose in purposes if purpose.startswith("parked-")}


@every_utility
def test_the_gateway_answers_with_problem_documents_and_throttles(
    templates: dict[str, Template], name: str
) -> None:
    answers = of_type(templates[name], "ApiGateway::GatewayResponse").values()
    assert {a["ResponseType"] for a in answers} >= {"UNAUTHORIZED", "ACCESS_DENIED", "THROTTLED"}
    for answer in answers:
        assert answer["ResponseParameters"] == {
            "gatewayresponse.header.Content-Type": "'application/problem+json'"
        }
        problem = json.loads(answer["ResponseTemplates"]["application/json"])
        assert (problem["status"], set(problem)) == (
            int(answer["StatusCode"]),
            {"type", "title", "status", "detail"},
        )
    api = of_type(templates[name], "Serverless::Api")["RestAPI"]
    assert api["MethodSettings"][0]["ThrottlingRateLimit"] > 0
    assert api["MinimumCompressionSize"] == COMPRESSED_BYTES_MIN
    assert of_type(templates[name], "ApiGateway::UsagePlan")["UsagePlan"]["Throttle"]["RateLimit"] > 0
    assert "Dashboard" in templates[name]["Resources"]


# Who may do what


@every_utility
def test_no_policy_has_a_wildcard_but_for_the_streams_of_its_own_log(
    templates: dict[str, Template], name: str
) -> None:
    for function in functions_of(ENTERPRISE.utility(name)):
        for statement in statements(templates[name], function):
            assert not any("*" in action for action in statement["Action"])
            for resource in statement["Resource"]:
                text = json.dumps(resource)
                own = f"log-group:/aws/lambda/demo-{name}-{function}:log-stream:*" in text
                assert "*" not in text or own or "${Failures.Arn}/aws/lambda/*" in text


@every_utility
def test_nobody_may_update_or_delete_a_record(templates: dict[str, Template], name: str) -> None:
    utility = ENTERPRISE.utility(name)
    own = [table_arn(ENTERPRISE, utility, holding) for holding in utility.holdings]
    for function in functions_of(utility):
        found = statements(templates[name], function)
        allowed = {action for s in found if s["Effect"] == "Allow" for action in s["Action"]}
        assert not allowed & set(NEVER)
        (denied,) = [s for s in found if s["Effect"] == "Deny"]
        assert (sorted(denied["Action"]), denied["Resource"]) == (sorted(NEVER), own)


@every_utility
def test_other_utilities_tables_are_written_only_as_the_file_says(
    templates: dict[str, Template], name: str
) -> None:
    utility = ENTERPRISE.utility(name)
    may = {
        json.dumps(table_arn(ENTERPRISE, ENTERPRISE.utility(holder), holding))
        for holding in utility.writes
        for holder in ENTERPRISE.holders(utility, holding)
    }
    inboxes = {
        json.dumps(table_arn(ENTERPRISE, ENTERPRISE.utility(peer), Holding.INBOX))
        for peer in ENTERPRISE.peers(utility)
    }
    own = {json.dumps(table_arn(ENTERPRISE, utility, holding)) for holding in utility.holdings}
    for function in functions_of(utility):
        for statement in statements(templates[name], function):
            if statement["Effect"] != "Allow" or not statement["Action"][0].startswith("dynamodb:"):
                continue
            foreign = {json.dumps(r) for r in statement["Resource"] if "Fn::Sub" in r} - own
            assert foreign <= may | inboxes
            if foreign:
                assert set(statement["Action"]) <= {"dynamodb:PutItem", "dynamodb:BatchWriteItem"}
                assert function in ("replicate", "react", "check", "retry")
            if foreign - inboxes:
                assert function in ("replicate", "retry")


def test_a_bank_reaches_no_inbox_but_its_own_citys() -> None:
    document = json.dumps(policy(ENTERPRISE, ENTERPRISE.utility("bankx"), "react", []))
    assert "demo-tokyo-inbox" in document
    assert not [name for name in NAMES if name not in ("tokyo", "bankx") and f"demo-{name}-" in document]


# Other accounts and regions


KEY = "0b8b0e5c-6a53-4a2f-9d61-3c1f6f0a7f11"


def elsewhere() -> Enterprise:
    """The default enterprise with c2 in another account and region."""
    utilities = [
        replace(u, account="123456789012", region="eu-central-1", key=KEY)
        if u.name == "c2"
        else replace(u, account="210987654321")
        for u in ENTERPRISE.utilities
    ]
    return replace(ENTERPRISE, utilities=tuple(utilities))


def grants_of(enterprise: Enterprise, utility: Utility) -> Iterator[str]:
    for function in functions_of(utility):
        yield json.dumps(policy(enterprise, utility, function, []))


def test_a_utility_in_another_account_is_let_in_by_name_and_written_to_where_it_is() -> None:
    enterprise = elsewhere()
    firm, c2 = enterprise.utility("firm"), enterprise.utility("c2")
    there = "arn:${AWS::Partition}:dynamodb:eu-central-1:123456789012:table/demo-c2-firm"
    assert any(there in document for document in grants_of(enterprise, firm))
    table = side_template(enterprise, firm, functions_of(firm), "arm64")["Resources"]["CustomerTable"]
    (statement,) = table["Properties"]["ResourcePolicy"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": ["123456789012"]}
    assert statement["Action"] == ["dynamodb:BatchWriteItem", "dynamodb:PutItem"]
    assert statement["Condition"]["ArnEquals"]["aws:PrincipalArn"] == [
        {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::123456789012:role/demo-c2-{function}"}
        for function in ("replicate", "retry")
    ]
    own = side_template(enterprise, c2, functions_of(c2), "arm64")["Resources"]
    assert "ResourcePolicy" in own["FirmTable"]["Properties"]


def test_who_writes_to_another_account_may_use_the_key_of_its_tables_and_nobody_else_may() -> None:
    enterprise = elsewhere()
    key = f"arn:${{AWS::Partition}}:kms:eu-central-1:123456789012:key/{KEY}"
    using = {
        (utility.name, function)
        for utility in enterprise.utilities
        for function in functions_of(utility)
        if key in json.dumps(policy(enterprise, utility, function, []))
    }
    writers = ("c1", "s1", "s2", "bankx", "banky", "broker", "firm")
    assert using == {(name, function) for name in writers for function in ("replicate", "retry")}
    c2 = side_template(enterprise, enterprise.utility("c2"), functions_of(enterprise.utility("c2")), "arm64")
    (_, through_tables) = c2["Resources"]["TableKey"]["Properties"]["KeyPolicy"]["Statement"]
    accounts = through_tables["Condition"]["StringEquals"]["kms:CallerAccount"]
    assert accounts == [{"Fn::Sub": "123456789012"}, {"Fn::Sub": "210987654321"}]


def test_within_one_account_tables_need_no_policies() -> None:
    firm = ENTERPRISE.utility("firm")
    resources = side_template(ENTERPRISE, firm, functions_of(firm), "arm64")["Resources"]
    assert not [name for name, r in resources.items() if "ResourcePolicy" in r.get("Properties", {})]


def test_a_name_that_chalice_has_not_made_is_refused() -> None:
    with pytest.raises(PackageError, match="Replicat: Chalice has made nothing of that name"):
        tidied({"Resources": {"Replicat": {"Properties": {}}}})


# Before anything is created


def test_a_utility_that_has_not_been_packaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"c1: no template\.json in .*: make package first"):
        list(deploy(ENTERPRISE, tmp_path, Cloud(endpoint="http://127.0.0.1:9"), {}))


GOOD = {"Secret": "0123456789abcdef" * 2, "Issuer": "issuer", "Jwks": "{}"}


@pytest.fixture
def packaged(templates: dict[str, Template], tmp_path: Path) -> Path:
    """What `make package` makes, but for the code."""
    for name in NAMES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "template.json").write_text(json.dumps(templates[name]))
        (tmp_path / name / "deployment.zip").write_bytes(b"")
    return tmp_path


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud, of account 123456789012, in which nothing is created: not even a place for packages."""
    for name, value in local_credentials().items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        cloud = Cloud()
        yield cloud
        assert cloud.client("s3", "us-east-1").list_buckets()["Buckets"] == []


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"Secret": None}, "c1: Secret is not given. Keys the hashes in numbers, in hexadecimal"),
        ({"Secret": "0123"}, r"c1: Secret: expected \[0-9a-f\]\+, at least 32 characters"),
        ({"Secret": "geheim" * 8}, r"c1: Secret: expected \[0-9a-f\]\+, at least 32 characters"),
        ({"Issuer": None}, "c1: Issuer is not given. Who issues tokens"),
        ({"Sekret": "00"}, "c1: its template has no parameter Sekret: make package again"),
    ],
)
def test_a_parameter_that_templates_do_not_take_is_named_before_anything_is_created(
    packaged: Path, change: Mapping[str, str | None], named: str
) -> None:
    parameters = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(DeploymentError, match=named):
        list(deploy(ENTERPRISE, packaged, Cloud(), parameters))


def test_a_region_that_cannot_be_reached_is_named_before_anything_is_created(
    packaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in local_credentials().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeploymentError, match=r"c1: region 'us-east-1' cannot be reached: .*correct the ent"):
        list(deploy(ENTERPRISE, packaged, Cloud(endpoint="http://127.0.0.1:9"), GOOD))


def test_a_profile_that_there_is_not_is_named_before_anything_is_created(packaged: Path) -> None:
    with pytest.raises(DeploymentError, match=r"c1: .*profile.*nobody.*could not be found"):
        list(deploy(ENTERPRISE, packaged, Cloud(profile="nobody"), GOOD))


def test_an_account_without_utilities_is_named_before_anything_is_created(packaged: Path, aws: Cloud) -> None:
    others = tuple(replace(utility, account="210987654321") for utility in ENTERPRISE.utilities)
    with pytest.raises(DeploymentError, match=r"none of the utilities .* has c1 in 210987654321, c2 in"):
        list(deploy(replace(ENTERPRISE, utilities=others), packaged, aws, GOOD))


def test_another_secret_than_that_of_who_is_there_is_refused_before_anything_is_created(
    packaged: Path, aws: Cloud
) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = aws.client("iam", "us-east-1").create_role(RoleName="some", AssumeRolePolicyDocument=trust)
    aws.client("lambda", ENTERPRISE.utility("s2").region).create_function(
        FunctionName="demo-s2-replicate",
        Role=role["Role"]["Arn"],
        Code={"ZipFile": b""},
        Runtime="python3.11",
        Handler="chalicelib.entry.streams.replicate",
        Environment={"Variables": {"THREESIDE_SECRET": "5" * 64}},
    )
    with pytest.raises(DeploymentError, match="s2: is deployed with another Secret: give the one that it"):
        list(deploy(ENTERPRISE, packaged, aws, GOOD, ("c1",)))


class Stacks(Cloud):
    """A cloud in which every stack is there, and says its own name for its key."""

    def client(self, service: str, region: str) -> Any:
        assert service == "cloudformation"
        return self

    def describe_stacks(self, **asked: str) -> Any:
        outputs = [{"OutputKey": "TableKey", "OutputValue": f"key of {asked['StackName']}"}]
        return {"Stacks": [{"StackStatus": "UPDATE_COMPLETE", "Outputs": outputs}]}


def test_the_keys_of_tables_that_the_file_does_not_name_yet_are_told(templates: dict[str, Template]) -> None:
    assert all(t["Outputs"]["TableKey"] == {"Value": {"Ref": "TableKey"}} for t in templates.values())
    assert dict(keys_to_name(elsewhere(), ("c1", "c2"), Stacks())) == {"c1": "key of demo-c1"}
    assert not dict(keys_to_name(ENTERPRISE, ("c1", "c2"), Stacks()))
