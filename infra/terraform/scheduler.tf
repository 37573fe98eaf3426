resource "google_cloud_scheduler_job" "every_minute" {
  name        = "${var.name}-sweep"
  region      = var.region
  description = "Requests a sweep every minute"
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.topic[var.sweep_topic].id
    data       = base64encode(jsonencode({ schema_version = 1 }))
  }

  depends_on = [google_project_service.used]
}
