variable "project" {
  description = "Google Cloud project. One for each environment: topics are named as the code names them."
  type        = string
}

variable "region" {
  description = "Region of everything that has one."
  type        = string
}

variable "name" {
  description = "Prefix of the names of services, accounts and buckets."
  type        = string
  default     = "vm"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,8}[a-z0-9]$", var.name))
    error_message = "2 to 10 lower-case letters, digits and hyphens, beginning with a letter."
  }
}

variable "environment" {
  description = "What this deployment is called in labels, alerts and the dashboard."
  type        = string
}

variable "images" {
  description = "The two images, by digest, as the build pushed them."
  type = object({
    media  = string
    speech = string
  })
}

variable "settings" {
  description = "More VIDEOMOMENTS_ settings for every function, without the prefix: { MAX_MOMENTS = \"5\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]*$", key))])
    error_message = "Settings are named in capitals, without the prefix VIDEOMOMENTS_."
  }
}

variable "model" {
  description = "The language model that finds moments; null: the method without one. Prices are those of a million tokens. With api_key its key is a secret of the functions that ask models."
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
    error_message = "The provider is openai (any endpoint of that protocol) or vertex."
  }
  validation {
    condition     = try(var.model.provider != "openai" || var.model.url != null, true)
    error_message = "An endpoint of OpenAI's protocol needs its url."
  }
  validation {
    condition     = try(var.model.provider != "vertex" || !var.model.api_key, true)
    error_message = "Vertex AI is asked with the functions' accounts, and has no key."
  }
}

variable "secrets" {
  description = "Environment variables from Secret Manager, and who gets each: functions by name, [\"models\"] those that ask models, [\"*\"] all."
  type        = map(list(string))
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secrets) : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "A secret is named as the environment variable it becomes."
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
    error_message = "A model's key is for the functions that ask models, and no others."
  }
}

variable "use_vertex_ai" {
  description = "Whether functions that ask models may ask Gemini on Vertex AI, for rows of model_configs. With `model` on vertex they may anyway."
  type        = bool
  default     = false
}

variable "scale_to_zero" {
  description = "Keep no instance waiting, whatever a function declares."
  type        = bool
}

variable "max_instances" {
  description = "At most so many instances of a function, whatever it declares."
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
  description = "Name of an instance restored beside the deployment's own, to work on from now on: docs/deploy.md."
  type        = string
  default     = null
}

variable "pool_size" {
  description = "Database connections one instance of a function may hold."
  type        = number
  default     = 3
}

variable "keep_uploads_days" {
  description = "Delete uploaded videos after so many days. Null keeps them."
  type        = number
  default     = null
}

variable "delete_data_with_deployment" {
  description = "Whether `terraform destroy` may delete buckets that still hold objects."
  type        = bool
  default     = false
}

variable "alert_email" {
  description = "Who is told. Null: alerts are only shown in the console."
  type        = string
  default     = null
}

variable "budget" {
  description = "Tell when a month costs more. Needs billing.budgets.create on the account."
  type = object({
    billing_account = string
    currency        = string
    amount          = number
  })
  default = null
}
