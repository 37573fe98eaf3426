resource "google_pubsub_subscription" "push" {
  for_each                   = var.subscriptions
  name                       = each.key
  topic                      = google_pubsub_topic.topic[each.value.topic].id
  ack_deadline_seconds       = each.value.ack_deadline_seconds
  message_retention_duration = "604800s"

  push_config {
    push_endpoint = google_cloud_run_v2_service.function[each.value.function].uri

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloud_run_v2_service.function[each.value.function].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "60s"
  }

  # The dead letters' own subscription has no such policy: it retries a message for up to 7 days.
  dynamic "dead_letter_policy" {
    for_each = each.value.topic == var.dead_letter_topic ? [] : [var.max_delivery_attempts]
    content {
      dead_letter_topic     = google_pubsub_topic.topic[var.dead_letter_topic].id
      max_delivery_attempts = dead_letter_policy.value
    }
  }

  # Otherwise Pub/Sub deletes a subscription after a month without use.
  expiration_policy {
    ttl = ""
  }

  depends_on = [
    google_cloud_run_v2_service_iam_member.push,
    google_service_account_iam_member.pubsub_signs_tokens,
  ]
}

# When Pub/Sub forwards a dead letter, it acknowledges it here, and needs this role for that.
resource "google_pubsub_subscription_iam_member" "forwards" {
  for_each     = { for name, s in var.subscriptions : name => s if s.topic != var.dead_letter_topic }
  subscription = google_pubsub_subscription.push[each.key].id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
