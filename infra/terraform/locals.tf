data "google_project" "this" {
  project_id = var.project

  depends_on = [google_project_service.used]
}

# Reading this creates Cloud Storage's agent, which does not exist before.
data "google_storage_project_service_account" "storage" {
  depends_on = [google_project_service.used]
}

locals {
  labels = {
    app         = "videomoments"
    environment = var.environment
  }

  # Cloud Run, accounts and secrets allow hyphens but not underscores. An account's id has at most
  # 30 characters. As a database user it includes the project's 30, and PostgreSQL allows 63.
  service_names = { for name in keys(var.functions) : name => "${var.name}-${replace(name, "_", "-")}" }
  account_ids = {
    for name, service in local.service_names :
    name => length(service) <= 28 ? service : "${substr(service, 0, 21)}-${substr(sha1(service), 0, 6)}"
  }

  # Each pair of a function and a topic it may publish on.
  publications = merge([
    for name, f in var.functions : {
      for topic in f.publishes : "${name}:${topic}" => { function = name, topic = topic }
    }
  ]...)

  needing = {
    for need in ["uploads", "derived", "models"] :
    need => toset([for name, f in var.functions : name if contains(f.needs, need)])
  }

  uses_vertex_ai = var.use_vertex_ai || try(var.model.provider == "vertex", false)

  model_settings = {
    for key, value in {
      MODEL            = try(var.model.name, null)
      LLM_PROVIDER     = try(var.model.provider, null)
      LLM_URL          = try(var.model.url, null)
      LLM_LOCATION     = try(var.model.location, null)
      LLM_INPUT_PRICE  = try(tostring(var.model.input_price), null)
      LLM_OUTPUT_PRICE = try(tostring(var.model.output_price), null)
      LLM_BUDGET_COST  = try(tostring(var.model.budget_cost), null)
    } : key => value if value != null
  }

  # The functions that read each secret.
  secrets = {
    for secret, readers in merge(
      try(var.model.api_key, false) ? { VIDEOMOMENTS_LLM_API_KEY = ["models"] } : {},
      var.secrets,
      ) : secret => distinct(flatten([
        for reader in readers :
        reader == "*" ? keys(var.functions) : reader == "models" ? tolist(local.needing["models"]) : [reader]
    ]))
  }

  # Each pair of a secret and a function that reads it.
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

  # The extra 10 are for the migration, for people, and for Cloud SQL itself.
  needed_connections = sum([for i in values(local.instances) : i.max]) * var.pool_size + 10

  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
