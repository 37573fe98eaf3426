resource "google_pubsub_topic" "topic" {
  for_each = toset(var.topics)
  # As the code names them: two deployments in one project would hear each other's messages.
  name = each.key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.used]
}
