variable "project" {
  description = "Google Cloud project. Use one for each environment, because the code fixes the topics' names."
  type        = string
}

variable "region" {
  description = "Region of every regional resource."
  type        = string
}

variable "name" {
  description = "Prefix of the names of services, accounts and buckets."
  type        = string
  default     = "vm"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,8}[a-z0-9]$", var.name))
    error_message = "The name must have 2 to 10 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "environment" {
  description = "Name of this deployment in labels, alerts and the dashboard."
  type        = string
}

variable "images" {
  description = "The two images that the build pushed."
  type = object({
    media  = string
    speech = string
  })
}

variable "settings" {
  description = "Further VIDEOMOMENTS_ settings for every function, without the prefix: { MAX_MOMENTS = \"5\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", key))])
    error_message = "The name of a setting is in capitals, without the prefix VIDEOMOMENTS_."
  }
}

variable "model" {
  description = "The language model that finds moments; null: the method without a model. Prices are per million tokens. With api_key, the key is a secret that only the functions that call models can read."
  type = object({
    name         = string
    provider     = optional(string, "openai")
    url          = optional(string)
    location     = optional(string)
    api_key      = optional(bool, false)
    input_price  = optional(number)
    output_price = optional(number)
    budget_cost  = optional(number)
  })
  default = null

  validation {
    condition     = var.model == null || contains(["openai", "vertex"], try(var.model.provider, ""))
    error_message = "The provider must be openai (any endpoint of that protocol) or vertex."
  }
  validation {
    condition     = try(var.model.provider != "openai" || var.model.url != null, true)
    error_message = "An OpenAI-compatible endpoint needs a url."
  }
  validation {
    condition     = try(var.model.provider != "vertex" || !var.model.api_key, true)
    error_message = "Vertex AI uses the functions' accounts and takes no key."
  }
}

variable "secrets" {
  description = "Environment variables from Secret Manager, each with the functions that get it: their names, [\"models\"] for those that call models, or [\"*\"] for all."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "The name of a secret must be that of its environment variable."
  }
  validation {
    condition     = length(setsubtract(flatten(values(var.secrets)), concat(keys(var.functions), ["models", "*"]))) == 0
    error_message = "No such function: ${join(", ", setsubtract(flatten(values(var.secrets)), concat(keys(var.functions), ["models", "*"])))}."
  }
  validation {
    condition = alltrue([
      for name, readers in var.secrets : !startswith(name, "VIDEOMOMENTS_LLM_") || alltrue([
        for reader in readers : reader == "models" || contains(try(var.functions[reader].needs, []), "models")
      ])
    ])
    error_message = "Only functions that call models may get a model's key."
  }
}

variable "use_vertex_ai" {
  description = "Whether functions that call models may call Gemini on Vertex AI, for rows of model_configs. If `model` is on vertex, they always may."
  type        = bool
  default     = false
}

variable "scale_to_zero" {
  description = "Keep no idle instance, even if a function declares one."
  type        = bool
}

variable "max_instances" {
  description = "Most instances of a function, even if it declares more."
  type        = number
}

variable "database" {
  description = "The Cloud SQL instance. Prices and sizes: docs/deploy.md."
  type = object({
    tier                = string
    disk_gib            = number
    high_availability   = bool
    max_connections     = number
    retained_backups    = number
    deletion_protection = bool
  })
}

variable "restored_instance" {
  description = "Name of a restored instance that the deployment uses instead of its own: docs/deploy.md."
  type        = string
  default     = null
}

variable "pool_size" {
  description = "Most database connections of one instance of a function."
  type        = number
  default     = 3
}

variable "keep_uploads_days" {
  description = "Days after which uploaded videos are deleted. Null keeps them."
  type        = number
  default     = null
}

variable "delete_data_with_deployment" {
  description = "Whether `terraform destroy` may delete buckets that still hold objects."
  type        = bool
  default     = false
}

variable "alert_email" {
  description = "Address that gets the alerts. Null: only the console shows them."
  type        = string
  default     = null
}

variable "budget" {
  description = "Alert when a month costs more. Needs billing.budgets.create on the account."
  type = object({
    billing_account = string
    currency        = string
    amount          = number
  })
  default = null
}
