"""A utility's side of its template: everything but the functions and routes that Chalice describes (pure).

Merged with what `chalice package` makes. Tables, queues and event sources follow from the same lists that
the local enterprise is made from, so that what runs here is what is deployed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from chalicelib.enterprise import Enterprise, Holding, Utility, queue_purposes
from chalicelib.entry.watching import link_name, namespace
from chalicelib.network.queues import dead_letters_of
from chalicelib.tables.dynamodb import KEY_ATTRIBUTES, KEY_SCHEMA

from ..event_sources import (
    VISIBILITY,
    EventSource,
    QueueSource,
    ScheduleSource,
    StreamSource,
    event_sources,
)
from ..provision import EXPIRING
from .grants import USE_KEY
from .names import Intrinsic, account_of, logical, role_arn, table_arn

# Once a minute is as often as AWS's clocks strike.
EVERY = timedelta(minutes=1)

LOG_DAYS = 90
# A stream keeps records for a day; what has not been handled by then is set aside before it is lost.
RECORD_AGE_SECONDS_MAX = 23 * 3600
MESSAGE_RETENTION_SECONDS = 14 * 24 * 3600
FAILURES_KEPT_DAYS = 90

REQUESTS_PER_SECOND_MAX = 500
REQUESTS_AT_ONCE_MAX = 1000
# An order's answers are a tenth of it: they are not worth the time.
COMPRESSED_BYTES_MIN = 10 * 1024

# Chalice's names of what it makes: the function, its role, and how long and with how much it may run.
MADE = {
    "api_handler": ("APIHandler", "ApiHandlerRole", 29, 1024),
    "bearer": ("Bearer", "BearerRole", 10, 512),
    "check": ("Check", "CheckRole", 30, 512),
    "publish": ("Publish", "PublishRole", 60, 512),
    "react": ("React", "ReactRole", 60, 512),
    "replicate": ("Replicate", "ReplicateRole", 60, 512),
    "retry": ("Retry", "RetryRole", 30, 512),
    "sweep": ("Sweep", "SweepRole", 60, 256),
}

Resources = dict[str, Any]


def side_template(
    enterprise: Enterprise, utility: Utility, functions: Sequence[str], architecture: str
) -> dict[str, Any]:
    """What is merged into Chalice's template of a utility that has these functions."""
    sources = event_sources(enterprise, utility, EVERY)
    resources: Resources = {}
    for part in (
        _key(enterprise, utility),
        _tables(enterprise, utility),
        _queues(enterprise, utility, sources),
        _failures(enterprise, utility),
        _functions(enterprise, utility, functions, architecture),
        _event_sources(sources),
        _gateway(),
        _alarms(enterprise, utility, functions, sources),
    ):
        resources.update(part)
    resources["Dashboard"] = _dashboard(enterprise, utility, functions, sources)
    return {
        "Parameters": PARAMETERS,
        "Conditions": CONDITIONS,
        "Resources": resources,
        "Outputs": {"TableKey": {"Value": {"Ref": "TableKey"}}},
    }


PARAMETERS = {
    "Secret": {
        "Type": "String",
        "NoEcho": True,
        "MinLength": 32,
        "AllowedPattern": "[0-9a-f]+",
        "Description": "Keys the hashes in numbers, in hexadecimal: one for the whole enterprise.",
    },
    "Issuer": {"Type": "String", "Description": "Who issues tokens: the iss that they must have."},
    "Jwks": {"Type": "String", "Description": "The issuer's key set: inline, or at an https address."},
    "TickSeconds": {
        "Type": "Number",
        "Default": 15,
        "MinValue": 0.5,
        "Description": "How long the simulated markets show a price.",
    },
    "SignOfLifeSeconds": {
        "Type": "Number",
        "Default": 60,
        "MinValue": 1,
        "Description": "How often utilities give signs of life; three times as long without one is silence.",
    },
    "PatienceSeconds": {
        "Type": "Number",
        "Default": 60,
        "MinValue": 1,
        "Description": "How long a street utility may leave an order unanswered.",
    },
    "TurnSeconds": {
        "Type": "Number",
        "Default": 120,
        "MinValue": 1,
        "Description": "How long each turn of a conversation between banks may take.",
    },
    "Operators": {
        "Type": "String",
        "Default": "",
        "Description": "The ARN of a topic that alarms are sent to; without one they only show.",
    },
}


# Tables


