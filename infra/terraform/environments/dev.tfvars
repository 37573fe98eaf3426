# The cheapest set-up: no idle instance, and the smallest database with enough connections.
environment   = "dev"
scale_to_zero = true
max_instances = 2

database = {
  tier                = "db-g1-small"
  disk_gib            = 10
  high_availability   = false
  max_connections     = 150
  retained_backups    = 3
  deletion_protection = false
}

delete_data_with_deployment = true
