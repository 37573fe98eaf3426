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
  description = "The record with which `videomoments doctor --cloud` compares the project. It holds no secret."
  value = {
    environment = var.environment
    project     = var.project
    region      = var.region
    name        = var.name
    apis        = concat(keys(google_project_service.used), keys(google_project_service.optional))
    images      = var.images
    functions = {
      for name, service in google_cloud_run_v2_service.function : name => {
        service       = service.name
        url           = service.uri
        account       = google_service_account.function[name].email
        database_user = google_sql_user.function[name].name
        min_instances = local.instances[name].min
        max_instances = local.instances[name].max
        environment   = local.function_environment[name]
      }
    }
    secrets = {
      for variable, secret in google_secret_manager_secret.secret : variable => {
        id        = secret.secret_id
        functions = local.secrets[variable]
      }
    }
    push_account      = google_service_account.push.email
    migrator_account  = google_service_account.migrator.email
    migrator_user     = google_sql_user.migrator.name
    pubsub_agent      = local.pubsub_agent
    storage_agent     = data.google_storage_project_service_account.storage.member
    upload_bucket     = google_storage_bucket.uploads.name
    derived_bucket    = google_storage_bucket.derived.name
    database_instance = local.instance
    database          = google_sql_database.main.name
    migration_job     = google_cloud_run_v2_job.migrate.name
    sweep_job         = google_cloud_scheduler_job.every_minute.name
    use_vertex_ai     = local.uses_vertex_ai
    exports_telemetry = length(local.traced) > 0
  }
}