def _key(enterprise: Enterprise, utility: Utility) -> Resources:
    accounts = sorted({account_of(other) for other in enterprise.utilities} | {account_of(utility)})
    return {
        "TableKey": {
            "Type": "AWS::KMS::Key",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "Description": f"Tables of {utility.name} in enterprise {enterprise.name}",
                "EnableKeyRotation": True,
                "KeyPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "AdministeredByItsAccount",
                            "Effect": "Allow",
                            "Principal": {
                                "AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}
                            },
                            "Action": "kms:*",
                            "Resource": "*",
                        },
                        {
                            # Whoever may use a table uses its key through DynamoDB, and in no other way.
                            "Sid": "UsedThroughTables",
                            "Effect": "Allow",
                            "Principal": {"AWS": "*"},
                            "Action": ["kms:CreateGrant", *USE_KEY],
                            "Resource": "*",
                            "Condition": {
                                "StringEquals": {
                                    "kms:CallerAccount": [{"Fn::Sub": account} for account in accounts],
                                    "kms:ViaService": f"dynamodb.{utility.region}.amazonaws.com",
                                }
                            },
                        },
                    ],
                },
            },
        }
    }


def _tables(enterprise: Enterprise, utility: Utility) -> Resources:
    return {table_id(holding): _table(enterprise, utility, holding) for holding in utility.holdings}


def table_id(holding: Holding) -> str:
    """A table's name within its template."""
    return f"{holding.capitalize()}Table"


def _table(enterprise: Enterprise, utility: Utility, holding: Holding) -> Mapping[str, Any]:
    properties: dict[str, Any] = {
        "TableName": enterprise.table(utility.name, holding),
        "KeySchema": KEY_SCHEMA,
        "AttributeDefinitions": KEY_ATTRIBUTES,
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": True,
        "SSESpecification": {
            "SSEEnabled": True,
            "SSEType": "KMS",
            "KMSMasterKeyId": {"Fn::GetAtt": ["TableKey", "Arn"]},
        },
    }
    if holding in EXPIRING:
        properties["TimeToLiveSpecification"] = {"AttributeName": "Expires", "Enabled": True}
    writers = _writers_elsewhere(enterprise, utility, holding)
    if writers:
        properties["ResourcePolicy"] = {"PolicyDocument": _let_in(enterprise, utility, holding, writers)}
    return {
        "Type": "AWS::DynamoDB::Table",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": properties,
    }


def _writers_elsewhere(enterprise: Enterprise, utility: Utility, holding: Holding) -> list[Utility]:
    """Utilities of other accounts that write to a table."""
    if holding is Holding.INBOX:
        writers = [other for other in enterprise.utilities if utility.name in enterprise.peers(other)]
    else:
        writers = [o for o in enterprise.utilities if utility.name in enterprise.holders(o, holding)]
    return [writer for writer in writers if account_of(writer) != account_of(utility)]


def _let_in(
    enterprise: Enterprise, utility: Utility, holding: Holding, writers: Sequence[Utility]
) -> Mapping[str, Any]:
    """Functions of other accounts may insert, and nothing else.

    Named by condition: as principals they would have to be there before the table is.
    """
    functions = ("react", "check", "retry") if holding is Holding.INBOX else ("replicate", "retry")
    roles = [role_arn(enterprise, writer, function) for writer in writers for function in functions]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "InsertedFromOtherAccounts",
                "Effect": "Allow",
                "Principal": {"AWS": sorted({account_of(writer) for writer in writers})},
                "Action": ["dynamodb:BatchWriteItem", "dynamodb:PutItem"],
                "Resource": table_arn(enterprise, utility, holding),
                "Condition": {"ArnEquals": {"aws:PrincipalArn": roles}},
            }
        ],
    }


# Queues


def queue_id(purpose: str) -> str:
    """A queue's name within its template."""
    return logical(purpose, "queue")


def _queues(enterprise: Enterprise, utility: Utility, sources: Sequence[EventSource]) -> Resources:
    resources: Resources = {}
    receives = {source.queue: source.receives_max for source in sources if isinstance(source, QueueSource)}
    for purpose in queue_purposes(enterprise, utility):
        name = f"{enterprise.name}-{utility.name}-{purpose}"
        resources[queue_id(dead_letters_of(purpose))] = _queue(dead_letters_of(name))
        dead = {"Fn::GetAtt": [queue_id(dead_letters_of(purpose)), "Arn"]}
        resources[queue_id(purpose)] = _queue(
            name,
            VisibilityTimeout=VISIBILITY.seconds,
            RedrivePolicy={"deadLetterTargetArn": dead, "maxReceiveCount": receives[name]},
        )
    resources[queue_id("aside")] = _queue(f"{enterprise.name}-{utility.name}-aside")
    return resources


