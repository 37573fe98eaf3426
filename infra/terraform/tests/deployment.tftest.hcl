# Every resource is mocked, so no request goes to the cloud. tests/infra runs this for each environment:
# terraform test -var-file=environments/dev.tfvars

mock_provider "google" {}

variables {
  secrets     = { PROXY_PASSWORD = ["start_pipeline"], AWS_ACCESS_KEY_ID = ["*"] }
  model       = { name = "gemini", provider = "vertex", location = "europe-west1", budget_cost = 5 }
  alert_email = "somebody@example.com"
  budget      = { billing_account = "000000-000000-000000", currency = "EUR", amount = 100 }
}

run "deployed" {
  # Functions
  assert {
    condition     = toset(keys(google_cloud_run_v2_service.function)) == toset(keys(var.functions))
    error_message = "There must be one service for each function."
  }
  assert {
    condition = alltrue([
      for name, service in google_cloud_run_v2_service.function :
      one([for e in service.template[0].containers[0].env : e.value if e.name == "FUNCTION_TARGET"]) == name
    ])
    error_message = "A service must serve the function in its name."
  }
  assert {
    condition = alltrue([
      for name, service in google_cloud_run_v2_service.function :
      service.template[0].containers[0].image == var.images[var.functions[name].image]
    ])
    error_message = "A service must run the image its function declares."
  }
  assert {
    condition = alltrue([
      for name, service in google_cloud_run_v2_service.function :
      service.template[0].containers[0].resources[0].limits.memory == "${var.functions[name].memory_mib}Mi" &&
      service.template[0].containers[0].resources[0].limits.cpu == tostring(var.functions[name].cpu) &&
      service.template[0].max_instance_request_concurrency == var.functions[name].concurrency &&
      service.template[0].scaling[0].max_instance_count == min(var.functions[name].max_instances, var.max_instances) &&
      service.template[0].scaling[0].min_instance_count == (var.scale_to_zero ? 0 : var.functions[name].min_instances)
    ])
    error_message = "CPU, memory, concurrency and instances must match the topology."
  }
  assert {
    condition = alltrue([
      for name, service in google_cloud_run_v2_service.function :
      !anytrue([for e in service.template[0].containers[0].env : startswith(e.name, "VIDEOMOMENTS_OIDC_")])
    ])
    error_message = "Cloud Run removes the signature from tokens, so a function must not check them again."
  }

  # Subscriptions
  assert {
    condition     = toset(keys(google_pubsub_subscription.push)) == toset(keys(var.subscriptions))
    error_message = "There must be one subscription for each topic a function consumes."
  }
  assert {
    condition = alltrue([
      for name, s in google_pubsub_subscription.push :
      s.push_config[0].push_endpoint == google_cloud_run_v2_service.function[var.subscriptions[name].function].uri
    ])
    error_message = "A subscription must push to its function's service."
  }
  assert {
    condition = alltrue([
      for name, s in google_pubsub_subscription.push :
      s.push_config[0].oidc_token[0].audience == google_cloud_run_v2_service.function[var.subscriptions[name].function].uri &&
      s.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email
    ])
    error_message = "A subscription must push as the push account, for its service's audience."
  }
  assert {
    condition = alltrue([
      for name, s in google_pubsub_subscription.push :
      s.ack_deadline_seconds > var.functions[var.subscriptions[name].function].timeout_seconds &&
      s.ack_deadline_seconds > tonumber(trimsuffix(google_cloud_run_v2_service.function[var.subscriptions[name].function].template[0].timeout, "s"))
    ])
    error_message = "The ack deadline must be above the stage's limit and the request's, or a message is delivered again while the first attempt still runs."
  }
  assert {
    condition = alltrue([
      for name, s in google_pubsub_subscription.push :
      length(s.dead_letter_policy) == (var.subscriptions[name].topic == var.dead_letter_topic ? 0 : 1)
    ])
    error_message = "Every subscription except that of the dead letters must have a dead-letter policy."
  }
  assert {
    condition = alltrue(flatten([
      for s in google_pubsub_subscription.push : [
        for p in s.dead_letter_policy :
        p.dead_letter_topic == google_pubsub_topic.topic[var.dead_letter_topic].id && p.max_delivery_attempts == var.max_delivery_attempts
      ]
    ]))
    error_message = "Dead letters must go to the dead-letter topic, after the declared attempts."
  }
  assert {
    condition = (
      google_pubsub_topic_iam_member.dead_letters.topic == google_pubsub_topic.topic[var.dead_letter_topic].id &&
      google_pubsub_topic_iam_member.dead_letters.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.dead_letters.member == local.pubsub_agent
    )
    error_message = "Pub/Sub's agent must be allowed to publish dead letters."
  }
  assert {
    condition = alltrue([
      for name, s in google_pubsub_subscription.push :
      length(s.dead_letter_policy) == 0 || try(
        google_pubsub_subscription_iam_member.forwards[name].subscription == s.id &&
        google_pubsub_subscription_iam_member.forwards[name].role == "roles/pubsub.subscriber" &&
        google_pubsub_subscription_iam_member.forwards[name].member == local.pubsub_agent,
        false
      )
    ])
    error_message = "Pub/Sub's agent must be allowed to acknowledge forwarded messages, on each subscription."
  }
  assert {
    condition     = alltrue([for s in google_pubsub_subscription.push : s.expiration_policy[0].ttl == ""])
    error_message = "No subscription may expire."
  }

  # Accounts
  assert {
    condition     = length(toset([for a in google_service_account.function : a.account_id])) == length(var.functions)
    error_message = "Each function must have an account of its own."
  }
  assert {
    condition     = alltrue([for a in google_service_account.function : length(a.account_id) >= 6 && length(a.account_id) <= 28])
    error_message = "An account's id must have 6 to 28 characters."
  }
  assert {
    condition = alltrue([
      for name, service in google_cloud_run_v2_service.function :
      service.template[0].service_account == google_service_account.function[name].email
    ])
    error_message = "A service must run as its function's account."
  }
  assert {
    condition = alltrue([
      for name, grant in google_cloud_run_v2_service_iam_member.push :
      grant.role == "roles/run.invoker" && grant.member == google_service_account.push.member &&
      grant.name == google_cloud_run_v2_service.function[name].name
    ]) && length(google_cloud_run_v2_service_iam_member.push) == length(var.functions)
    error_message = "The push account must be the invoker of each service."
  }

  # Grants: exactly those that the declarations ask for
  assert {
    condition = alltrue([
      for member in concat(
        [for g in google_cloud_run_v2_service_iam_member.push : g.member],
        [google_service_account_iam_member.pubsub_signs_tokens.member],
        [for g in google_pubsub_topic_iam_member.publisher : g.member],
        [google_pubsub_topic_iam_member.storage_notifies.member, google_pubsub_topic_iam_member.dead_letters.member],
        [for g in google_pubsub_subscription_iam_member.forwards : g.member],
        [for g in google_storage_bucket_iam_member.reads_uploads : g.member],
        [for g in google_storage_bucket_iam_member.writes_derived : g.member],
        [for g in google_project_iam_member.vertex_ai : g.member],
        [for g in google_project_iam_member.writes_traces : g.member],
        [for g in google_project_iam_member.writes_metrics : g.member],
        [for g in google_project_iam_member.connects : g.member],
        [for g in google_project_iam_member.logs_in : g.member],
        [for g in google_secret_manager_secret_iam_member.reader : g.member],
      ) : !contains(["allUsers", "allAuthenticatedUsers"], member)
    ])
    error_message = "No role may be granted to everybody."
  }
  assert {
    condition = alltrue([
      for name, f in var.functions : toset([
        for g in google_pubsub_topic_iam_member.publisher : g.topic
        if g.member == google_service_account.function[name].member && g.role == "roles/pubsub.publisher"
      ]) == toset([for topic in f.publishes : google_pubsub_topic.topic[topic].id])
    ]) && length(google_pubsub_topic_iam_member.publisher) == sum([for f in var.functions : length(f.publishes)])
    error_message = "A function must publish on its own topics, and on no others."
  }
  assert {
    condition = (
      toset(keys(google_storage_bucket_iam_member.reads_uploads)) == toset([for name, f in var.functions : name if contains(f.needs, "uploads")]) &&
      alltrue([
        for name, g in google_storage_bucket_iam_member.reads_uploads :
        g.role == "roles/storage.objectViewer" && g.bucket == google_storage_bucket.uploads.name && g.member == google_service_account.function[name].member
      ])
    )
    error_message = "Only the functions that need uploads may read them, and no function may write them."
  }
  assert {
    condition = (
      toset(keys(google_storage_bucket_iam_member.writes_derived)) == toset([for name, f in var.functions : name if contains(f.needs, "derived")]) &&
      alltrue([
        for name, g in google_storage_bucket_iam_member.writes_derived :
        g.role == "roles/storage.objectUser" && g.bucket == google_storage_bucket.derived.name && g.member == google_service_account.function[name].member
      ])
    )
    error_message = "Only the functions that need the derived bucket may write to it."
  }
  assert {
    condition = (
      toset(keys(google_project_iam_member.vertex_ai)) == toset([for name, f in var.functions : name if contains(f.needs, "models")]) &&
      alltrue([
        for name, g in google_project_iam_member.vertex_ai :
        g.role == "roles/aiplatform.user" && g.member == google_service_account.function[name].member
      ])
    )
    error_message = "Only the functions that need models may call Vertex AI."
  }
  assert {
    condition = alltrue([
      for grants in [google_project_iam_member.connects, google_project_iam_member.logs_in] : (
        toset([for g in grants : g.member]) == toset(concat([for a in google_service_account.function : a.member], [google_service_account.migrator.member])) &&
        alltrue([for g in grants : strcontains(g.condition[0].expression, "/instances/${google_sql_database_instance.main.name}\"")])
      )
    ])
    error_message = "Every function and the migration must be allowed to log in to this database only."
  }
  assert {
    condition = (
      google_service_account_iam_member.pubsub_signs_tokens.service_account_id == google_service_account.push.name &&
      google_service_account_iam_member.pubsub_signs_tokens.role == "roles/iam.serviceAccountOpenIdTokenCreator" &&
      google_service_account_iam_member.pubsub_signs_tokens.member == local.pubsub_agent
    )
    error_message = "Pub/Sub's agent must be allowed to sign for the push account, and for no other."
  }
  assert {
    condition = alltrue([
      for g in google_secret_manager_secret_iam_member.reader : g.role == "roles/secretmanager.secretAccessor"
    ]) && length(google_secret_manager_secret_iam_member.reader) == length(var.functions) + 1
    error_message = "Only the functions that a secret lists may read it."
  }

  # Models
  assert {
    condition = alltrue([
      for service in google_cloud_run_v2_service.function :
      { for e in service.template[0].containers[0].env : e.name => e.value if startswith(e.name, "VIDEOMOMENTS_LLM_") || e.name == "VIDEOMOMENTS_MODEL" } == {
        VIDEOMOMENTS_MODEL           = "gemini"
        VIDEOMOMENTS_LLM_PROVIDER    = "vertex"
        VIDEOMOMENTS_LLM_LOCATION    = "europe-west1"
        VIDEOMOMENTS_LLM_BUDGET_COST = "5"
      }
    ])
    error_message = "The functions must get the settings of the model, and no key if it has none."
  }

  # Events
  assert {
    condition = (
      google_storage_notification.uploaded.bucket == google_storage_bucket.uploads.name &&
      google_storage_notification.uploaded.topic == google_pubsub_topic.topic[var.upload_topic].id &&
      google_storage_notification.uploaded.event_types == toset(["OBJECT_FINALIZE"])
    )
    error_message = "The bucket must notify the upload topic of each completed upload."
  }
  assert {
    condition = (
      google_pubsub_topic_iam_member.storage_notifies.topic == google_pubsub_topic.topic[var.upload_topic].id &&
      google_pubsub_topic_iam_member.storage_notifies.member == data.google_storage_project_service_account.storage.member
    )
    error_message = "Cloud Storage's agent must be allowed to publish on the upload topic."
  }
  assert {
    condition = (
      google_cloud_scheduler_job.every_minute.pubsub_target[0].topic_name == google_pubsub_topic.topic[var.sweep_topic].id &&
      google_cloud_scheduler_job.every_minute.schedule == "* * * * *"
    )
    error_message = "The scheduler must request the sweep every minute."
  }

  # Data
  assert {
    condition = alltrue([
      for bucket in [google_storage_bucket.uploads, google_storage_bucket.derived] :
      bucket.uniform_bucket_level_access && bucket.public_access_prevention == "enforced"
    ])
    error_message = "No bucket may be public or have its own access lists."
  }
  assert {
    condition     = anytrue([for rule in google_storage_bucket.derived.lifecycle_rule : one(rule.condition).matches_prefix == tolist(["temporary/"]) && one(rule.action).type == "Delete"])
    error_message = "A lifecycle rule must delete temporary slices."
  }
  assert {
    condition = (
      google_sql_database_instance.main.settings[0].backup_configuration[0].enabled &&
      google_sql_database_instance.main.settings[0].backup_configuration[0].point_in_time_recovery_enabled
    )
    error_message = "The database must have backups and point-in-time recovery."
  }
  assert {
    condition = (
      google_sql_database_instance.main.settings[0].connector_enforcement == "REQUIRED" &&
      length(google_sql_database_instance.main.settings[0].ip_configuration[0].authorized_networks) == 0
    )
    error_message = "The database must accept only its connector."
  }
  assert {
    condition = alltrue([
      for user in concat(values(google_sql_user.function), [google_sql_user.migrator]) :
      user.type == "CLOUD_IAM_SERVICE_ACCOUNT" && user.password == null
    ])
    error_message = "No database user may have a password."
  }
  assert {
    condition = alltrue([
      for user in values(google_sql_user.function) :
      contains(google_cloud_run_v2_job.migrate.template[0].template[0].containers[0].args, user.name)
    ])
    error_message = "The migration must grant every function its tables."
  }

  # Monitoring
  assert {
    condition = alltrue([
      for alert in google_monitoring_alert_policy.alert :
      length(alert.notification_channels) == 1 && length(alert.documentation[0].content) > 40
    ])
    error_message = "Every alert must notify somebody and give advice."
  }
  assert {
    condition     = toset(keys(google_monitoring_alert_policy.alert)) == toset(["dead_letters", "old_messages", "failed_pipelines", "server_errors", "connections"])
    error_message = "There must be five alerts."
  }
  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.main.dashboard_json).mosaicLayout.tiles) == length(local.charts)
    error_message = "The dashboard must hold every chart."
  }
  assert {
    condition     = google_billing_budget.month[0].amount[0].specified_amount[0].units == "100"
    error_message = "The budget must match the variable."
  }
}

run "too_many_connections" {
  command = plan

  variables {
    pool_size = 50
  }
  expect_failures = [google_sql_database_instance.main]
}

# The tests use the topology that `make docs` generates from the code.
run "topology" {
  command = plan

  assert {
    condition = alltrue([
      for name, s in google_pubsub_subscription.push :
      s.ack_deadline_seconds == jsondecode(file("topology.auto.tfvars.json")).subscriptions[name].ack_deadline_seconds &&
      jsondecode(file("topology.auto.tfvars.json")).subscriptions[name].topic == var.subscriptions[name].topic
    ]) && length(google_pubsub_subscription.push) == length(jsondecode(file("topology.auto.tfvars.json")).subscriptions)
    error_message = "Subscriptions must match topology.auto.tfvars.json."
  }
  assert {
    condition     = toset(keys(google_pubsub_topic.topic)) == toset(jsondecode(file("topology.auto.tfvars.json")).topics)
    error_message = "Topics must match topology.auto.tfvars.json."
  }
  assert {
    condition     = toset(keys(google_cloud_run_v2_service.function)) == toset(keys(jsondecode(file("topology.auto.tfvars.json")).functions))
    error_message = "Functions must match topology.auto.tfvars.json."
  }
}
