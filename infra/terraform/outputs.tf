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

# From the services and not from the variable: after a failed deployment the services still run the
# previous images.
output "images" {
  description = "The images deployed last. Pass them as `images` to deploy them again."
  value = {
    for kind in keys(var.images) : kind => one(distinct([
      for name, service in google_cloud_run_v2_service.function :
      service.template[0].containers[0].image if var.functions[name].image == kind
    ]))
  }
}

output "migration_job" {
  description = "The job that migrates the database. Run it before the services change."
  value       = google_cloud_run_v2_job.migrate.name
}

output "database_instance" {
  description = "For `gcloud sql` and the Cloud SQL connector: project:region:instance."
  value       = local.instance_connection
}

output "image_repository" {
  description = "The repository to which the build pushes images."
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "secrets" {
  description = "Each secret needs a version before the functions that read it can start."
  value       = [for secret in values(google_secret_manager_secret.secret) : secret.secret_id]
}

output "services" {
  description = "The URL of every function. Only the push account may call it."
  value       = { for name, service in google_cloud_run_v2_service.function : name => service.uri }
}

output "deployment" {
  description = "The names that `videomoments doctor --cloud` needs. It holds no secret."
  value = {
    environment = var.environment
    project     = var.project
    region      = var.region
    name        = var.name
    images      = var.images
    functions = {
      for name, service in google_cloud_run_v2_service.function : name => { service = service.name }
    }
    secrets = {
      for variable, secret in google_secret_manager_secret.secret : variable => { id = secret.secret_id }
    }
    push_account      = google_service_account.push.email
    database_instance = local.instance
    migration_job     = google_cloud_run_v2_job.migrate.name
    sweep_job         = google_cloud_scheduler_job.every_minute.name
  }
}
