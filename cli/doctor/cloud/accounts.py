"""Check service accounts, their project roles and whom they may impersonate."""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor.checks import Check
from cli.doctor.cloud.policies import Policy, account
from cli.doctor.cloud.view import View, resource_id, summed

SIGNS_TOKENS = "roles/iam.serviceAccountOpenIdTokenCreator"
DATABASE_ROLES = ("roles/cloudsql.client", "roles/cloudsql.instanceUser")
ASKS_MODELS = "roles/aiplatform.user"
TELEMETRY_ROLES = ("roles/telemetry.tracesWriter", "roles/telemetry.metricsWriter")
IAM = "https://iam.googleapis.com/v1"
RESOURCES = "https://cloudresourcemanager.googleapis.com/v3"
USAGE = "https://serviceusage.googleapis.com/v1"
APIS_AT_ONCE = 20


def check_apis(view: View) -> Iterator[Check]:
    """The APIs that the deployment needs."""
    wanted = view.deployment.apis
    yield from summed("APIs", f"{len(wanted)} are enabled", _apis(view, wanted))


def check_accounts(view: View) -> Iterator[Check]:
    """Each account exists, and Pub/Sub may sign tokens for the push account."""
    well = f"{len(_emails(view))} service accounts are there, and Pub/Sub signs for its own"
    yield from summed("accounts", well, _accounts(view))


def check_project(view: View) -> Iterator[Check]:
    """Roles that can be granted on the project only."""
    well = "every account may enter the database; no role of everybody's"
    yield from summed("project", well, _project(view))


def _apis(view: View, wanted: list[str]) -> Iterator[Check]:
    url = f"{USAGE}/{view.project_path}/services:batchGet"
    for some in _batches(wanted):
        names = [f"{view.project_path}/services/{api}" for api in some]
        answer = view.api.get(url, names=names)
        states = {resource_id(s["name"]): s.get("state") for s in answer.get("services", [])}
        for api in some:
            if states.get(api) != "ENABLED":
                enable = f"gcloud services enable {api} --project={view.deployment.project}"
                yield Check(f"API {api}", "problem", "is not enabled", enable)


def _accounts(view: View) -> Iterator[Check]:
    project = view.deployment.project
    url = f"{IAM}/{view.project_path}/serviceAccounts"
    there = {a["email"]: a for a in view.api.every(url, "accounts", pageSize=100)}
    for email in _emails(view):
        name = f"account {email.partition('@')[0]}"
        if email not in there:
            yield view.again(name, "is not there")
        elif there[email].get("disabled"):
            enable = f"gcloud iam service-accounts enable {email} --project={project}"
            yield Check(name, "problem", "is disabled", enable)
    push = view.deployment.push_account
    if push in there:
        answer = view.api.query(f"{url}/{push}:getIamPolicy", {})
        name = f"account {push.partition('@')[0]}"
        group, flags = "iam service-accounts", f"--project={project}"
        policy = Policy.of(answer, name, group, push, flags)
        yield from policy.lacking([(view.deployment.pubsub_agent, SIGNS_TOKENS)])
        yield from policy.open_to_all()


def _project(view: View) -> Iterator[Check]:
    body = {"options": {"requestedPolicyVersion": 3}}
    answer = view.api.query(f"{RESOURCES}/{view.project_path}:getIamPolicy", body)
    policy = Policy.of(answer, "project", "projects", view.deployment.project)
    for name, member in _database_members(view):
        for role in DATABASE_ROLES:
            if not policy.holds(member, role):
                yield view.again("project", f"{name} lacks {role}")
    for function in view.deployed():
        member = account(view.deployment.functions[function.name].account)
        asks = view.deployment.use_vertex_ai and "models" in function.needs
        wanted = [ASKS_MODELS] if asks else []
        wanted += TELEMETRY_ROLES if view.deployment.exports_telemetry else ()
        for role in wanted:
            if not policy.holds(member, role):
                yield view.again("project", f"{function.name} lacks {role}")
    yield from policy.open_to_all()


def _database_members(view: View) -> Iterator[tuple[str, str]]:
    for name, function in view.deployment.functions.items():
        yield name, account(function.account)
    yield "the migration", account(view.deployment.migrator_account)


def _emails(view: View) -> list[str]:
    deployment = view.deployment
    functions = [function.account for function in deployment.functions.values()]
    return [*functions, deployment.push_account, deployment.migrator_account]


def _batches(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), APIS_AT_ONCE):
        yield names[start : start + APIS_AT_ONCE]
