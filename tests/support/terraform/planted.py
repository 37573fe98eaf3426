"""Mistakes to plant in infra/terraform, with Terraform's expected messages."""

from __future__ import annotations

Mistake = tuple[str, str, str, str]
"""File, what is there, what is written instead, what is said."""

# What `terraform validate` finds by the provider's schema and the language's rules.
PLANTED: dict[str, Mistake] = {
    "misspelt argument": (
        "subscriptions.tf",
        "ack_deadline_seconds       =",
        "ack_deadline_second        =",
        "Unsupported argument",
    ),
    "missing argument": (
        "storage.tf",
        '  payload_format = "JSON_API_V1"\n',
        "",
        "Missing required argument",
    ),
    "unknown block": ("subscriptions.tf", "retry_policy {", "retries {", "Unsupported block type"),
    "block in the wrong place": (
        "services.tf",
        "    scaling {\n",
        "    vpc_access {\n      scaling {}\n    }\n    scaling {\n",
        "Unsupported block type",
    ),
    "too many blocks": (
        "subscriptions.tf",
        "  retry_policy {",
        "  retry_policy {}\n  retry_policy {",
        "Too many retry_policy blocks",
    ),
    "missing block": (
        "secrets.tf",
        "  replication {\n    auto {}\n  }\n",
        "",
        "Insufficient replication blocks",
    ),
    "undeclared resource": (
        "scheduler.tf",
        "google_pubsub_topic.topic[",
        "google_pubsub_topic.topics[",
        "Reference to undeclared resource",
    ),
    "undeclared variable": (
        "topics.tf",
        "toset(var.topics)",
        "toset(var.topic)",
        "Reference to undeclared input variable",
    ),
    "attribute that is not there": (
        "outputs.tf",
        "service.uri",
        "google_cloud_run_v2_job.migrate.uri",
        "Unsupported attribute",
    ),
    "wrong type": (
        "scheduler.tf",
        'schedule    = "* * * * *"',
        'schedule    = ["* * * * *"]',
        "Incorrect attribute value type",
    ),
    "unknown resource type": (
        "registry.tf",
        '"google_artifact_registry_repository"',
        '"google_artifact_repository"',
        "Invalid resource type",
    ),
    "argument where a block belongs": (
        "topics.tf",
        "message_storage_policy {",
        "message_storage_policy = {",
        "Unsupported argument",
    ),
    "wrong type of a number": (
        "services.tf",
        "    max_instance_request_concurrency = each.value.concurrency",
        '    max_instance_request_concurrency = "many"',
        "a number is required",
    ),
    "duplicate resource": (
        "topics.tf",
        'resource "google_pubsub_topic" "topic" {',
        'resource "google_pubsub_topic" "topic" {\n  name = "x"\n}\n'
        'resource "google_pubsub_topic" "topic" {',
        "Duplicate resource",
    ),
    "duplicate output": (
        "outputs.tf",
        'output "derived_bucket"',
        'output "upload_bucket"',
        "Duplicate output definition",
    ),
    "duplicate argument": (
        "topics.tf",
        "  name = each.key\n",
        "  name = each.key\n  name = each.key\n",
        "Attribute redefined",
    ),
    "unknown function": ("locals.tf", "toset([for", "to_set([for", "Call to unknown function"),
    "too few arguments of a function": (
        "alerts.tf",
        "floor(var.database.max_connections * 0.8)",
        "floor()",
        "Not enough function arguments",
    ),
    "undeclared local": (
        "accounts.tf",
        "local.publications",
        "local.publication",
        "Reference to undeclared local value",
    ),
    "undeclared data source": (
        "locals.tf",
        "data.google_project.this.number",
        "data.google_project.that.number",
        "Reference to undeclared resource",
    ),
    "unknown data source": (
        "locals.tf",
        'data "google_project" "this"',
        'data "google_projekt" "this"',
        "Invalid data source",
    ),
    "count and for_each": (
        "topics.tf",
        "  for_each = toset(var.topics)",
        "  count    = 1\n  for_each = toset(var.topics)",
        'Invalid combination of "count" and "for_each"',
    ),
    "for_each of a list": (
        "topics.tf",
        "toset(var.topics)",
        "var.topics",
        "Invalid for_each argument",
    ),
    "each without for_each": (
        "scheduler.tf",
        '"${var.name}-sweep"',
        "each.key",
        'Reference to "each" in context without for_each',
    ),
    "one of many without its key": (
        "migration.tf",
        "google_sql_user.migrator.name",
        "google_sql_user.function.name",
        "Missing resource instance key",
    ),
    "key of what there is one of": (
        "scheduler.tf",
        "google_pubsub_topic.topic[var.sweep_topic].id",
        'google_storage_bucket.uploads["x"].id',
        "Unexpected resource instance key",
    ),
    "cycle": (
        "topics.tf",
        "  depends_on = [google_project_service.used]",
        "  depends_on = [google_pubsub_subscription.push]",
        "Cycle",
    ),
    "undeclared provider": (
        "topics.tf",
        "  for_each = toset(var.topics)",
        "  provider = google.other\n  for_each = toset(var.topics)",
        "Provider configuration not present",
    ),
    "misspelt argument of a variable": (
        "variables.tf",
        "  type        = string",
        "  typ         = string",
        "Unsupported argument",
    ),
    "default of another type": (
        "variables.tf",
        "  default     = 3\n",
        '  default     = "three"\n',
        "Invalid default value for variable",
    ),
    "condition without a message": (
        "topology.tf",
        '    error_message = "An image is media or speech."\n',
        "",
        "Missing required argument",
    ),
    "block never closed": ("scheduler.tf", "  pubsub_target {\n", "", "Unsupported argument"),
    "label is missing": (
        "topics.tf",
        'resource "google_pubsub_topic" "topic" {',
        'resource "google_pubsub_topic" {',
        "Missing name for resource",
    ),
}

# Valid configuration with wrong values, which `terraform test` finds.
WRONG: dict[str, Mistake] = {
    "open to everybody": (
        "accounts.tf",
        "  member   = google_service_account.push.member",
        '  member   = "allUsers"',
        "No role may be granted to everybody.",
    ),
    "another audience": (
        "subscriptions.tf",
        "audience              = google_cloud_run_v2_service.function[each.value.function].uri",
        'audience              = "https://elsewhere.example"',
        "for its service's audience.",
    ),
    "deadline below the limit": (
        "subscriptions.tf",
        "= each.value.ack_deadline_seconds",
        "= var.functions[each.value.function].timeout_seconds",
        "The ack deadline must be above the stage's limit",
    ),
    "no dead letters": (
        "subscriptions.tf",
        "each.value.topic == var.dead_letter_topic ? [] : [var.max_delivery_attempts]",
        "[]",
        "must have a dead-letter policy.",
    ),
    "dead letters cannot be forwarded": (
        "subscriptions.tf",
        "if s.topic != var.dead_letter_topic }",
        'if s.topic == "clip-cut" }',
        "allowed to acknowledge forwarded messages",
    ),
    "uploads for every function": (
        "accounts.tf",
        '  for_each = local.needing["uploads"]',
        "  for_each = var.functions",
        "Only the functions that need uploads may read them",
    ),
}
