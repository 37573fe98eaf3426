# `make docs` writes the values from the code into topology.auto.tfvars.json. A new function is a
# new entry there and needs no change here.

variable "functions" {
  description = "Every function, by name."
  type = map(object({
    image           = string
    cpu             = number
    memory_mib      = number
    timeout_seconds = number
    concurrency     = number
    min_instances   = number
    max_instances   = number
    publishes       = list(string)
    needs           = list(string)
  }))

  validation {
    condition     = alltrue([for f in var.functions : contains(["media", "speech"], f.image)])
    error_message = "An image is media or speech."
  }
  validation {
    condition     = alltrue([for f in var.functions : alltrue([for n in f.needs : contains(["uploads", "derived", "models"], n)])])
    error_message = "A function may need uploads, derived or models."
  }
}

variable "topics" {
  description = "Every topic that a function consumes."
  type        = list(string)
}

variable "subscriptions" {
  description = "One subscription for each topic a function consumes, named topic.function."
  type = map(object({
    topic                = string
    function             = string
    ack_deadline_seconds = number
  }))

  validation {
    condition     = alltrue([for s in var.subscriptions : s.ack_deadline_seconds >= 10 && s.ack_deadline_seconds <= 600])
    error_message = "Pub/Sub accepts ack deadlines from 10 to 600 seconds."
  }
}

variable "upload_topic" {
  description = "The topic of upload notifications."
  type        = string
}

variable "command_topic" {
  description = "The topic of requests: start, run again, import."
  type        = string
}

variable "sweep_topic" {
  description = "The topic on which the scheduler publishes."
  type        = string
}

variable "dead_letter_topic" {
  description = "The topic of messages that no delivery could handle."
  type        = string
}

variable "max_delivery_attempts" {
  description = "Deliveries before a message becomes a dead letter."
  type        = number

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100
    error_message = "Pub/Sub accepts 5 to 100 delivery attempts."
  }
}
