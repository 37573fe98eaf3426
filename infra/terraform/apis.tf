# infra/bootstrap.sh enables the APIs of the first build. The deployment itself needs these.
resource "google_project_service" "used" {
  for_each = toset([
    "artifactregistry.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtrace.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
    "telemetry.googleapis.com",
  ])
  service = each.key
  # Other software in the project may use them, too.
  disable_on_destroy = false
}

resource "google_project_service" "optional" {
  for_each = toset(concat(
    local.uses_vertex_ai ? ["aiplatform.googleapis.com"] : [],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
  ))
  service            = each.key
  disable_on_destroy = false
}