def _queue(name: str, **more: Any) -> Mapping[str, Any]:
    return {
        "Type": "AWS::SQS::Queue",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "QueueName": name,
            "MessageRetentionPeriod": MESSAGE_RETENTION_SECONDS,
            "SqsManagedSseEnabled": True,
            **more,
        },
    }


def _failures(enterprise: Enterprise, utility: Utility) -> Resources:
    """Where a record goes that could not be handled: whole, for queues and topics carry no payload."""
    name = f"{enterprise.name}-{utility.name}-failures-${{AWS::AccountId}}-${{AWS::Region}}"
    return {
        "Failures": {
            "Type": "AWS::S3::Bucket",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "BucketName": {"Fn::Sub": name},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                    ]
                },
                "PublicAccessBlockConfiguration": dict.fromkeys(
                    ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"),
                    True,
                ),
                "LifecycleConfiguration": {
                    "Rules": [{"Status": "Enabled", "ExpirationInDays": FAILURES_KEPT_DAYS}]
                },
            },
        }
    }


# Functions


def function_name(enterprise: Enterprise, utility: Utility, function: str) -> str:
    """What a function is called on AWS."""
    return f"{enterprise.name}-{utility.name}-{function}"


def _functions(
    enterprise: Enterprise, utility: Utility, functions: Sequence[str], architecture: str
) -> Resources:
    resources: Resources = {}
    for function in functions:
        made, role, seconds, megabytes = MADE[function]
        name = function_name(enterprise, utility, function)
        resources[f"{made}Log"] = {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": {"LogGroupName": f"/aws/lambda/{name}", "RetentionInDays": LOG_DAYS},
        }
        resources[role] = {"Properties": {"RoleName": name}}
        resources[made] = {
            "Properties": {
                "FunctionName": name,
                "Architectures": [architecture],
                "MemorySize": megabytes,
                "Timeout": seconds,
                # What Lambda itself says of a function is JSON then, too; a line that is JSON stays as it is.
                "LoggingConfig": {"LogFormat": "JSON"},
                "Environment": {
                    "Variables": {
                        "THREESIDE_SECRET": {"Ref": "Secret"},
                        "THREESIDE_ISSUER": {"Ref": "Issuer"},
                        "THREESIDE_JWKS": {"Ref": "Jwks"},
                        "THREESIDE_TICK_SECONDS": {"Ref": "TickSeconds"},
                        "THREESIDE_TURN_SECONDS": {"Ref": "TurnSeconds"},
                        "THREESIDE_SIGN_OF_LIFE_SECONDS": {"Ref": "SignOfLifeSeconds"},
                        "THREESIDE_PATIENCE_SECONDS": {"Ref": "PatienceSeconds"},
                    }
                },
            },
            "DependsOn": [f"{made}Log"],
        }
    return resources


# Event sources


def _event_sources(sources: Sequence[EventSource]) -> Resources:
    resources: Resources = {}
    for source in sources:
        match source:
            case StreamSource():
                holding = Holding(source.table.rsplit("-", 1)[1])
                resources[stream_id(source)] = _stream_mapping(source, holding)
            case QueueSource():
                resources[mapping_id(source)] = _queue_mapping(source)
            case ScheduleSource():
                resources.update(_schedule(source))
    return resources


def stream_id(source: StreamSource) -> str:
    """A stream's mapping within its template."""
    return logical(source.function, source.table.rsplit("-", 1)[1], "stream")


def mapping_id(source: QueueSource) -> str:
    """A queue's mapping within its template."""
    return logical(source.function, source.queue.split("-", 2)[2], "mapping")


def _stream_mapping(source: StreamSource, holding: Holding) -> Mapping[str, Any]:
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": MADE[source.function][0]},
            "EventSourceArn": {"Fn::GetAtt": [table_id(holding), "StreamArn"]},
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": source.batch_max,
            "MaximumRetryAttempts": source.attempts_max,
            "BisectBatchOnFunctionError": True,
            "MaximumRecordAgeInSeconds": RECORD_AGE_SECONDS_MAX,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {
                "Filters": [{"Pattern": json.dumps(pattern, sort_keys=True)} for pattern in source.patterns]
            },
            "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Failures", "Arn"]}}},
        },
        "DependsOn": [MADE[source.function][1]],
    }


def _queue_mapping(source: QueueSource) -> Mapping[str, Any]:
    purpose = source.queue.split("-", 2)[2]
    return {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "FunctionName": {"Ref": MADE[source.function][0]},
            "EventSourceArn": {"Fn::GetAtt": [queue_id(purpose), "Arn"]},
            "BatchSize": source.batch_max,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        },
        "DependsOn": [MADE[source.function][1]],
    }


