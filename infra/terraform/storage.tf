resource "google_storage_bucket" "uploads" {
  name                        = "${var.project}-${var.name}-uploads"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_data_with_deployment

  dynamic "lifecycle_rule" {
    for_each = var.keep_uploads_days == null ? [] : [var.keep_uploads_days]
    content {
      action { type = "Delete" }
      condition { age = lifecycle_rule.value }
    }
  }
  # Delete the parts of uploads that were never completed.
  lifecycle_rule {
    action { type = "AbortIncompleteMultipartUpload" }
    condition { age = 7 }
  }

  depends_on = [google_project_service.used]
}

resource "google_storage_bucket" "derived" {
  name                        = "${var.project}-${var.name}-derived"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = var.delete_data_with_deployment

  # A run deletes its own slices. This rule deletes the slices of runs whose rows are gone. A failed
  # run keeps its slices for 7 days, so that a retry repeats only the failed stages.
  lifecycle_rule {
    action { type = "Delete" }
    condition {
      age            = 14
      matches_prefix = ["temporary/"]
    }
  }
  lifecycle_rule {
    action { type = "AbortIncompleteMultipartUpload" }
    condition { age = 7 }
  }

  # Slices exist for minutes. Kept for a week after deletion, they would cost more than the clips.
  soft_delete_policy {
    retention_duration_seconds = 0
  }

  depends_on = [google_project_service.used]
}

resource "google_storage_notification" "uploaded" {
  bucket         = google_storage_bucket.uploads.name
  topic          = google_pubsub_topic.topic[var.upload_topic].id
  payload_format = "JSON_API_V1"
  event_types    = ["OBJECT_FINALIZE"]

  depends_on = [google_pubsub_topic_iam_member.storage_notifies]
}
