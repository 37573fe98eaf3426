data "google_project" "this" {
  project_id = var.project

  depends_on = [google_project_service.used]
}

# Asking for it makes it: Cloud Storage's agent does not exist before.
data "google_storage_project_service_account" "storage" {
  depends_on = [google_project_service.used]
}

locals {
  labels = {
    app         = "videomoments"
    environment = var.environment
  }

  # Cloud Run, accounts and secrets take hyphens only. An account's id has 30 characters at most,
  # and as a database user, with the project's 30, must stay within PostgreSQL's 63.
  service_names = { for name in keys(var.functions) : name => "${var.name}-${replace(name, "_", "-")}" }
  account_ids = {
    for name, service in local.service_names :
    name => length(service) <= 28 ? service : "${substr(service, 0, 21)}-${substr(sha1(service), 0, 6)}"
  }

  # Each (function, topic) that the function may publish on.
  publications = merge([
    for name, f in var.functions : {
      for topic in f.publishes : "${name}:${topic}" => { function = name, topic = topic }
    }
  ]...)

  needing = {
    for need in ["uploads", "derived", "models"] :
    need => toset([for name, f in var.functions : name if contains(f.needs, need)])
  }

  secrets = {
    for secret, names in var.secrets : secret => contains(names, "*") ? keys(var.functions) : names
  }

  # Each (secret, function) that reads it.
  secret_readers = merge([
    for secret, names in local.secrets : {
      for name in names : "${secret}:${name}" => { secret = secret, function = name }
    }
  ]...)

  instances = {
    for name, f in var.functions : name => {
      min = var.scale_to_zero ? 0 : min(f.min_instances, var.max_instances)
      max = min(f.max_instances, var.max_instances)
    }
  }

  # The rest is for the migration, for people, and for Cloud SQL itself.
  needed_connections = sum([for i in values(local.instances) : i.max]) * var.pool_size + 10

  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
