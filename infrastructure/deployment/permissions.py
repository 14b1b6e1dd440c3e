"""The scene of what functions may not do: their own policies, held against a cloud that enforces them.

That they may do what they have to, all other scenes show: every function runs under its own role.
"""

import json
from collections.abc import Mapping
from itertools import product
from typing import Any

import boto3
from botocore.exceptions import ClientError

from chalicelib.enterprise import Holding, Utility

from ..demo.cues import expect
from ..demo.story import Story
from ..engine import REGION
from .deployed import Deployed
from .packaging import functions_of

# Whoever has a function's policy, and no other right.
_SOMEBODY = "somebody"
_KEY = {"pk": {"S": "nobody"}, "sk": {"S": "nothing"}}
_THERE = {"ConditionExpression": "attribute_exists(pk)"}

# An operation, and what is asked of it.
Try = tuple[str, dict[str, Any]]


def play(stage: Deployed, story: Story) -> None:
    """Try what nobody may, with every function's policy."""
    everyone = [(u, f) for u in stage.enterprise.utilities for f in functions_of(u)]
    with story.step(
        f"With the policy of each of {len(everyone)} functions, somebody changes and deletes records of its"
        " utility, and reads and writes tables of others that it has no business with",
        "denied, every time; what the policy allows is not",
    ) as came:
        somebody = _admit_somebody(stage)
        tried, allowed = 0, []
        for utility, function in everyone:
            documents = _give_policy(stage, utility, function)
            for what, request in _forbidden(stage, utility, documents):
                tried += 1
                if not _is_denied(somebody, what, request):
                    allowed.append(f"{utility.name} {function}: {what} {request['TableName']}")
        came.append(f"{tried} requests, {len(allowed)} not denied")
        c1 = stage.enterprise.utility("c1")
        _give_policy(stage, c1, "react")
        own = {"TableName": stage.enterprise.table("c1", Holding.CUSTOMER), "Key": _KEY}
        reads = not _is_denied(somebody, "get_item", own)
        came.append(f"react of c1 may read its own table: {reads}")
        expect(not allowed, str(allowed[:3]))
        expect(reads, "everything is denied")


def _admit_somebody(stage: Deployed) -> Any:
    """A client of tables for somebody without any right."""
    people = stage.cloud.client("iam", REGION)
    people.create_user(UserName=_SOMEBODY)
    key = people.create_access_key(UserName=_SOMEBODY)["AccessKey"]
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], region_name=REGION)
    return session.client("dynamodb", endpoint_url=stage.cloud.endpoint)


def _give_policy(stage: Deployed, utility: Utility, function: str) -> str:
    """Give somebody a function's policies and no others: all of them, as text."""
    people = stage.cloud.client("iam", utility.region)
    role = stage.function(utility.name, function)
    named = people.list_role_policies(RoleName=role)["PolicyNames"]
    documents = [people.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in named]
    statements = [statement for document in documents for statement in document["Statement"]]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    people.put_user_policy(UserName=_SOMEBODY, PolicyName="given", PolicyDocument=document)
    return document


def _forbidden(stage: Deployed, utility: Utility, documents: str) -> list[Try]:
    """What nobody with these policies may do. Nothing is changed should it be allowed."""
    own = stage.enterprise.tables(utility)
    others = [
        table
        for other in stage.enterprise.utilities
        for table in stage.enterprise.tables(other)
        if f'table/{table}"' not in documents
    ]
    change: list[Try] = [("update_item", {"Key": _KEY, **_THERE}), ("delete_item", {"Key": _KEY, **_THERE})]
    use: list[Try] = [("get_item", {"Key": _KEY}), ("put_item", {"Item": _KEY, **_THERE})]
    tried = [*product(change, own), *product(use, others[:2])]
    return [(what, {"TableName": table, **request}) for (what, request), table in tried]


def _is_denied(somebody: Any, what: str, request: Mapping[str, Any]) -> bool:
    try:
        getattr(somebody, what)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDeniedException"
    return False
