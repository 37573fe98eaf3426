"""The complete list of grants that Terraform would make: exactly these and no others."""

from __future__ import annotations

import os
from collections import defaultdict

import pytest

from cli.doctor.cloud.record import from_outputs
from functions.main import TOPOLOGY
from shared.pipeline.stage import Function, Task
from tests.support.google.deployed import Deployed, deploy
from tests.support.terraform.terraform import Workspace

DATABASE = {
    ("roles/cloudsql.client", "the project"),
    ("roles/cloudsql.instanceUser", "the project"),
}
TELEMETRY = {
    ("roles/telemetry.tracesWriter", "the project"),
    ("roles/telemetry.metricsWriter", "the project"),
}
Grants = dict[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def deployed(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Deployed:
    """The production environment."""
    # A session's processes each have a folder in the session's; one alone has just that.
    base = tmp_path_factory.getbasetemp()
    return deploy(workspace, "prod", base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="module")
def grants(deployed: Deployed) -> Grants:
    """(role, resource) by member."""
    found: Grants = defaultdict(set)
    for member, role, where in deployed.grants():
        found[member].add((role, where))
    return dict(found)


def expected(deployed: Deployed, function: Function) -> set[tuple[str, str]]:
    """The grants that a function's declaration needs."""
    topics = {
        name: values["id"] for name, values in deployed.of("google_pubsub_topic", "topic").items()
    }
    published = [message.topic for message in function.emits]
    if isinstance(function, Task) and function.republishes:
        published = [message.topic for stage in TOPOLOGY.stages for message in stage.consumes]
    wanted = (
        DATABASE | TELEMETRY | {("roles/pubsub.publisher", topics[topic]) for topic in published}
    )
    if "uploads" in function.needs:
        bucket = deployed.one("google_storage_bucket", "uploads")["name"]
        wanted |= {("roles/storage.objectViewer", bucket)}
    if "derived" in function.needs:
        bucket = deployed.one("google_storage_bucket", "derived")["name"]
        wanted |= {("roles/storage.objectUser", bucket)}
    if "models" in function.needs:
        wanted |= {("roles/aiplatform.user", "the project")}
    # The tests' variables give all of them one secret, and one of them another.
    secrets = deployed.of("google_secret_manager_secret", "secret")
    wanted |= {("roles/secretmanager.secretAccessor", secrets["AWS_ACCESS_KEY_ID"]["id"])}
    if function.name == "start_pipeline":
        wanted |= {("roles/secretmanager.secretAccessor", secrets["PROXY_PASSWORD"]["id"])}
    return wanted


@pytest.mark.parametrize("function", TOPOLOGY.functions, ids=lambda function: function.name)
def test_function_accounts_hold_the_roles_of_their_declarations(
    deployed: Deployed, grants: Grants, function: Function
) -> None:
    """Each account holds exactly the roles that follow from its function's declaration."""
    account = deployed.of("google_service_account", "function")[function.name]["member"]
    assert grants[account] == expected(deployed, function)


def test_push_account_may_invoke_every_service(deployed: Deployed, grants: Grants) -> None:
    """It has run.invoker on each service and nothing on the project."""
    services = deployed.of("google_cloud_run_v2_service", "function")
    push = deployed.one("google_service_account", "push")["member"]
    assert grants[push] == {("roles/run.invoker", values["name"]) for values in services.values()}


def test_migrator_account_may_use_the_database_only(deployed: Deployed, grants: Grants) -> None:
    """It holds no other role."""
    assert grants[deployed.one("google_service_account", "migrator")["member"]] == DATABASE


def test_service_agents_hold_their_roles(deployed: Deployed, grants: Grants) -> None:
    """Pub/Sub signs for the push account and forwards dead letters; Cloud Storage notifies."""
    topics = deployed.of("google_pubsub_topic", "topic")
    number = deployed.one("google_project", "this")["number"]
    pubsub = f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    subscriptions = deployed.of("google_pubsub_subscription", "push")
    push = deployed.one("google_service_account", "push")["name"]
    assert grants[pubsub] == {
        ("roles/iam.serviceAccountOpenIdTokenCreator", push),
        ("roles/pubsub.publisher", topics[TOPOLOGY.dead_letter_topic]["id"]),
        *(
            ("roles/pubsub.subscriber", subscriptions[subscription.name]["id"])
            for subscription in TOPOLOGY.subscriptions
            if subscription.topic != TOPOLOGY.dead_letter_topic
        ),
    }
    storage = deployed.one("google_storage_project_service_account", "storage")["member"]
    assert grants[storage] == {("roles/pubsub.publisher", topics["video-uploaded"]["id"])}


def test_no_other_member_holds_a_role(deployed: Deployed, grants: Grants) -> None:
    """There is no other grant, none to the public, and no basic role."""
    functions = deployed.of("google_service_account", "function").values()
    number = deployed.one("google_project", "this")["number"]
    known = {values["member"] for values in functions}
    known |= {
        deployed.one("google_service_account", name)["member"] for name in ("push", "migrator")
    }
    known |= {deployed.one("google_storage_project_service_account", "storage")["member"]}
    known |= {f"serviceAccount:service-{number}@gcp-sa-pubsub.iam.gserviceaccount.com"}
    assert set(grants) == known
    assert not known & {"allUsers", "allAuthenticatedUsers"}
    roles = {role for held in grants.values() for role, _ in held}
    assert not roles & {"roles/owner", "roles/editor", "roles/viewer"}


def test_database_roles_are_bound_to_one_instance(deployed: Deployed) -> None:
    """A condition binds grants on the project to our instance."""
    instance = deployed.one("google_sql_database_instance", "main")["name"]
    for name in ("connects", "logs_in"):
        for values in deployed.of("google_project_iam_member", name).values():
            (condition,) = values["condition"]
            assert f'/instances/{instance}"' in condition["expression"]


def test_services_export_telemetry_to_google_cloud(deployed: Deployed) -> None:
    """Each service exports, names its region, and the API is enabled."""
    region = deployed.one("google_artifact_registry_repository", "images")["location"]
    for values in deployed.of("google_cloud_run_v2_service", "function").values():
        (container,) = values["template"][0]["containers"]
        said = {entry["name"]: entry.get("value") for entry in container["env"]}
        assert said["VIDEOMOMENTS_TELEMETRY"] == "google"
        assert f"cloud.region={region}," in said["OTEL_RESOURCE_ATTRIBUTES"]
    assert "telemetry.googleapis.com" in deployed.of("google_project_service", "used")


def test_outputs_hold_everything_that_the_doctor_reads(deployed: Deployed) -> None:
    """The outputs name the service of every function, and each secret."""
    found = from_outputs(deployed.outputs, "the state")
    assert set(found.functions) == {function.name for function in TOPOLOGY.functions}
    services = deployed.of("google_cloud_run_v2_service", "function")
    for name, function in found.functions.items():
        assert function.service == services[name]["name"]
    assert found.images == deployed.outputs["images"]["value"]
    secrets = deployed.of("google_secret_manager_secret", "secret")
    assert {name: secret.id for name, secret in found.secrets.items()} == {
        name: values["secret_id"] for name, values in secrets.items()
    }


def test_connections_of_all_instances_fit_the_database(deployed: Deployed) -> None:
    """All instances together hold fewer connections than the database takes."""
    held = 0
    for values in deployed.of("google_cloud_run_v2_service", "function").values():
        (template,) = values["template"]
        (container,) = template["containers"]
        pool = next(e for e in container["env"] if e["name"] == "VIDEOMOMENTS_DATABASE_POOL_SIZE")
        held += template["scaling"][0]["max_instance_count"] * int(pool["value"])
    flags = deployed.one("google_sql_database_instance", "main")["settings"][0]["database_flags"]
    limit = next(int(flag["value"]) for flag in flags if flag["name"] == "max_connections")
    assert held < limit
