output "upload_bucket" {
  description = "Drop videos here."
  value       = google_storage_bucket.uploads.name
}

output "derived_bucket" {
  description = "Clips and thumbnails appear here."
  value       = google_storage_bucket.derived.name
}

output "command_topic" {
  description = "Publish requests here: start, run again, import."
  value       = google_pubsub_topic.topic[var.command_topic].id
}

output "images" {
  description = "What runs now; roll back to it by giving it as `images`."
  value       = var.images
}

output "migration_job" {
  description = "Run it before the services change."
  value       = google_cloud_run_v2_job.migrate.name
}

output "database_instance" {
  description = "For `gcloud sql` and the Cloud SQL connector: project:region:instance."
  value       = google_sql_database_instance.main.connection_name
}

output "image_repository" {
  description = "Where the build pushes images."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "secrets" {
  description = "Each needs a version before the functions that read it can start."
  value       = [for secret in values(google_secret_manager_secret.secret) : secret.secret_id]
}

output "services" {
  description = "Every function's URL; only the push account may call it."
  value       = { for name, service in google_cloud_run_v2_service.function : name => service.uri }
}