def _schedule(source: ScheduleSource) -> Resources:
    made = MADE[source.function][0]
    clock = logical(source.function, "clock")
    return {
        clock: {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "ScheduleExpression": "rate(1 minute)",
                "Targets": [{"Id": source.function, "Arn": {"Fn::GetAtt": [made, "Arn"]}}],
            },
        },
        f"{clock}Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "Action": "lambda:InvokeFunction",
                "FunctionName": {"Ref": made},
                "Principal": "events.amazonaws.com",
                "SourceArn": {"Fn::GetAtt": [clock, "Arn"]},
            },
        },
    }


# The gateway

# What the gateway itself answers, by its name for it: status, title, and what was expected.
_REFUSED = {
    "ACCESS_DENIED": (401, "Unauthorized", "$context.authorizer.problem"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "Internal Server Error", "the authorizer cannot be asked"),
    "AUTHORIZER_FAILURE": (
        500,
        "Internal Server Error",
        "the authorizer failed; send the same request again",
    ),
    "BAD_REQUEST_BODY": (400, "Bad Request", "the body cannot be read"),
    "INTEGRATION_FAILURE": (
        504,
        "Gateway Timeout",
        "no answer; send the same request again, here or elsewhere",
    ),
    "INTEGRATION_TIMEOUT": (504, "Gateway Timeout", "no answer in time; send the same request again"),
    "MISSING_AUTHENTICATION_TOKEN": (
        404,
        "Not Found",
        "there is nothing at $context.path for $context.httpMethod",
    ),
    "REQUEST_TOO_LARGE": (413, "Content Too Large", "the body is too large"),
    "RESOURCE_NOT_FOUND": (404, "Not Found", "there is nothing at $context.path"),
    "THROTTLED": (429, "Too Many Requests", "slower, please; send the same request again"),
    "UNAUTHORIZED": (401, "Unauthorized", "expected Authorization: Bearer TOKEN"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported Media Type", "expected application/json"),
}
_MEDIA_TYPE = "application/problem+json"


def _gateway() -> Resources:
    resources: Resources = {
        f"{logical(*name.lower().split('_'))}Response": _refusal(name, *said)
        for name, said in _REFUSED.items()
    }
    resources["RestAPI"] = {
        "Properties": {
            "EndpointConfiguration": "REGIONAL",
            "MinimumCompressionSize": COMPRESSED_BYTES_MIN,
            "MethodSettings": [
                {
                    "ResourcePath": "/*",
                    "HttpMethod": "*",
                    "ThrottlingRateLimit": REQUESTS_PER_SECOND_MAX,
                    "ThrottlingBurstLimit": REQUESTS_AT_ONCE_MAX,
                    "MetricsEnabled": True,
                }
            ],
        }
    }
    resources["UsagePlan"] = {
        "Type": "AWS::ApiGateway::UsagePlan",
        "DependsOn": ["RestAPIapiStage"],
        "Properties": {
            "ApiStages": [{"ApiId": {"Ref": "RestAPI"}, "Stage": "api"}],
            "Throttle": {"RateLimit": REQUESTS_PER_SECOND_MAX, "BurstLimit": REQUESTS_AT_ONCE_MAX},
        },
    }
    return resources


def _refusal(name: str, status: int, title: str, detail: str) -> Mapping[str, Any]:
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return {
        "Type": "AWS::ApiGateway::GatewayResponse",
        "Properties": {
            "RestApiId": {"Ref": "RestAPI"},
            "ResponseType": name,
            "StatusCode": str(status),
            "ResponseParameters": {"gatewayresponse.header.Content-Type": f"'{_MEDIA_TYPE}'"},
            "ResponseTemplates": {"application/json": json.dumps(problem)},
        },
    }


# Alarms


def _alarms(
    enterprise: Enterprise, utility: Utility, functions: Sequence[str], sources: Sequence[EventSource]
) -> Resources:
    resources: Resources = {}
    for function in functions:
        name = function_name(enterprise, utility, function)
        resources[f"{MADE[function][0]}Fails"] = _alarm(
            f"{function} of {utility.name} fails",
            "AWS/Lambda",
            "Errors",
            {"FunctionName": name},
            threshold=5,
            statistic="Sum",
            minutes=5,
        )
    for function in sorted({source.function for source in sources if isinstance(source, StreamSource)}):
        name = function_name(enterprise, utility, function)
        resources[f"{MADE[function][0]}Behind"] = _alarm(
            f"{function} of {utility.name} is more than five minutes behind its streams",
            "AWS/Lambda",
            "IteratorAge",
            {"FunctionName": name},
            threshold=300_000,
            statistic="Maximum",
            minutes=5,
        )
    for purpose in queue_purposes(enterprise, utility):
        queue = f"{enterprise.name}-{utility.name}-{purpose}"
        resources[logical(purpose, "dead")] = _alarm(
            f"messages of {purpose} at {utility.name} have failed for good",
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": dead_letters_of(queue)},
            threshold=0,
            statistic="Maximum",
            minutes=5,
        )
        if purpose.startswith("parked-"):
            resources[logical(purpose, "deep")] = _alarm(
                f"{utility.name} keeps much that {purpose.removeprefix('parked-')} could not take",
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": queue},
                threshold=1000,
                statistic="Maximum",
                minutes=15,
            )
    resources["TamperedRecords"] = {
        "Type": "AWS::Logs::MetricFilter",
        "Properties": {
            "LogGroupName": {"Ref": "ReplicateLog"},
            "FilterPattern": '{ $.message = "tampered:*" }',
            "MetricTransformations": [
                {
                    "MetricNamespace": namespace(enterprise.name),
                    "MetricName": f"Tampered-{utility.name}",
                    "MetricValue": "1",
                }
            ],
        },
    }
    resources["Tampered"] = _alarm(
        f"a record of {utility.name} has been changed or deleted by hand",
        namespace(enterprise.name),
        f"Tampered-{utility.name}",
        {},
        threshold=0,
        statistic="Sum",
        minutes=1,
    )
    return resources


def _alarm(
    description: str,
    namespace: str,
    metric: str,
    dimensions: Mapping[str, str],
    *,
    threshold: int,
    statistic: str,
    minutes: int,
) -> Mapping[str, Any]:
    """Above the threshold in one period; no news is good news."""
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": description,
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": statistic,
            "Period": 60 * minutes,
            "EvaluationPeriods": 1,
            "Threshold": threshold,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
            "AlarmActions": {"Fn::If": ["HasOperators", [{"Ref": "Operators"}], {"Ref": "AWS::NoValue"}]},
        },
    }


