"""What things are called and where they are on AWS, as templates write it."""

from typing import Any

from chalicelib.enterprise import Enterprise, Holding, Utility

# What CloudFormation fills in.
Intrinsic = dict[str, Any]


def account_of(utility: Utility) -> str:
    """The account that a utility is deployed in: its own, or the deploying one."""
    return utility.account or "${AWS::AccountId}"


def table_arn(enterprise: Enterprise, owner: Utility, holding: Holding) -> Intrinsic:
    """A table of any utility, wherever it is."""
    name = enterprise.table(owner.name, holding)
    return arn("dynamodb", owner, f"table/{name}")


def queue_arn(enterprise: Enterprise, owner: Utility, purpose: str) -> Intrinsic:
    """A queue of a utility."""
    return arn("sqs", owner, f"{enterprise.name}-{owner.name}-{purpose}")


def role_arn(enterprise: Enterprise, owner: Utility, function: str) -> Intrinsic:
    """The role of a function."""
    role = f"{enterprise.name}-{owner.name}-{function}"
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::{account_of(owner)}:role/{role}"}


def arn(service: str, owner: Utility, what: str) -> Intrinsic:
    """Anything of a utility's, in its region and account."""
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{owner.region}:{account_of(owner)}:{what}"}


def logical(*parts: str) -> str:
    """A resource's name within its template: letters and digits only."""
    return "".join(piece.capitalize() for part in parts for piece in part.split("-"))
