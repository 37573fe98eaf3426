# Every grant of the deployment is in this file, except those on one subscription or secret: these
# are in subscriptions.tf and secrets.tf. docs/roles.md gives the reasons.

resource "google_service_account" "function" {
  for_each     = var.functions
  account_id   = local.account_ids[each.key]
  display_name = "VideoMoments: ${each.key}"

  depends_on = [google_project_service.used]
}

resource "google_service_account" "migrator" {
  account_id   = "${var.name}-migrator"
  display_name = "VideoMoments: migrates the database and owns the schema"

  depends_on = [google_project_service.used]
}

# The only account that may call a function: the push subscriptions carry its tokens.
resource "google_service_account" "push" {
  account_id   = "${var.name}-push-invoker"
  display_name = "VideoMoments: pushes messages to the functions"

  depends_on = [google_project_service.used]
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  for_each = var.functions
  name     = google_cloud_run_v2_service.function[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.push.member
}

# Pub/Sub signs the tokens as that account.
resource "google_service_account_iam_member" "pubsub_signs_tokens" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.publications
  topic    = google_pubsub_topic.topic[each.value.topic].id
  role     = "roles/pubsub.publisher"
  member   = google_service_account.function[each.value.function].member
}

# Cloud Storage publishes a notification for each upload.
resource "google_pubsub_topic_iam_member" "storage_notifies" {
  topic  = google_pubsub_topic.topic[var.upload_topic].id
  role   = "roles/pubsub.publisher"
  member = data.google_storage_project_service_account.storage.member
}

# Pub/Sub forwards a message after its last failed delivery.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.topic[var.dead_letter_topic].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_storage_bucket_iam_member" "reads_uploads" {
  for_each = local.needing["uploads"]
  bucket   = google_storage_bucket.uploads.name
  role     = "roles/storage.objectViewer"
  member   = google_service_account.function[each.key].member
}

resource "google_storage_bucket_iam_member" "writes_derived" {
  for_each = local.needing["derived"]
  bucket   = google_storage_bucket.derived.name
  role     = "roles/storage.objectUser"
  member   = google_service_account.function[each.key].member
}

resource "google_project_iam_member" "vertex_ai" {
  for_each = local.uses_vertex_ai ? local.needing["models"] : toset([])
  project  = var.project
  role     = "roles/aiplatform.user"
  member   = google_service_account.function[each.key].member
}

# To export spans and metrics; the accounts cannot read any.
resource "google_project_iam_member" "writes_traces" {
  for_each = local.traced
  project  = var.project
  role     = "roles/telemetry.tracesWriter"
  member   = google_service_account.function[each.key].member
}

resource "google_project_iam_member" "writes_metrics" {
  for_each = local.traced
  project  = var.project
  role     = "roles/telemetry.metricsWriter"
  member   = google_service_account.function[each.key].member
}

# To reach our instance and log in to it as a database user. Other instances of the project stay closed.
locals {
  database_members = merge(
    { for name in keys(var.functions) : name => google_service_account.function[name].member },
    { migrator = google_service_account.migrator.member },
  )
  only_our_database = "resource.name == \"projects/${var.project}/instances/${local.instance}\" && resource.service == \"sqladmin.googleapis.com\""
}

resource "google_project_iam_member" "connects" {
  for_each = local.database_members
  project  = var.project
  role     = "roles/cloudsql.client"
  member   = each.value

  condition {
    title      = "${var.name}-database"
    expression = local.only_our_database
  }
}

resource "google_project_iam_member" "logs_in" {
  for_each = local.database_members
  project  = var.project
  role     = "roles/cloudsql.instanceUser"
  member   = each.value

  condition {
    title      = "${var.name}-database"
    expression = local.only_our_database
  }
}