def _dashboard(
    enterprise: Enterprise, utility: Utility, functions: Sequence[str], sources: Sequence[EventSource]
) -> Mapping[str, Any]:
    names = [function_name(enterprise, utility, function) for function in functions]
    streaming = sorted({s.function for s in sources if isinstance(s, StreamSource)})
    parked = [p for p in queue_purposes(enterprise, utility) if p.startswith("parked-")]
    links = [
        link_name(holding, to) for holding in utility.writes for to in enterprise.holders(utility, holding)
    ]
    widgets = [
        ("Invocations", [["AWS/Lambda", "Invocations", "FunctionName", name] for name in names]),
        ("Errors", [["AWS/Lambda", "Errors", "FunctionName", name] for name in names]),
        ("Duration, ms", [["AWS/Lambda", "Duration", "FunctionName", name] for name in names]),
        (
            "Behind the streams, ms",
            [
                ["AWS/Lambda", "IteratorAge", "FunctionName", function_name(enterprise, utility, function)]
                for function in streaming
            ],
        ),
        (
            "Parked for others",
            [
                [
                    "AWS/SQS",
                    "ApproximateNumberOfMessagesVisible",
                    "QueueName",
                    f"{enterprise.name}-{utility.name}-{purpose}",
                ]
                for purpose in parked
            ],
        ),
        *(
            (title, [_of_link(enterprise, utility, link, metric, statistic) for link in links])
            for title, metric, statistic in (
                ("Copied", "Copied", "Sum"),
                ("Age when copied, ms", "Age", "Maximum"),
                ("Parked", "Parked", "Sum"),
                ("Repaired", "Repaired", "Sum"),
            )
        ),
    ]
    body = {
        "widgets": [
            {
                "type": "metric",
                "x": 12 * (place % 2),
                "y": 6 * (place // 2),
                "width": 12,
                "height": 6,
                "properties": {"title": title, "metrics": metrics, "region": utility.region, "period": 60},
            }
            for place, (title, metrics) in enumerate(widgets)
            if metrics
        ]
    }
    return {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": f"{enterprise.name}-{utility.name}",
            "DashboardBody": json.dumps(body, sort_keys=True),
        },
    }


def _of_link(enterprise: Enterprise, utility: Utility, link: str, metric: str, statistic: str) -> list[Any]:
    """What functions say of a link in their log."""
    dimensions = ["Utility", utility.name, "Link", link]
    return [namespace(enterprise.name), metric, *dimensions, {"stat": statistic}]


CONDITIONS: Mapping[str, Intrinsic] = {
    "HasOperators": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Operators"}, ""]}]}
}
