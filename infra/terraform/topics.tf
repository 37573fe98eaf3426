resource "google_pubsub_topic" "topic" {
  for_each = toset(var.topics)
  # The code fixes the names, so two deployments in one project would receive each other's messages.
  name = each.key

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.used]
}
